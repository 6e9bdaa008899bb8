"""The notation of resolutions: r for r x r pixels, or (height, width)."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

Resolution: TypeAlias = int | tuple[int, int]
# No range needs to go further.
_LONGEST_SIDE = 1000


def parse_resolution(text: str | int) -> Resolution:
    """Parse a resolution as given on a command line: "12" is 12 (square), "14x12" is (14, 12).

    Args:
        text: a number or HEIGHTxWIDTH.

    Returns:
        int for a square resolution, otherwise (height, width).

    Raises:
        ValueError: the text is neither a positive whole number nor HEIGHTxWIDTH.
    """
    try:
        sides = [int(side) for side in str(text).lower().split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides, default=0) < 1:
        raise ValueError(f"resolution: expected a number such as 12, or 14x12, got {text!r}")
    return sides[0] if len(sides) == 1 or sides[0] == sides[1] else (sides[0], sides[1])


def expand_range(text: str) -> list[str]:
    """Return every resolution of a range, "6-28"; any other text alone.

    Args:
        text: as given on a command line; what is neither is returned as it is, for `parse_resolution` to refuse.
    """
    low, dash, high = text.partition("-")
    if not (dash and low.isdecimal() and high.isdecimal() and 0 < int(low) < int(high) <= _LONGEST_SIDE):
        return [text]
    return list(map(str, range(int(low), int(high) + 1)))


def format_resolution(resolution: Resolution) -> str:
    """Format a resolution for reports and folder names: 12 as "12", (14, 12) as "14x12"."""
    height, width = resolution_sides(resolution)
    return str(height) if height == width else f"{height}x{width}"


def resolution_as_json(resolution: Resolution) -> int | list[int]:
    """Return a resolution as a model folder's card holds it: r, or [height, width] if it is not square."""
    height, width = resolution_sides(resolution)
    return height if height == width else [height, width]


def resolution_from_json(entry: int | list[int]) -> Resolution:
    """Return the resolution of a card's entry: r, or (h, w) if it is not square."""
    if not isinstance(entry, list):
        return entry
    height, width = entry
    return height if height == width else (height, width)


def resolution_sides(resolution: Resolution) -> tuple[int, int]:
    """Return (height, width) of a resolution r (square) or (h, w).

    Raises:
        ValueError: the resolution is not one or two positive whole numbers.
    """
    sides = np.atleast_1d(np.asarray(resolution))
    if sides.size == 1:
        sides = np.repeat(sides, 2)
    if sides.shape != (2,) or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise ValueError(f"resolution: expected r or (h, w), positive integers, got {resolution!r}")
    return int(sides[0]), int(sides[1])


def check_reductions(
    resolutions: Iterable[Resolution], image_size: tuple[int, int], what: str = "resolution: "
) -> None:
    """Refuse resolutions larger than the faces that are to be reduced to them.

    Args:
        resolutions: each r or (h, w).
        image_size: (height, width) of the faces.
        what: first words of the error message.

    Raises:
        ValueError: a side of a resolution is longer than that of the faces.
    """
    for resolution in resolutions:
        sides = resolution_sides(resolution)
        if sides[0] > image_size[0] or sides[1] > image_size[1]:
            size, got = (f"{height} x {width}" for height, width in (image_size, sides))
            raise ValueError(f"{what}expected at most the faces' {size}, got {got}")
