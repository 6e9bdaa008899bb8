"""The face ResNet of SphereFace and CosFace: residual units with PReLU, 4 to 64 convolutions.

Sources: Liu et al., "SphereFace: Deep Hypersphere Embedding for Face Recognition", CVPR 2017, table 2, for the
stages; its published definition for the biases, which only the strided convolutions have, and for the initial
weights; Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016, for the
residual unit. CosFace uses 64 convolutions. Our additions: dropout, and batch norm as an option. The CS-MHL-Net
paper does not state the depth of its ResNet.
"""

from collections.abc import Sequence

import keras
from keras import layers

# Residual units of the four stages. The depth counts convolutions: one at the start of each stage, two per unit.
_UNITS = {4: (0, 0, 0, 0), 10: (0, 1, 2, 0), 20: (1, 2, 4, 1), 36: (2, 4, 8, 2), 64: (3, 8, 16, 3)}
# Called Xavier initialisation in Caffe, in which the network was published.
_XAVIER = "lecun_uniform"


def face_resnet(
    image_size: Sequence[int] = (112, 96),
    embedding_size: int = 512,
    depth: int = 20,
    batch_norm: bool = False,
    dropout: float = 0.2,
) -> keras.Model:
    """Build the network: 22.7 million weights at 112 x 96 with 20 convolutions, 11 million in the last layer.

    Args:
        image_size: (height, width), each at least 16.
        embedding_size: E; 512 in the papers.
        depth: 4, 10, 20, 36 or 64.
        batch_norm: whether batch norm follows each convolution, instead of biases, and the last layer. The papers
            use none; without it, training needs lower learning rates or collapses.
        dropout: fraction of the flattened last map dropped in training, 0..1.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool", "block_a", "block_b",
        "block_c", the outputs of the four stages, each (batch, h, w, channels), and "embedding" (batch, E), not
        normalised. There is no pool; "stem_pool" is the output of the first stage.

    Raises:
        ValueError: an unknown depth, or an image with a side below 16.
    """
    if depth not in _UNITS:
        raise ValueError(f"depth: expected one of {', '.join(map(str, _UNITS))}, got {depth!r}")
    if min(image_size) < 16:
        raise ValueError(
            f"image_size of face_resnet: expected at least 16 x 16, got {image_size[0]} x {image_size[1]}"
        )
    # Sizes in comments are for 112 x 96.
    images = keras.Input((*image_size, 3), name="images")
    x, taps = images, {}
    stages = zip(("stem_pool", "block_a", "block_b", "block_c"), (64, 128, 256, 512), _UNITS[depth], strict=True)
    for number, (tap, filters, units) in enumerate(stages, 1):
        x = _conv(x, filters, f"conv{number}_1", batch_norm, strides=2, use_bias=not batch_norm)  # pyright: ignore[reportArgumentType]
        for index in range(1, units + 1):
            x = _residual_unit(x, f"conv{number}_x.unit_{index}", batch_norm)
        taps[tap] = x  # 56 x 48 x 64, 28 x 24 x 128, 14 x 12 x 256, 7 x 6 x 512
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(embedding_size, use_bias=not batch_norm, kernel_initializer=_XAVIER, name="fc5")(x)
    taps["embedding"] = _norm(x, "embedding") if batch_norm else x
    return keras.Model(images, taps, name="backbone")


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(name=f"{name}.norm")(x)


def _conv(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    batch_norm: bool,
    strides: int = 1,
    use_bias: bool = False,
    initializer: str | keras.Initializer = _XAVIER,
) -> keras.KerasTensor:
    """Convolve 3x3, then apply PReLU with one slope per channel, initially 0.25 as in its paper."""
    conv = layers.Conv2D(filters, 3, strides, "same", use_bias=use_bias, kernel_initializer=initializer, name=name)  # pyright: ignore[reportArgumentType]
    x = _norm(conv(x), name) if batch_norm else conv(x)
    slope = keras.initializers.Constant(0.25)
    return layers.PReLU(slope, shared_axes=[1, 2], name=f"{name}.prelu")(x)  # pyright: ignore[reportArgumentType]


def _residual_unit(x: keras.KerasTensor, name: str, batch_norm: bool) -> keras.KerasTensor:
    """Add the output of two 3x3 convolutions, each with its PReLU, to the input; nothing follows the sum."""
    y = x
    for index in (1, 2):
        # Small initial weights: a deep network without batch norm then starts close to one of four layers.
        small = keras.initializers.RandomNormal(stddev=0.01)
        y = _conv(y, x.shape[-1], f"{name}.{index}", batch_norm, initializer=small)
    return layers.Add(name=f"{name}.add")([x, y])
