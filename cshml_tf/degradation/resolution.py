"""How a resolution is spelt: r for r x r pixels, or (height, width)."""

from typing import TypeAlias

import numpy as np

Resolution: TypeAlias = int | tuple[int, int]


def parse_resolution(text):
    """Read a resolution as a command line spells it: "12" is 12 (square), "14x12" is (14, 12).

    Args:
        text: str, or an int.

    Returns:
        int for a square resolution, else (height, width).

    Raises:
        ValueError: the text is no positive number and no HEIGHTxWIDTH.
    """
    try:
        sides = [int(side) for side in str(text).lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides, default=0) < 1:
        raise ValueError(f"resolution: expected a number such as 12, or 14x12, got {text!r}")
    return sides[0] if len(sides) == 1 or sides[0] == sides[1] else tuple(sides)


def format_resolution(resolution):
    """Spell a resolution as reports and folders do: 12 is "12", (14, 12) is "14x12"."""
    height, width = resolution_sides(resolution)
    return str(height) if height == width else f"{height}x{width}"


def resolution_sides(resolution):
    """Give (height, width) of a resolution r (square) or (h, w).

    Raises:
        ValueError: it is neither one nor two positive whole numbers.
    """
    sides = np.atleast_1d(np.asarray(resolution))
    if sides.size == 1:
        sides = np.repeat(sides, 2)
    if sides.shape != (2,) or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise ValueError(f"resolution: expected r or (h, w), positive integers, got {resolution!r}")
    return int(sides[0]), int(sides[1])


def check_reductions(resolutions, image_size, what="resolution: "):
    """Refuse resolutions beyond the size of the faces that are reduced to them.

    Args:
        resolutions: of r or (h, w).
        image_size: (height, width).
        what: how the error begins.

    Raises:
        ValueError: a side is longer than the face's.
    """
    for resolution in resolutions:
        sides = resolution_sides(resolution)
        if sides[0] > image_size[0] or sides[1] > image_size[1]:
            size, got = (f"{height} x {width}" for height, width in (image_size, sides))
            raise ValueError(f"{what}expected at most the faces' {size}, got {got}")
