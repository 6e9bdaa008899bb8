"""Bicubic down to a low resolution and back up, 8 bits at the low resolution: the degradation of the paper."""

import functools
from collections.abc import Sequence

import numpy as np

from cshml_tf.degradation.bicubic import resize, resize_with
from cshml_tf.degradation.kernel import ArrayOrTensor, cubic_weights


def bicubic_round_trip(
    pixels: ArrayOrTensor, sizes: Sequence[tuple[int, int]], choice: ArrayOrTensor, antialias: bool
) -> ArrayOrTensor:
    """Reduce pictures and enlarge them again, each time along the width first, then along the height.

    Args:
        pixels: (batch, H, W, 3), any real dtype, RGB 0..255; with one size, H and W of a tensor may be unknown
            until the graph runs.
        sizes: (h, w) of each resolution; one for arrays.
        choice: (batch,) integers, the index of each picture's size; ignored if there is only one.
        antialias: whether the reduction is filtered, with clipping and rounding to 8 bits after every pass as PIL
            does. Otherwise pictures are rounded at the low resolution and at the end, as TensorFlow does.

    Returns:
        (batch, H, W, 3) float32, whole numbers 0..255.
    """
    if None in pixels.shape[1:3]:
        return _of_unknown_size(pixels, sizes[0], antialias)
    down_rows, up_rows = _matrices(pixels.shape[1], tuple(size[0] for size in sizes), antialias)
    down_columns, up_columns = _matrices(pixels.shape[2], tuple(size[1] for size in sizes), antialias)

    def chosen(matrices: np.ndarray) -> ArrayOrTensor:
        if len(sizes) == 1:
            return matrices[0]
        from cshml_tf.degradation.tensors import matrices_of

        return matrices_of(matrices, choice)

    low = resize_with(pixels, chosen(down_rows), chosen(down_columns), antialias)
    return resize_with(low, chosen(up_rows), chosen(up_columns), antialias)


def _of_unknown_size(pixels: ArrayOrTensor, size: tuple[int, int], antialias: bool) -> ArrayOrTensor:
    from cshml_tf.degradation.tensors import sides_of

    low = resize(pixels, *size, antialias=antialias, whole_between=antialias)
    height, width = sides_of(pixels)
    return resize(low, height, width, antialias, whole_between=antialias)


@functools.lru_cache(maxsize=64)
def _matrices(side: int, low_sides: tuple[int, ...], antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """Stack the matrices that reduce to each of several low sides, and those that enlarge again.

    All are padded with zeros to the largest low side: padding rows produce zeros, which padding columns ignore.
    """
    largest = max(low_sides)
    down = np.zeros((len(low_sides), largest, side))
    up = np.zeros((len(low_sides), side, largest))
    for index, low in enumerate(low_sides):
        down[index, :low] = cubic_weights(low, side, antialias=antialias)
        # Antialiasing affects only reductions, and enlarging is one if the low side is longer than the picture's.
        up[index, :, :low] = cubic_weights(side, low, antialias=antialias)
    return down, up
