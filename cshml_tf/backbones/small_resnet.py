"""A small residual network for demonstrations and tests: a face a millisecond on one core.

Source: He et al., "Deep Residual Learning for Image Recognition", 2016, for the residual unit; the flattened
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
    x = layers.ReLU(name="stem.relu")(_norm(x, "stem"))  # 56 x 48
    x = layers.MaxPooling2D(2, name="stem.pool")(x)  # 28 x 24
    taps = {"stem_pool": x}
    for tap, stage_width, strides in (("a", width, 1), ("b", 2 * width, 2), ("c", 4 * width, 2)):
        x = _residual_unit(x, stage_width, strides, f"{tap}.unit_1")
        x = _residual_unit(x, stage_width, 1, f"{tap}.unit_2")
        taps[f"block_{tap}"] = x  # 28 x 24, 14 x 12, 7 x 6
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(embedding_size, use_bias=False, name="embedding.dense")(x)
    taps["embedding"] = _norm(x, "embedding")
    return keras.Model(images, taps, name="backbone")


def _conv(x, filters, name, strides=1, size=3):
    conv = layers.Conv2D(filters, size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=name)
    return conv(x)


def _norm(x, name):
    # Short runs: the moving statistics must settle within a few hundred steps.
    return layers.BatchNormalization(momentum=0.9, name=f"{name}.norm")(x)


def _residual_unit(x, filters, strides, name):
    """Two convolutions beside a shortcut; where the shape changes, that is a mean pool and a 1x1 convolution.

    The pool, rather than a stride in the 1x1 convolution, keeps the pixels that a stride would pass over. (It also
    keeps clear of a fault of oneDNN, whose strided 1x1 convolution corrupts memory when two logical CPUs run it.)
    """
    shortcut = x
    if strides != 1 or x.shape[-1] != filters:
        pooled = layers.AveragePooling2D(strides, padding="same", name=f"{name}.shortcut.pool")(x)
        shortcut = _norm(_conv(pooled, filters, f"{name}.shortcut", size=1), f"{name}.shortcut")
    y = _norm(_conv(x, filters, f"{name}.1.conv", strides), f"{name}.1")
    y = layers.ReLU(name=f"{name}.1.relu")(y)
    y = _norm(_conv(y, filters, f"{name}.2.conv"), f"{name}.2")
    y = layers.Add(name=f"{name}.add")([shortcut, y])
    return layers.ReLU(name=f"{name}.relu")(y)
