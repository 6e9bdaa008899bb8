"""The camera far away: bicubic down to a low resolution, 8 bits, and bicubic back up.

The paper resizes with bicubic interpolation in its tests and leaves the reduction open. It is antialiased here
by default, because plain reduction is another task: on faces the two differ by 10 to 20 grey levels a pixel.
"""

import functools

import numpy as np

from cshml_tf.degradation.bicubic import resize, resize_with
from cshml_tf.degradation.kernel import cubic_weights
from cshml_tf.degradation.resolution import resolution_sides

MODES = ("antialias", "plain")


def degrade(pixels, resolution, mode="antialias"):
    """Show faces as a camera of low resolution would have stored them, at their own size.

    Down to the resolution and back up, each time first the columns and then the rows; clipped and rounded to
    8 bits after each pass as PIL does, so that "antialias" is PIL's bicubic to the last bit. "plain" is
    TensorFlow's unfiltered bicubic, which rounds at the low resolution and at the end alone.

    Args:
        pixels: (batch, H, W, 3), any real dtype, RGB 0..255; within a graph H and W may be unknown.
        resolution: r for r x r, or (h, w).
        mode: "antialias" (default) or "plain": how the reduction is filtered.

    Returns:
        (batch, H, W, 3) float32, whole numbers 0..255.

    Raises:
        ValueError: unknown mode, a resolution that is none, or pixels of other than four axes.
    """
    if len(pixels.shape) == 4 and None in pixels.shape[1:3]:
        return _degrade_unknown_size(pixels, resolution_sides(resolution), mode)
    return degrade_each(pixels, [resolution], None, mode)


def degrade_each(pixels, resolutions, choice, mode="antialias"):
    """Degrade each picture to a resolution of its own: `degrade` for a network of several resolutions.

    Args:
        pixels: (batch, H, W, 3), any real dtype, RGB 0..255; H and W known.
        resolutions: a list of r or (h, w).
        choice: (batch,) integers, which of the resolutions each picture gets; not looked at where there is one.
        mode: "antialias" or "plain".

    Returns:
        (batch, H, W, 3) float32, whole numbers 0..255.

    Raises:
        ValueError: as `degrade`; also an empty list of resolutions.
    """
    shape = tuple(pixels.shape)
    if len(shape) != 4 or shape[1] is None or shape[2] is None:
        raise ValueError(f"pixels: expected (batch, height, width, 3) of known size, got {shape}")
    sizes = tuple(resolution_sides(resolution) for resolution in resolutions)
    if isinstance(pixels, np.ndarray) and len(sizes) > 1:
        return _degrade_groups(pixels, sizes, np.asarray(choice), mode)
    down_rows, up_rows = _round_trip(shape[1], tuple(size[0] for size in sizes), mode)
    down_columns, up_columns = _round_trip(shape[2], tuple(size[1] for size in sizes), mode)

    def chosen(matrices):
        if len(sizes) == 1:
            return matrices[0]
        from cshml_tf.degradation.tensors import matrices_of

        return matrices_of(matrices, choice)

    whole_between = mode == "antialias"
    low = resize_with(pixels, chosen(down_rows), chosen(down_columns), whole_between)
    return resize_with(low, chosen(up_rows), chosen(up_columns), whole_between)


def _degrade_groups(pixels, sizes, choice, mode):
    """Degrade the arrays of each resolution together, each group in one product of matrices."""
    degraded = np.empty(pixels.shape, np.float32)
    for index, size in enumerate(sizes):
        group = choice == index
        if group.any():
            degraded[group] = degrade_each(pixels[group], [size], None, mode)
    return degraded


def _degrade_unknown_size(pixels, sides, mode):
    from keras import ops

    _check_mode(mode)
    antialias = mode == "antialias"
    low = resize(pixels, *sides, antialias, whole_between=antialias)
    return resize(low, *ops.shape(pixels)[1:3], antialias, whole_between=antialias)


@functools.lru_cache(maxsize=64)
def _round_trip(side, low_sides, mode):
    """Stack the down and the up matrices of several low sides, padded with zeros to the largest.

    The rows of padding give zeros, which the columns of padding ignore.
    """
    _check_mode(mode)
    if not low_sides:
        raise ValueError("resolutions: expected at least one, got none")
    largest = max(low_sides)
    down = np.zeros((len(low_sides), largest, side))
    up = np.zeros((len(low_sides), side, largest))
    for index, low in enumerate(low_sides):
        down[index, :low] = cubic_weights(low, side, antialias=mode == "antialias")
        # Antialiasing acts on a reduction only: a low side beyond the picture's is a reduction here.
        up[index, :, :low] = cubic_weights(side, low, antialias=mode == "antialias")
    return down, up


def _check_mode(mode):
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
