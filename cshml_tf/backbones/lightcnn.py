"""LightCNN-9 and LightCNN-29, whose activation is the maximum of two maps.

Source: Wu et al., "A Light CNN for Deep Face Representation with Noisy Labels", IEEE TIFS 2018, from which the
layer names come. The paper's input is grey, 128 x 128, and its embedding has 256 values. Our changes: RGB of any
size, batch norm as an option, and dropout before the embedding layer, while the paper drops values of the
embedding itself. The CS-MHL-Net paper does not state which of the two it used.
"""

from collections.abc import Sequence

import keras
from keras import ops

from cshml_tf.layers.preprocessing import Shape
from cshml_tf.losses import Tensor

# Residual units before convolutions 2 to 5.
_UNITS = {9: (0, 0, 0, 0), 29: (1, 2, 3, 4)}


@keras.saving.register_keras_serializable("cshml_tf")
class MaxFeatureMap(keras.layers.Layer):
    """The elementwise maximum of the first and the second half of the channels.

    Call with (..., 2 n) of any precision; returns (..., n) of the same precision.
    Source: the paper's MFM 2/1.
    """

    def build(self, input_shape: Shape) -> None:
        """Check that the number of channels is even.

        Raises:
            ValueError: the number of channels is odd.
        """
        if (input_shape[-1] or 1) % 2:
            raise ValueError(f"MaxFeatureMap: expected an even number of channels, got {input_shape[-1]}")

    def call(self, x: Tensor) -> Tensor:
        """Reduce (..., 2 n) to (..., n)."""
        first, second = ops.split(x, 2, axis=-1)  # pyright: ignore[reportGeneralTypeIssues]  # never None
        return ops.maximum(first, second)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Halve the number of channels."""
        return (*input_shape[:-1], (input_shape[-1] or 0) // 2)


def lightcnn(
    image_size: Sequence[int] = (112, 96),
    embedding_size: int = 512,
    depth: int = 9,
    batch_norm: bool = False,
    dropout: float = 0.2,
) -> keras.Model:
    """Build LightCNN: 1.29 or 8.38 million weights up to the last map, and most of the remaining ones after it.

    Args:
        image_size: (height, width), each at least 16.
        embedding_size: E.
        depth: 9 or 29.
        batch_norm: whether batch norm follows each convolution, instead of biases, and the last layer. The paper
            uses none; without it, training needs lower learning rates or collapses.
        dropout: fraction of the flattened last map dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool", "block_a", "block_b",
        "block_c", the outputs of pools 1 to 4, each (batch, h, w, channels), and "embedding" (batch, E), not
        normalised.

    Raises:
        ValueError: an unknown depth, or an image with a side below 16.
    """
    if depth not in _UNITS:
        raise ValueError(f"depth: expected one of {', '.join(map(str, _UNITS))}, got {depth!r}")
    if min(image_size) < 16:
        raise ValueError(
            f"image_size of lightcnn: expected at least 16 x 16, got {image_size[0]} x {image_size[1]}"
        )
    # Sizes in comments are for 112 x 96.
    images = keras.Input((*image_size, 3), name="images")
    x = _conv(images, 48, 5, "conv1", batch_norm)  # pyright: ignore[reportArgumentType]
    x = keras.layers.MaxPooling2D(2, name="pool1")(x)
    taps = {"stem_pool": x}  # 56 x 48 x 48
    x = _stage(x, 96, _UNITS[depth][0], "conv2", batch_norm)
    x = keras.layers.MaxPooling2D(2, name="pool2")(x)
    taps["block_a"] = x  # 28 x 24 x 96
    x = _stage(x, 192, _UNITS[depth][1], "conv3", batch_norm)
    x = keras.layers.MaxPooling2D(2, name="pool3")(x)
    taps["block_b"] = x  # 14 x 12 x 192
    x = _stage(x, 128, _UNITS[depth][2], "conv4", batch_norm)
    x = _stage(x, 128, _UNITS[depth][3], "conv5", batch_norm)
    x = keras.layers.MaxPooling2D(2, name="pool4")(x)
    taps["block_c"] = x  # 7 x 6 x 128
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    x = keras.layers.Dense(2 * embedding_size, kernel_initializer="lecun_normal", name="fc1")(x)
    x = MaxFeatureMap(name="fc1.mfm")(x)
    taps["embedding"] = _norm(x, "embedding") if batch_norm else x
    return keras.Model(images, taps, name="backbone")


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.BatchNormalization(name=f"{name}.norm")(x)


def _conv(x: keras.KerasTensor, filters: int, kernel_size: int, name: str, batch_norm: bool) -> keras.KerasTensor:
    """Convolve to twice as many maps, and keep the maximum of each pair."""
    # The maximum of two independent values with the same symmetric distribution has the mean square of either, so
    # with this initialiser every convolution keeps the scale of its maps, even without batch norm.
    conv = keras.layers.Conv2D(
        2 * filters,
        kernel_size,
        padding="same",
        use_bias=not batch_norm,
        kernel_initializer="lecun_normal",
        name=name,
    )
    x = _norm(conv(x), name) if batch_norm else conv(x)
    return MaxFeatureMap(name=f"{name}.mfm")(x)


def _stage(x: keras.KerasTensor, filters: int, units: int, name: str, batch_norm: bool) -> keras.KerasTensor:
    """Apply residual units, a 1x1 convolution that keeps the number of maps, and a 3x3 one to `filters` maps."""
    maps = x.shape[-1]
    for index in range(1, units + 1):
        y = _conv(x, maps, 3, f"{name}_x.unit_{index}.1", batch_norm)
        y = _conv(y, maps, 3, f"{name}_x.unit_{index}.2", batch_norm)
        x = keras.layers.Add(name=f"{name}_x.unit_{index}.add")([x, y])
    x = _conv(x, maps, 1, f"{name}a", batch_norm)
    return _conv(x, filters, 3, name, batch_norm)
