"""Simulate a distant camera: bicubic down to a low resolution, 8 bits, and bicubic back up.

The paper resizes with bicubic interpolation in its tests and does not specify how the reduction is filtered. Here
it is antialiased by default. Plain reduction is a different task: on faces, the two differ by 10 to 20 grey levels
per pixel.
"""

import functools
from collections.abc import Sequence

import numpy as np

from cshml_tf.degradation.bicubic import resize, resize_with
from cshml_tf.degradation.kernel import ArrayOrTensor, cubic_weights
from cshml_tf.degradation.resolution import Resolution, resolution_sides

MODES = ("antialias", "plain")


def degrade(pixels: ArrayOrTensor, resolution: Resolution, mode: str = "antialias") -> ArrayOrTensor:
    """Return faces as a low-resolution camera would have stored them, at their original size.

    The pictures are reduced to the resolution and enlarged again, columns before rows each time. "antialias"
    clips and rounds to 8 bits after every pass, as PIL does, and equals PIL's bicubic to the last bit. "plain" is
    TensorFlow's unfiltered bicubic, which rounds only at the low resolution and at the end.

    Args:
        pixels: (batch, H, W, 3), any real dtype, RGB 0..255; within a graph H and W may be unknown.
        resolution: r for r x r, or (h, w).
        mode: "antialias" (default) or "plain": how the reduction is filtered.

    Returns:
        (batch, H, W, 3) float32, whole numbers 0..255.

    Raises:
        ValueError: unknown mode, invalid resolution, or pixels that do not have four axes.
    """
    if len(pixels.shape) == 4 and None in pixels.shape[1:3]:
        return _degrade_unknown_size(pixels, resolution_sides(resolution), mode)
    return degrade_each(pixels, [resolution], None, mode)


def degrade_each(
    pixels: ArrayOrTensor, resolutions: Sequence[Resolution], choice: ArrayOrTensor, mode: str = "antialias"
) -> ArrayOrTensor:
    """Degrade each picture to its own resolution: `degrade` for a network trained on several resolutions.

    Args:
        pixels: (batch, H, W, 3), any real dtype, RGB 0..255; H and W known.
        resolutions: the resolutions to choose from, each r or (h, w).
        choice: (batch,) integers, the index of each picture's resolution; ignored if there is only one.
        mode: "antialias" or "plain".

    Returns:
        (batch, H, W, 3) float32, whole numbers 0..255.

    Raises:
        ValueError: as `degrade`; also if `resolutions` is empty.
    """
    shape = tuple(pixels.shape)
    if len(shape) != 4 or shape[1] is None or shape[2] is None:
        raise ValueError(f"pixels: expected (batch, height, width, 3) of known size, got {shape}")
    sizes = tuple(resolution_sides(resolution) for resolution in resolutions)
    if isinstance(pixels, np.ndarray) and len(sizes) > 1:
        return _degrade_groups(pixels, sizes, np.asarray(choice), mode)
    down_rows, up_rows = _round_trip(shape[1], tuple(size[0] for size in sizes), mode)
    down_columns, up_columns = _round_trip(shape[2], tuple(size[1] for size in sizes), mode)

    def chosen(matrices: np.ndarray) -> ArrayOrTensor:
        if len(sizes) == 1:
            return matrices[0]
        from cshml_tf.degradation.tensors import matrices_of

        return matrices_of(matrices, choice)

    whole_between = mode == "antialias"
    low = resize_with(pixels, chosen(down_rows), chosen(down_columns), whole_between)
    return resize_with(low, chosen(up_rows), chosen(up_columns), whole_between)


def _degrade_groups(
    pixels: np.ndarray, sizes: tuple[tuple[int, int], ...], choice: np.ndarray, mode: str
) -> np.ndarray:
    """Degrade the pictures of each resolution together, each group in one matrix product."""
    degraded = np.empty(pixels.shape, np.float32)
    for index, size in enumerate(sizes):
        group = choice == index
        if group.any():
            degraded[group] = degrade_each(pixels[group], [size], None, mode)
    return degraded


def _degrade_unknown_size(pixels: ArrayOrTensor, sides: tuple[int, int], mode: str) -> ArrayOrTensor:
    from cshml_tf.degradation.tensors import sides_of

    _check_mode(mode)
    antialias = mode == "antialias"
    low = resize(pixels, *sides, antialias=antialias, whole_between=antialias)
    height, width = sides_of(pixels)
    return resize(low, height, width, antialias, whole_between=antialias)


@functools.lru_cache(maxsize=64)
def _round_trip(side: int, low_sides: tuple[int, ...], mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Stack the matrices that reduce to each of several low sides, and those that enlarge again.

    All are padded with zeros to the largest low side: padding rows produce zeros, which padding columns ignore.
    """
    _check_mode(mode)
    if not low_sides:
        raise ValueError("resolutions: expected at least one, got none")
    largest = max(low_sides)
    down = np.zeros((len(low_sides), largest, side))
    up = np.zeros((len(low_sides), side, largest))
    for index, low in enumerate(low_sides):
        down[index, :low] = cubic_weights(low, side, antialias=mode == "antialias")
        # Antialiasing affects reductions only; this is one if the low side is longer than the picture's.
        up[index, :, :low] = cubic_weights(side, low, antialias=mode == "antialias")
    return down, up


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
