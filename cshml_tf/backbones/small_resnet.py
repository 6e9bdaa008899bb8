"""A small residual network for demonstrations and tests: a face a millisecond on one core.

Source: He et al., "Identity Mappings in Deep Residual Networks", 2016, for the residual unit; the flattened
last map, instead of a mean over it, is what face networks do: an aligned face keeps its places.
"""

import keras
from keras import layers


def small_resnet(image_size=(112, 96), embedding_size=512, width=16, dropout=0.2):
    """Build the network: a stem, and three stages of two residual units with 1, 2 and 4 times `width`.

    Args:
        image_size: (height, width), each at least 16.
        embedding_size: E.
        width: channels of the first stage.
        dropout: share of the flattened last map dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool", "block_a",
        "block_b", "block_c" (batch, h, w, channels) and "embedding" (batch, E), not normalised.

    Raises:
        ValueError: an image of a side under 16, or a width under 1.
    """
    if min(image_size) < 16 or width < 1:
        raise ValueError(
            "image_size and width: small_resnet needs at least 16 x 16 and 1, "
            f"got {image_size[0]} x {image_size[1]} and {width}"
        )
    # Sizes in comments are for 112 x 96.
    images = keras.Input((*image_size, 3), name="images")
    x = _conv(images, width, "stem.conv", strides=2)
    x = _norm_relu(x, "stem")  # 56 x 48
    x = layers.MaxPooling2D(2, name="stem.pool")(x)  # 28 x 24
    taps = {"stem_pool": x}
    for tap, stage_width, strides in (("a", width, 1), ("b", 2 * width, 2), ("c", 4 * width, 2)):
        x = _residual_unit(x, stage_width, strides, f"{tap}.unit_1")
        x = _residual_unit(x, stage_width, 1, f"{tap}.unit_2")
        taps[f"block_{tap}"] = x  # 28 x 24, 14 x 12, 7 x 6
    x = _norm_relu(x, "last")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(embedding_size, use_bias=False, name="embedding.dense")(x)
    taps["embedding"] = layers.BatchNormalization(momentum=0.9, name="embedding.norm")(x)
    return keras.Model(images, taps, name="backbone")


def _conv(x, filters, name, strides=1, size=3):
    conv = layers.Conv2D(filters, size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=name)
    return conv(x)


def _norm_relu(x, name):
    # Short runs: the moving statistics must settle within a few hundred steps.
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}.norm")(x)
    return layers.ReLU(name=f"{name}.relu")(x)


def _residual_unit(x, filters, strides, name):
    """Norm, ReLU, convolution, twice; the shortcut is a 1x1 convolution where the shape changes."""
    before = _norm_relu(x, f"{name}.1")
    same_shape = strides == 1 and x.shape[-1] == filters
    shortcut = x if same_shape else _conv(before, filters, f"{name}.shortcut", strides, size=1)
    y = _conv(before, filters, f"{name}.1.conv", strides)
    y = _conv(_norm_relu(y, f"{name}.2"), filters, f"{name}.2.conv")
    return layers.Add(name=f"{name}.add")([shortcut, y])
