"""Simulate a distant camera: bicubic down to a low resolution, 8 bits, and bicubic back up.

The paper resizes with bicubic interpolation in its tests and does not specify how the reduction is filtered. Here
it is antialiased by default. Plain reduction is a different task: on faces, the two differ by 10 to 20 grey levels
per pixel.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from cshml_tf.degradation.kernel import ArrayOrTensor
from cshml_tf.degradation.resolution import Resolution, resolution_sides
from cshml_tf.degradation.round_trip import bicubic_round_trip

# The degradations by name: functions of the pixels (batch, H, W, 3), the (h, w) of each resolution, and the index
# of each picture's resolution. NumPy arrays are always passed with exactly one resolution.
MODES: dict[str, Callable[..., ArrayOrTensor]] = {
    "antialias": functools.partial(bicubic_round_trip, antialias=True),
    "plain": functools.partial(bicubic_round_trip, antialias=False),
}


def degrade(pixels: ArrayOrTensor, resolution: Resolution, mode: str = "antialias") -> ArrayOrTensor:
    """Return faces as a low-resolution camera would have stored them, at their original size.

    The pictures are reduced to the resolution and enlarged again, each time along the width first, then along the
    height. "antialias" clips and rounds to 8 bits after every pass, as PIL does, and equals PIL's bicubic to the
    last bit. "plain" is TensorFlow's unfiltered bicubic, which rounds only at the low resolution and at the end.

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
        return _function(mode)(pixels, (resolution_sides(resolution),), None)
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
    if not sizes:
        raise ValueError("resolutions: expected at least one, got none")
    function = _function(mode)
    if not isinstance(pixels, np.ndarray) or len(sizes) == 1:
        return function(pixels, sizes, choice)
    degraded = np.empty(pixels.shape, np.float32)
    for index, size in enumerate(sizes):
        group = np.asarray(choice) == index
        if group.any():
            degraded[group] = function(pixels[group], (size,), None)
    return degraded


def _function(mode: str) -> Callable[..., ArrayOrTensor]:
    if mode not in MODES:
        raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
    return MODES[mode]
