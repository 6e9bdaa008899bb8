"""Inception-ResNet-v1 as FaceNet defines it, with the stem pool's stride as an option.

Sources: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning",
2016; FaceNet's definition, from which the layer names come, with a dot for each level of scope. The CS-MHL-Net
paper sets the stride of the stem's pool to 1, to suit faces of 112 x 96.
"""

from collections.abc import Sequence

import keras
from keras import layers

_CHANNELS = -1


def inception_resnet_v1(
    image_size: Sequence[int] = (112, 96),
    embedding_size: int = 512,
    stem_pool_stride: int = 1,
    dropout: float = 0.2,
) -> keras.Model:
    """Build Inception-ResNet-v1: 23,497,424 weights with an embedding of 512.

    Args:
        image_size: (height, width).
        embedding_size: E.
        stem_pool_stride: 1 as in CS-MHL-Net, or 2 as in FaceNet.
        dropout: fraction of the pooled values dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool", "block_a",
        "block_b", "block_c" (batch, h, w, channels) and "embedding" (batch, E), not normalised.
        "block_c" is the output of the fifth block C, before the sixth, which has scale 1 and no ReLU.

    Raises:
        ValueError: the stride is neither 1 nor 2, or the image is too small for the strides.
    """
    if stem_pool_stride not in (1, 2):
        raise ValueError(f"stem_pool_stride: expected 1 or 2, got {stem_pool_stride}")
    _check_size(image_size, stem_pool_stride)

    # Sizes in comments are for 112 x 96 and a stem pool of stride 1.
    images = keras.Input((*image_size, 3), name="images")
    x = _conv(images, 32, 3, "Conv2d_1a_3x3", strides=2, padding="valid")  # 55 x 47  # pyright: ignore[reportArgumentType]
    x = _conv(x, 32, 3, "Conv2d_2a_3x3", padding="valid")  # 53 x 45
    x = _conv(x, 64, 3, "Conv2d_2b_3x3")  # 53 x 45
    x = layers.MaxPooling2D(3, stem_pool_stride, name="MaxPool_3a_3x3")(x)  # 51 x 43 x 64
    taps = {"stem_pool": x}
    x = _conv(x, 80, 1, "Conv2d_3b_1x1")
    x = _conv(x, 192, 3, "Conv2d_4a_3x3", padding="valid")  # 49 x 41
    x = _conv(x, 256, 3, "Conv2d_4b_3x3", strides=2, padding="valid")  # 24 x 20
    for index in range(1, 6):
        x = _block35(x, f"Repeat.block35_{index}")
    taps["block_a"] = x  # 24 x 20 x 256
    x = _reduction_a(x, "Mixed_6a")  # 11 x 9
    for index in range(1, 11):
        x = _block17(x, f"Repeat_1.block17_{index}")
    taps["block_b"] = x  # 11 x 9 x 896
    x = _reduction_b(x, "Mixed_7a")  # 5 x 4
    for index in range(1, 6):
        x = _block8(x, f"Repeat_2.block8_{index}")
    taps["block_c"] = x  # 5 x 4 x 1792
    x = _block8(x, "Block8", scale=1.0, relu=False)
    x = layers.GlobalAveragePooling2D(name="AvgPool")(x)
    x = layers.Dropout(dropout, name="Dropout")(x)
    x = layers.Dense(embedding_size, use_bias=False, name="Bottleneck")(x)
    taps["embedding"] = _batch_norm(x, "Bottleneck")
    return keras.Model(images, taps, name="backbone")


def _batch_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # FaceNet's batch norm has a shift but no scale.
    norm = layers.BatchNormalization(momentum=0.995, epsilon=0.001, scale=False, name=f"{name}.BatchNorm")
    return norm(x)


def _conv(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, int],
    name: str,
    strides: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    conv = layers.Conv2D(filters, kernel_size, strides, padding, use_bias=False, name=name)
    return layers.ReLU(name=f"{name}.Relu")(_batch_norm(conv(x), name))


def _residual(
    x: keras.KerasTensor, branches: list[keras.KerasTensor], name: str, scale: float, relu: bool
) -> keras.KerasTensor:
    """Concatenate the branches, project them to x's channels with a biased 1x1 convolution, scale and add them."""
    mixed = layers.Concatenate(_CHANNELS, name=f"{name}.concat")(branches)
    up = layers.Conv2D(x.shape[_CHANNELS], 1, name=f"{name}.Conv2d_1x1")(mixed)
    if scale != 1.0:
        up = layers.Rescaling(scale, name=f"{name}.scale")(up)
    x = layers.Add(name=f"{name}.add")([x, up])
    return layers.ReLU(name=f"{name}.Relu")(x) if relu else x


def _block35(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply block A, with residual scale 0.17."""
    one = _conv(x, 32, 1, f"{name}.Branch_0.Conv2d_1x1")
    two = _conv(x, 32, 1, f"{name}.Branch_1.Conv2d_0a_1x1")
    two = _conv(two, 32, 3, f"{name}.Branch_1.Conv2d_0b_3x3")
    three = _conv(x, 32, 1, f"{name}.Branch_2.Conv2d_0a_1x1")
    three = _conv(three, 32, 3, f"{name}.Branch_2.Conv2d_0b_3x3")
    three = _conv(three, 32, 3, f"{name}.Branch_2.Conv2d_0c_3x3")
    return _residual(x, [one, two, three], name, scale=0.17, relu=True)


def _block17(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply block B, with residual scale 0.10."""
    one = _conv(x, 128, 1, f"{name}.Branch_0.Conv2d_1x1")
    two = _conv(x, 128, 1, f"{name}.Branch_1.Conv2d_0a_1x1")
    two = _conv(two, 128, (1, 7), f"{name}.Branch_1.Conv2d_0b_1x7")
    two = _conv(two, 128, (7, 1), f"{name}.Branch_1.Conv2d_0c_7x1")
    return _residual(x, [one, two], name, scale=0.10, relu=True)


def _block8(x: keras.KerasTensor, name: str, scale: float = 0.20, relu: bool = True) -> keras.KerasTensor:
    """Apply block C, with residual scale 0.20."""
    one = _conv(x, 192, 1, f"{name}.Branch_0.Conv2d_1x1")
    two = _conv(x, 192, 1, f"{name}.Branch_1.Conv2d_0a_1x1")
    two = _conv(two, 192, (1, 3), f"{name}.Branch_1.Conv2d_0b_1x3")
    two = _conv(two, 192, (3, 1), f"{name}.Branch_1.Conv2d_0c_3x1")
    return _residual(x, [one, two], name, scale, relu)


def _reduction_a(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Halve the map between blocks A and B: 256 to 896 channels."""
    one = _conv(x, 384, 3, f"{name}.Branch_0.Conv2d_1a_3x3", strides=2, padding="valid")
    two = _conv(x, 192, 1, f"{name}.Branch_1.Conv2d_0a_1x1")
    two = _conv(two, 192, 3, f"{name}.Branch_1.Conv2d_0b_3x3")
    two = _conv(two, 256, 3, f"{name}.Branch_1.Conv2d_1a_3x3", strides=2, padding="valid")
    pool = layers.MaxPooling2D(3, 2, name=f"{name}.Branch_2.MaxPool_1a_3x3")(x)
    return layers.Concatenate(_CHANNELS, name=f"{name}.concat")([one, two, pool])


def _reduction_b(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Halve the map between blocks B and C: 896 to 1792 channels."""
    one = _conv(x, 256, 1, f"{name}.Branch_0.Conv2d_0a_1x1")
    one = _conv(one, 384, 3, f"{name}.Branch_0.Conv2d_1a_3x3", strides=2, padding="valid")
    two = _conv(x, 256, 1, f"{name}.Branch_1.Conv2d_0a_1x1")
    two = _conv(two, 256, 3, f"{name}.Branch_1.Conv2d_1a_3x3", strides=2, padding="valid")
    three = _conv(x, 256, 1, f"{name}.Branch_2.Conv2d_0a_1x1")
    three = _conv(three, 256, 3, f"{name}.Branch_2.Conv2d_0b_3x3")
    three = _conv(three, 256, 3, f"{name}.Branch_2.Conv2d_1a_3x3", strides=2, padding="valid")
    pool = layers.MaxPooling2D(3, 2, name=f"{name}.Branch_3.MaxPool_1a_3x3")(x)
    return layers.Concatenate(_CHANNELS, name=f"{name}.concat")([one, two, three, pool])


def _check_size(image_size: Sequence[int], stem_pool_stride: int) -> None:
    """Refuse an image too small for the unpadded 3x3 windows."""
    # The strides of the unpadded windows, in order: 1a, 2a, the pool, 4a, 4b, Mixed_6a, Mixed_7a.
    strides = (2, 1, stem_pool_stride, 1, 2, 2, 2)
    smallest = 1
    for stride in reversed(strides):
        smallest = (smallest - 1) * stride + 3
    if min(image_size) < smallest:
        raise ValueError(
            f"image_size of inception_resnet_v1, stem_pool_stride {stem_pool_stride}: expected at least "
            f"{smallest} x {smallest}, got {image_size[0]} x {image_size[1]}"
        )
