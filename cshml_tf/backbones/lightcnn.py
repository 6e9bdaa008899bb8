"""LightCNN-9 and LightCNN-29, whose activation is the larger of two maps.

Source: Wu et al., "A Light CNN for Deep Face Representation with Noisy Labels", IEEE TIFS 2018, whose names the
layers bear. The paper's input is grey, 128 x 128, and its embedding has 256 values. Ours: RGB of any size,
batch norm as an option, and dropout before the embedding's layer, where the paper drops values of the embedding
itself. The paper of CS-MHL-Net does not say which of the two it took.
"""

import keras
from keras import ops

# Residual units before the convolutions 2 to 5.
_UNITS = {9: (0, 0, 0, 0), 29: (1, 2, 3, 4)}


@keras.saving.register_keras_serializable("cshml_tf")
class MaxFeatureMap(keras.layers.Layer):
    """The larger of the first and the second half of the channels, value by value.

    Call with (..., 2 n) of any precision; gives (..., n) of the same.
    Source: the paper's MFM 2/1.
    """

    def build(self, input_shape):
        """Refuse an odd number of channels."""
        if input_shape[-1] % 2:
            raise ValueError(f"MaxFeatureMap: expected an even number of channels, got {input_shape[-1]}")

    def call(self, x):
        """Map (..., 2 n) to (..., n)."""
        return ops.maximum(*ops.split(x, 2, axis=-1))

    def compute_output_shape(self, input_shape):
        """Halve the channels."""
        return (*input_shape[:-1], input_shape[-1] // 2)


def lightcnn(image_size=(112, 96), embedding_size=512, depth=9, batch_norm=False, dropout=0.2):
    """Build LightCNN: 1.29 or 8.38 million weights up to the last map, most of the others behind it.

    Args:
        image_size: (height, width), each at least 16.
        embedding_size: E.
        depth: 9 or 29.
        batch_norm: whether batch norm stands after each convolution, in place of biases, and after the last
            layer. The paper has none; without, training needs lower rates, or collapses.
        dropout: share of the flattened last map dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool", "block_a", "block_b",
        "block_c", the outputs of the pools 1 to 4, each (batch, h, w, channels), and "embedding" (batch, E), not
        normalised.

    Raises:
        ValueError: another depth, or an image of a side under 16.
    """
    if depth not in _UNITS:
        raise ValueError(f"depth: expected one of {', '.join(map(str, _UNITS))}, got {depth!r}")
    if min(image_size) < 16:
        raise ValueError(f"image_size: lightcnn needs at least 16 x 16, got {image_size[0]} x {image_size[1]}")
    # Sizes in comments are for 112 x 96.
    images = keras.Input((*image_size, 3), name="images")
    x = _conv(images, 48, 5, "conv1", batch_norm)
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


def _norm(x, name):
    return keras.layers.BatchNormalization(name=f"{name}.norm")(x)


def _conv(x, filters, kernel_size, name, batch_norm):
    """Convolve to twice as many maps, and keep the larger of each two."""
    # The larger of two alike symmetric values has the mean square of one of them: with this initialiser every
    # convolution keeps the scale of its maps, and there is no batch norm to do it.
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


def _stage(x, filters, units, name, batch_norm):
    """Run residual units, a 1x1 convolution that keeps the number of maps, and a 3x3 one to `filters` maps."""
    maps = x.shape[-1]
    for index in range(1, units + 1):
        y = _conv(x, maps, 3, f"{name}_x.unit_{index}.1", batch_norm)
        y = _conv(y, maps, 3, f"{name}_x.unit_{index}.2", batch_norm)
        x = keras.layers.Add(name=f"{name}_x.unit_{index}.add")([x, y])
    x = _conv(x, maps, 1, f"{name}a", batch_norm)
    return _conv(x, filters, 3, name, batch_norm)
