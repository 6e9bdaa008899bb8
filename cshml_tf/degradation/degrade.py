"""Simulate a distant camera: down to a low resolution, 8 bits, and bicubic back up.

The paper resizes with bicubic interpolation in its tests and does not specify how the reduction is filtered. Here
it is antialiased by default. Plain reduction is a different task: on faces, the two differ by 10 to 20 grey levels
per pixel. No camera does either: "camera" simulates what real ones do.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from cshml_tf.degradation.kernel import ArrayOrTensor
from cshml_tf.degradation.resolution import Resolution, resolution_sides
from cshml_tf.degradation.round_trip import bicubic_round_trip

SEVERITIES = (1, 2, 3, 4, 5)


def _camera(*given: ArrayOrTensor, **options: ArrayOrTensor | int | None) -> ArrayOrTensor:
    # The names in this registry are needed where OpenCV is not.
    from cshml_tf.degradation.camera import camera_round_trip

    return camera_round_trip(*given, **options)  # pyright: ignore[reportArgumentType]


# The degradations that draw at random, by name; they also take `seeds`, one integer for each picture.
DRAWN: dict[str, Callable[..., ArrayOrTensor]] = {
    "camera": _camera,
    **{f"camera-{severity}": functools.partial(_camera, severity=severity) for severity in SEVERITIES},
}
# All degradations by name: functions of the pixels (batch, H, W, 3), the (h, w) of each resolution, and the index
# of each picture's resolution. NumPy arrays are always passed with exactly one resolution.
MODES: dict[str, Callable[..., ArrayOrTensor]] = {
    "antialias": functools.partial(bicubic_round_trip, antialias=True),
    "plain": functools.partial(bicubic_round_trip, antialias=False),
    **DRAWN,
}


def degrade(pixels: ArrayOrTensor, resolution: Resolution, mode: str = "antialias") -> ArrayOrTensor:
    """Return faces as a low-resolution camera would have stored them, at their original size.

    The pictures are reduced to the resolution and enlarged again, each time along the width first, then along the
    height. "antialias" clips and rounds to 8 bits after every pass, as PIL does, and equals PIL's bicubic to the
    last bit. "plain" is TensorFlow's unfiltered bicubic, which rounds only at the low resolution and at the end.
    "camera-1" to "camera-5" simulate a camera that is ever worse; "camera" draws for each picture how bad it is,
    and reduces half of them by the antialiased bicubic. The same picture always comes out the same.

    Args:
        pixels: (batch, H, W, 3), any real dtype, RGB 0..255; within a graph H and W may be unknown.
        resolution: r for r x r, or (h, w).
        mode: "antialias" (default), "plain", "camera", or "camera-1" to "camera-5".

    Returns:
        (batch, H, W, 3) float32, whole numbers 0..255.

    Raises:
        ValueError: unknown mode, invalid resolution, or pixels that do not have four axes.
    """
    if len(pixels.shape) == 4 and None in pixels.shape[1:3]:
        return _function(mode)(pixels, (resolution_sides(resolution),), None)
    return degrade_each(pixels, [resolution], None, mode)


def degrade_each(
    pixels: ArrayOrTensor,
    resolutions: Sequence[Resolution],
    choice: ArrayOrTensor,
    mode: str = "antialias",
    seeds: np.ndarray | None = None,
) -> ArrayOrTensor:
    """Degrade each picture to its own resolution: `degrade` for a network trained on several resolutions.

    Args:
        pixels: (batch, H, W, 3), any real dtype, RGB 0..255; H and W known.
        resolutions: the resolutions to choose from, each r or (h, w).
        choice: (batch,) integers, the index of each picture's resolution; ignored if there is only one.
        mode: as for `degrade`.
        seeds: (batch,) integers, from which a degradation that draws at random draws; None for the pixels' own.

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
        return function(pixels, sizes, choice, **_drawn_from(mode, seeds))
    degraded = np.empty(pixels.shape, np.float32)
    for index, size in enumerate(sizes):
        group = np.asarray(choice) == index
        if group.any():
            own = None if seeds is None else seeds[group]
            degraded[group] = function(pixels[group], (size,), None, **_drawn_from(mode, own))
    return degraded


def _drawn_from(mode: str, seeds: np.ndarray | None) -> dict[str, np.ndarray | None]:
    return {"seeds": seeds} if mode in DRAWN else {}


def portrait_mode(mode: str) -> str:
    """Return how a sharp portrait is reduced beside a network that was trained on this degradation.

    What is drawn at random would only damage the portrait: it is reduced by the antialiased bicubic instead.

    Args:
        mode: the degradation of the network's training.
    """
    return "antialias" if mode in DRAWN else mode


def check_mode(mode: str, name: str = "mode") -> str:
    """Return the name of a degradation if the registry has it.

    Everything that is handed such a name calls this at once, also where it would use the name only later or never.

    Args:
        mode: the name.
        name: of the argument, in the error message.

    Raises:
        ValueError: there is no such degradation.
    """
    if not isinstance(mode, str) or mode not in MODES:
        raise ValueError(f"{name}: expected one of {', '.join(MODES)}, got {mode!r}")
    return mode


def _function(mode: str) -> Callable[..., ArrayOrTensor]:
    return MODES[check_mode(mode)]
