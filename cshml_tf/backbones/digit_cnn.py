"""A small network for 28 x 28 digits, for the paper's toy experiment, whose network the paper does not specify.

Source of the architecture: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998:
alternating convolutions and pools, then dense layers; batch norm and PReLU are modern additions.
"""

from collections.abc import Sequence

import keras
from keras import layers


def digit_cnn(
    image_size: Sequence[int] = (28, 28), embedding_size: int = 2, width: int = 32, dropout: float = 0.0
) -> keras.Model:
    """Build the network: convolution and pool, three stages of 1, 2 and 4 times `width` channels, embedding.

    Args:
        image_size: (height, width), each at least 8.
        embedding_size: E.
        width: channels of the first stage.
        dropout: fraction of the flattened last map dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool", "block_a", "block_b",
        "block_c" (batch, h, w, channels) and "embedding" (batch, E), not normalised. An image of 28 x 28 takes 9
        million multiplications at a width of 32.

    Raises:
        ValueError: a side of the image is below 8, or the width below 1.
    """
    if min(image_size) < 8 or width < 1:
        raise ValueError(
            "image_size and width of digit_cnn: expected at least 8 x 8 and 1, "
            f"got {image_size[0]} x {image_size[1]} and {width}"
        )
    # Sizes in comments are for 28 x 28.
    images = keras.Input((*image_size, 3), name="images")
    x = _convolution(images, width, "stem")  # 28 x 28  # pyright: ignore[reportArgumentType]
    x = layers.MaxPooling2D(2, name="stem.pool")(x)
    taps = {"stem_pool": x}  # 14 x 14
    for tap, channels in (("a", width), ("b", 2 * width), ("c", 4 * width)):
        x = _convolution(x, channels, f"{tap}.1")
        x = _convolution(x, channels, f"{tap}.2")
        taps[f"block_{tap}"] = x  # 14 x 14, 7 x 7, 3 x 3
        if tap != "c":
            x = layers.MaxPooling2D(2, name=f"{tap}.pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(embedding_size, use_bias=False, name="embedding.dense")(x)
    taps["embedding"] = layers.BatchNormalization(momentum=0.9, name="embedding.norm")(x)
    return keras.Model(images, taps, name="backbone")


def _convolution(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(
        channels, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}.conv"
    )(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}.norm")(x)
    return layers.PReLU(shared_axes=(1, 2), name=f"{name}.prelu")(x)
