"""The layers before a backbone: degrade pictures, fit them to the network's size, standardise them.

Every layer here computes in float32 regardless of the backbone's precision.
"""

# pyright: reportOptionalOperand=false, reportOptionalSubscript=false, reportOperatorIssue=false
# keras.ops has no annotations: pyright infers the union of all backends' types, which includes None.

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from cshml_tf.degradation.bicubic import resize
from cshml_tf.degradation.degrade import DRAWN, check_mode, degrade_each
from cshml_tf.degradation.resolution import Resolution, resolution_sides
from cshml_tf.losses import Tensor

Shape: TypeAlias = tuple[int | None, ...]

# The number that a fixed standardisation subtracts from the pixels, and its divisor.
_FIXED = {"fixed": (127.5, 128.0), "symmetric": (127.5, 127.5), "none": (0.0, 1.0)}
STANDARDISATIONS = ("per_image", *_FIXED)


def fit_to_size(pixels: Tensor, image_size: Sequence[int]) -> Tensor:
    """Resize faces of any size exactly as `FitToSize` does.

    Args:
        pixels: (batch, H, W, 3), 0..255, array or tensor.
        image_size: (height, width).

    Returns:
        (batch, height, width, 3) float32, 0..255; an array if `pixels` is an array,
        otherwise a tensor.
    """
    height, width = image_size
    if tuple(pixels.shape[1:3]) != (height, width):
        return resize(pixels, height, width)
    return pixels.astype(np.float32) if isinstance(pixels, np.ndarray) else ops.cast(pixels, "float32")


class Float32Layer(keras.layers.Layer):
    """A layer whose arithmetic is float32 under any mixed-precision policy."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)


@keras.saving.register_keras_serializable("cshml_tf")
class FitToSize(Float32Layer):
    """Resize faces of any size to the network's: bicubic, antialiased when shrinking, rounded to 8-bit levels.

    Faces that already have the right size pass unchanged.

    Args:
        image_size: (height, width) of the network's input.
        **kwargs: arguments of `keras.layers.Layer`.

    Call with pixels (batch, H, W, 3), 0..255; returns (batch, height, width, 3) float32, 0..255.
    """

    def __init__(self, image_size: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_size = tuple(image_size)

    def call(self, pixels: Tensor) -> Tensor:
        return fit_to_size(pixels, self.image_size)

    def compute_output_shape(self, pixels_shape: Shape) -> Shape:
        return (pixels_shape[0], *self.image_size, pixels_shape[3])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"image_size": self.image_size}


@keras.saving.register_keras_serializable("cshml_tf")
class Standardise(Float32Layer):
    """Convert pixels to the range on which a network was trained.

    Args:
        mode: "per_image", the pre-whitening of the paper and FaceNet,
            (x - mean) / max(std, 1 / sqrt(N)) over all N values of a picture; "fixed", (x - 127.5) / 128, as
            FaceNet's published checkpoints and MobileFaceNet expect; "symmetric", (x - 127.5) / 127.5, as
            InsightFace's later networks expect; "none", for networks that standardise pixels themselves.
        **kwargs: arguments of `keras.layers.Layer`.

    Call with pixels (batch, H, W, 3), 0..255; returns the same shape, float32.
    """

    def __init__(self, mode: str = "per_image", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in STANDARDISATIONS:
            raise ValueError(f"mode: expected one of {', '.join(STANDARDISATIONS)}, got {mode!r}")
        self.mode = mode

    def call(self, pixels: Tensor) -> Tensor:
        pixels = ops.cast(pixels, "float32")
        if self.mode in _FIXED:
            centre, width = _FIXED[self.mode]
            return (pixels - centre) / width
        axes = (1, 2, 3)
        values = ops.cast(ops.prod(ops.shape(pixels)[1:]), "float32")
        centred = pixels - ops.mean(pixels, axis=axes, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(centred), axis=axes, keepdims=True))
        return centred / ops.maximum(deviation, 1.0 / ops.sqrt(values))

    def compute_output_shape(self, pixels_shape: Shape) -> Shape:
        return pixels_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mode": self.mode}


@keras.saving.register_keras_serializable("cshml_tf")
class Degrade(Float32Layer):
    """`degrade_each` as a layer: the network's first if pictures are degraded on the device.

    Args:
        resolutions: the resolutions to choose from, each r or (h, w).
        mode: "antialias" or "plain"; what draws at random is not available within a network.
        **kwargs: arguments of `keras.layers.Layer`.

    Call with pixels (batch, H, W, 3) 0..255 and choice (batch,) integers; returns what `degrade_each` returns.
    """

    def __init__(self, resolutions: Sequence[Resolution], mode: str = "antialias", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.resolutions = [resolution_sides(resolution) for resolution in resolutions]
        if check_mode(mode) in DRAWN:
            raise ValueError(f"mode: {mode} draws at random, which a network's layer does not")
        self.mode = mode

    def call(self, pixels: Tensor, choice: Tensor) -> Tensor:
        return degrade_each(pixels, self.resolutions, choice, self.mode)

    def compute_output_shape(self, pixels_shape: Shape, choice_shape: Shape) -> Shape:
        return pixels_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"resolutions": self.resolutions, "mode": self.mode}
