"""A small residual network for demonstrations and tests: about 1 ms per face on one core.

Source: He et al., "Deep Residual Learning for Image Recognition", 2016, for the residual unit. The last map is
flattened instead of averaged, as in other face networks, because positions in an aligned face carry information.
"""

from collections.abc import Sequence

import keras
from keras import layers


def small_resnet(
    image_size: Sequence[int] = (112, 96), embedding_size: int = 512, width: int = 16, dropout: float = 0.2
) -> keras.Model:
    """Build the network: a stem, and three stages of two residual units with 1, 2 and 4 times `width` channels.

    Args:
        image_size: (height, width), each at least 16.
        embedding_size: E.
        width: channels of the first stage.
        dropout: fraction of the flattened last map dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool", "block_a",
        "block_b", "block_c" (batch, h, w, channels) and "embedding" (batch, E), not normalised.

    Raises:
        ValueError: an image with a side below 16, or a width below 1.
    """
    if min(image_size) < 16 or width < 1:
        raise ValueError(
            "image_size and width of small_resnet: expected at least 16 x 16 and 1, "
            f"got {image_size[0]} x {image_size[1]} and {width}"
        )
    # Sizes in comments are for 112 x 96.
    images = keras.Input((*image_size, 3), name="images")
    x = _conv(images, width, "stem.conv", strides=2)  # pyright: ignore[reportArgumentType]
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


def _conv(x: keras.KerasTensor, filters: int, name: str, strides: int = 1, size: int = 3) -> keras.KerasTensor:
    conv = layers.Conv2D(filters, size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=name)
    return conv(x)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # Runs are short, so the moving statistics must settle within a few hundred steps.
    return layers.BatchNormalization(momentum=0.9, name=f"{name}.norm")(x)


def _residual_unit(x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
    """Apply two convolutions and a shortcut, which is an average pool and a 1x1 convolution if the shape changes.

    Unlike a stride in the 1x1 convolution, the pool uses every pixel. (It also avoids a fault of oneDNN, whose
    strided 1x1 convolution corrupts memory when two logical CPUs run it.)
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
