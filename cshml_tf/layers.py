"""The layers around a backbone: pixels to a standardised picture, and embeddings to cosines.

Every layer here computes in float32 whatever the precision of the backbone between them.
"""

import keras
import numpy as np
from keras import ops

from cshml_tf.bicubic import resize

# What a fixed standardisation subtracts from pixels, and then divides by.
_FIXED = {"fixed": (127.5, 128.0), "symmetric": (127.5, 127.5), "none": (0.0, 1.0)}
STANDARDISATIONS = ("per_image", *_FIXED)


def l2_normalise(vectors, axis=-1):
    """Scale vectors to unit length; a zero vector stays zero, and its gradient is finite.

    Args:
        vectors: (..., n); float16 and bfloat16 are computed in float32.
        axis: the axis of the vectors' components.

    Returns:
        The same shape.
    """
    if keras.backend.standardize_dtype(vectors.dtype) in ("float16", "bfloat16"):
        vectors = ops.cast(vectors, "float32")
    squared_length = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squared_length, 1e-24))


def fit_to_size(pixels, image_size):
    """Resize faces of any size as `FitToSize` does, the very same picture.

    Args:
        pixels: (batch, H, W, 3), 0..255, array or tensor.
        image_size: (height, width).

    Returns:
        (batch, height, width, 3) float32, 0..255; an array for an array.
    """
    if tuple(pixels.shape[1:3]) != tuple(image_size):
        return resize(pixels, *image_size)
    return pixels.astype(np.float32) if isinstance(pixels, np.ndarray) else ops.cast(pixels, "float32")


class _Float32Layer(keras.layers.Layer):
    """A layer whose arithmetic is always float32, under any mixed-precision policy."""

    def __init__(self, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)


@keras.saving.register_keras_serializable("cshml_tf")
class FitToSize(_Float32Layer):
    """Resize faces of any size to the network's: bicubic, antialiased where they shrink, 8-bit levels.

    Faces that have the size already pass unchanged.

    Args:
        image_size: (height, width) of the network's input.

    Call with pixels (batch, H, W, 3), 0..255; gives (batch, height, width, 3) float32, 0..255.
    """

    def __init__(self, image_size, **kwargs):
        super().__init__(**kwargs)
        self.image_size = tuple(image_size)

    def call(self, pixels):
        return fit_to_size(pixels, self.image_size)

    def compute_output_shape(self, pixels_shape):
        return (pixels_shape[0], *self.image_size, pixels_shape[3])

    def get_config(self):
        return super().get_config() | {"image_size": self.image_size}


@keras.saving.register_keras_serializable("cshml_tf")
class Standardise(_Float32Layer):
    """Bring pixels to the range a network was trained on.

    Args:
        mode: "per_image", the pre-whitening of the paper and FaceNet,
            (x - mean) / max(std, 1 / sqrt(N)) over all N values of a picture; "fixed", (x - 127.5) / 128, as
            FaceNet's published checkpoints and MobileFaceNet expect; "symmetric", (x - 127.5) / 127.5, as
            InsightFace's later networks do; "none", for networks that do it themselves.

    Call with pixels (batch, H, W, 3), 0..255; gives the same shape, float32.
    """

    def __init__(self, mode="per_image", **kwargs):
        super().__init__(**kwargs)
        if mode not in STANDARDISATIONS:
            raise ValueError(f"mode: expected one of {', '.join(STANDARDISATIONS)}, got {mode!r}")
        self.mode = mode

    def call(self, pixels):
        pixels = ops.cast(pixels, "float32")
        if self.mode in _FIXED:
            centre, width = _FIXED[self.mode]
            return (pixels - centre) / width
        axes = (1, 2, 3)
        values = ops.cast(ops.prod(ops.shape(pixels)[1:]), "float32")
        centred = pixels - ops.mean(pixels, axis=axes, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(centred), axis=axes, keepdims=True))
        return centred / ops.maximum(deviation, 1.0 / ops.sqrt(values))

    def compute_output_shape(self, pixels_shape):
        return pixels_shape

    def get_config(self):
        return super().get_config() | {"mode": self.mode}


@keras.saving.register_keras_serializable("cshml_tf")
class UnitLength(_Float32Layer):
    """L2-normalise embeddings: (batch, embedding) to the same shape, float32, each of length 1."""

    def call(self, embedding):
        return l2_normalise(embedding)


@keras.saving.register_keras_serializable("cshml_tf")
class CosFace(_Float32Layer):
    """The shared classifier: cosines between embeddings and one centre a class, the columns of W.

    It has no margin and no labels, so that training and testing see the same layer; the margin and the
    scale belong to the loss (`cshml_tf.losses.cosface`).

    Args:
        classes: number of identities.

    Call with embeddings (batch, embedding), normalised here; gives (batch, classes) float32, -1..1.
    Source: Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018.
    """

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        if classes < 1:
            raise ValueError(f"classes: expected at least 1, got {classes}")
        self.classes = int(classes)

    def build(self, embedding_shape):
        self.centres = self.add_weight(
            name="centres",
            shape=(embedding_shape[-1], self.classes),
            initializer="glorot_uniform",
        )

    def call(self, embedding):
        return ops.matmul(l2_normalise(embedding), l2_normalise(self.centres, axis=0))

    def compute_output_shape(self, embedding_shape):
        return (*embedding_shape[:-1], self.classes)

    def get_config(self):
        return super().get_config() | {"classes": self.classes}
