"""SqueezeNet, versions 1.0 and 1.1, with optional batch norm and an embedding instead of the 1000 classes.

Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016,
from which the layer names come; its authors later published version 1.1, which has the same accuracy with 2.4
times fewer operations. Taken from the paper: the convolutions, unpadded in the stem, the fire modules, the
positions of the pools, dropout, and the mean over the last map. Our changes: optional batch norm, and a linear
layer instead of the final convolution to 1000 classes with a ReLU.
"""

from collections.abc import Sequence

import keras
from keras import layers

_CHANNELS = -1

# Squeezed and expanded channels of fire2 to fire9; half of the expanded channels come from 3x3 convolutions.
_FIRES = {
    "fire2": (16, 128),
    "fire3": (16, 128),
    "fire4": (32, 256),
    "fire5": (32, 256),
    "fire6": (48, 384),
    "fire7": (48, 384),
    "fire8": (64, 512),
    "fire9": (64, 512),
}
# Channels and kernel size of conv1, and the two fire modules that are followed by a pool.
_VERSIONS = {"1.0": (96, 7, ("fire4", "fire8")), "1.1": (64, 3, ("fire3", "fire5"))}


def squeezenet(
    image_size: Sequence[int] = (112, 96),
    embedding_size: int = 512,
    version: str = "1.0",
    batch_norm: bool = False,
    dropout: float = 0.2,
) -> keras.Model:
    """Build SqueezeNet: 0.74 million weights up to the last map, and 0.26 million for an embedding of 512.

    Args:
        image_size: (height, width), each at least 35, or 31 for version 1.1.
        embedding_size: E.
        version: "1.0", the paper's, or "1.1".
        batch_norm: whether batch norm follows each convolution, instead of biases; the paper uses none.
        dropout: fraction of the last map's values dropped in training, 0..1; 0.5 in the paper.

    Returns:
        keras.Model: standardised images (batch, height, width, 3) -> dict of "stem_pool" after the first pool,
        "block_a" and "block_b" before the second and the third, "block_c" after fire9, each
        (batch, h, w, channels), and "embedding" (batch, E), not normalised.

    Raises:
        ValueError: an unknown version, or an image too small for the strides.
    """
    if version not in _VERSIONS:
        raise ValueError(f"version: expected one of {', '.join(_VERSIONS)}, got {version!r}")
    filters, kernel_size, pooled = _VERSIONS[version]
    _check_size(image_size, version, kernel_size)

    # Sizes in comments are for 112 x 96: version 1.0; 1.1.
    images = keras.Input((*image_size, 3), name="images")
    x = _conv(images, filters, kernel_size, "conv1", batch_norm, strides=2, padding="valid")  # 53 x 45; 55 x 47  # pyright: ignore[reportArgumentType]
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    taps = {"stem_pool": x}  # 26 x 22 x 96; 27 x 23 x 64
    tap_after = dict(zip((*pooled, "fire9"), ("block_a", "block_b", "block_c"), strict=True))
    for name, (squeezed, expanded) in _FIRES.items():
        x = _fire(x, squeezed, expanded, name, batch_norm)
        if name in tap_after:
            # 26 x 22 x 256, 12 x 10 x 512, 5 x 4 x 512; 27 x 23 x 128, 13 x 11 x 256, 6 x 5 x 512
            taps[tap_after[name]] = x
        if name in pooled:
            x = layers.MaxPooling2D(3, 2, name=name.replace("fire", "pool"))(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    # The mean of a linear map equals the linear map of the mean: the paper's order, with fewer operations.
    x = layers.GlobalAveragePooling2D(name="pool10")(x)
    x = layers.Dense(embedding_size, use_bias=not batch_norm, name="embedding.dense")(x)
    taps["embedding"] = _norm(x, "embedding") if batch_norm else x
    return keras.Model(images, taps, name="backbone")


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(name=f"{name}.norm")(x)


def _conv(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    name: str,
    batch_norm: bool,
    strides: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    conv = layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding,
        use_bias=not batch_norm,
        kernel_initializer="he_normal",
        name=name,
    )
    x = _norm(conv(x), name) if batch_norm else conv(x)
    return layers.ReLU(name=f"{name}.relu")(x)


def _fire(x: keras.KerasTensor, squeezed: int, expanded: int, name: str, batch_norm: bool) -> keras.KerasTensor:
    """Squeeze the channels with 1x1 convolutions, then expand them, half with 1x1 and half with 3x3 ones."""
    x = _conv(x, squeezed, 1, f"{name}.squeeze1x1", batch_norm)
    one = _conv(x, expanded // 2, 1, f"{name}.expand1x1", batch_norm)
    three = _conv(x, expanded // 2, 3, f"{name}.expand3x3", batch_norm)
    return layers.Concatenate(_CHANNELS, name=f"{name}.concat")([one, three])


def _check_size(image_size: Sequence[int], version: str, kernel_size: int) -> None:
    """Refuse an image too small for the unpadded windows: three 3x3 pools and conv1, all with stride 2."""
    smallest = 1
    for size in (3, 3, 3, kernel_size):
        smallest = (smallest - 1) * 2 + size
    if min(image_size) < smallest:
        raise ValueError(
            f"image_size of squeezenet, version {version}: expected at least {smallest} x {smallest}, "
            f"got {image_size[0]} x {image_size[1]}"
        )
