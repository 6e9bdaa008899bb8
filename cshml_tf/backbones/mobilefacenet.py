"""MobileFaceNet: a million weights, for phones and for processors without an accelerator.

Source: Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile Devices",
2018, table 1. The paper's input is 112 x 112 and its embedding has 128 values. Our additions: other input sizes,
where the global depthwise convolution has the size of the last map, 7 x 6 at 112 x 96; and dropout.
"""

from collections.abc import Sequence

import keras
from keras import layers

# The bottlenecks of table 1: tap after them, expansion of the channels, channels, repeats, stride of the first.
_BOTTLENECKS = (
    ("block_a", 2, 64, 5, 2),
    (None, 4, 128, 1, 2),
    ("block_b", 2, 128, 6, 1),
    (None, 4, 128, 1, 2),
    ("block_c", 2, 128, 2, 1),
)


def mobilefacenet(
    image_size: Sequence[int] = (112, 96), embedding_size: int = 512, dropout: float = 0.2
) -> keras.Model:
    """Build MobileFaceNet: 1.0 million weights at 112 x 112 with an embedding of 128, 1.2 million with 512.

    Args:
        image_size: (height, width), each at least 16.
        embedding_size: E; 128 in the paper.
        dropout: fraction of the global depthwise convolution's outputs dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool" after the two
        convolutions before the bottlenecks (there is no pool), "block_a", "block_b", "block_c" after the last
        bottleneck of each size, each (batch, h, w, channels), and "embedding" (batch, E), not normalised.

    Raises:
        ValueError: an image with a side below 16.
    """
    if min(image_size) < 16:
        raise ValueError(
            f"image_size of mobilefacenet: expected at least 16 x 16, got {image_size[0]} x {image_size[1]}"
        )
    # Sizes in comments are for 112 x 96.
    images = keras.Input((*image_size, 3), name="images")
    x = _prelu(_conv(images, 64, 3, "conv1", strides=2), "conv1")  # pyright: ignore[reportArgumentType]
    x = _prelu(_depthwise(x, 3, "conv2"), "conv2")
    taps = {"stem_pool": x}  # 56 x 48 x 64
    for number, (tap, expansion, filters, repeats, strides) in enumerate(_BOTTLENECKS, 3):
        for index in range(1, repeats + 1):
            x = _bottleneck(x, expansion, filters, strides if index == 1 else 1, f"bottleneck_{number}.{index}")
        if tap:
            taps[tap] = x  # 28 x 24 x 64, 14 x 12 x 128, 7 x 6 x 128
    x = _prelu(_conv(x, 512, 1, "conv8"), "conv8")
    x = _depthwise(x, x.shape[1:3], "global_depthwise", padding="valid")  # 1 x 1 x 512
    x = layers.Dropout(dropout, name="dropout")(layers.Flatten(name="flatten")(x))
    # On a single pixel, a 1x1 convolution is a dense layer.
    x = layers.Dense(embedding_size, use_bias=False, name="embedding.dense")(x)
    taps["embedding"] = _norm(x, "embedding")
    return keras.Model(images, taps, name="backbone")


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(name=f"{name}.norm")(x)


def _prelu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply PReLU with one slope per channel, initially 0.25 as in its paper."""
    prelu = layers.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2], name=f"{name}.prelu")  # pyright: ignore[reportArgumentType]
    return prelu(x)


def _conv(x: keras.KerasTensor, filters: int, kernel_size: int, name: str, strides: int = 1) -> keras.KerasTensor:
    return _norm(layers.Conv2D(filters, kernel_size, strides, "same", use_bias=False, name=name)(x), name)


def _depthwise(
    x: keras.KerasTensor,
    kernel_size: int | tuple[int, int],
    name: str,
    strides: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    conv = layers.DepthwiseConv2D(kernel_size, strides, padding, use_bias=False, name=name)
    return _norm(conv(x), name)


def _bottleneck(x: keras.KerasTensor, expansion: int, filters: int, strides: int, name: str) -> keras.KerasTensor:
    """Expand the channels, convolve each separately, project linearly; add the input if the shapes agree."""
    y = _prelu(_conv(x, expansion * x.shape[-1], 1, f"{name}.expand"), f"{name}.expand")
    y = _prelu(_depthwise(y, 3, f"{name}.depthwise", strides), f"{name}.depthwise")
    y = _conv(y, filters, 1, f"{name}.project")
    if strides == 1 and x.shape[-1] == filters:
        y = layers.Add(name=f"{name}.add")([x, y])
    return y
