"""Checks of option values: each consists of a predicate and of words for the error message."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

# Beyond these, float32 overflows within few steps.
MOST = 1000
MOST_WEIGHT = 1_000_000
# About nineteen years.
MOST_MINUTES = 10_000_000
# No picture is wider.
_MOST_PIXELS = 100_000


@dataclasses.dataclass(frozen=True)
class Check:
    """A condition on one value.

    Attributes:
        words: what is expected, such as "a positive number".
        holds: predicate of a value; a tuple's elements are checked one by one.
    """

    words: str
    holds: Callable[[Any], bool]


def at_least(least: int) -> Check:
    """Return the check of a number from `least` up."""
    return Check(f"{least} or more", lambda value: value >= least)


def between(low: float, high: float, meaning: str = "") -> Check:
    """Return the check of a number from `low` to `high`, both included.

    Args:
        low: the smallest value allowed.
        high: the largest value allowed.
        meaning: why the range ends there, for the error message.
    """
    words = f"{low} to {high}" + (f", {meaning}" if meaning else "")
    return Check(words, lambda value: low <= value <= high)


def above(low: float, *, up_to: float = math.inf) -> Check:
    """Return the check of a number above `low` and at most `up_to`."""
    words = f"a number above {low}" if up_to == math.inf else f"above {low}, up to {up_to}"
    return Check(words, lambda value: low < value <= up_to)


POSITIVE = Check("a positive number", lambda value: value > 0)
SHARE = between(0, 1)
RATE = Check("a rate between 0 and 1", lambda value: 0 < value < 1)
LEARNING_RATE = Check(f"a rate above 0, up to {MOST}", lambda value: 0 < value <= MOST)
SCHEDULED_RATE = Check(
    f"a rate above 0, up to {MOST}, or -1 for the schedule", lambda value: 0 < value <= MOST or value == -1
)
MINUTES = Check(f"minutes above 0, up to {MOST_MINUTES}", lambda value: 0 < value <= MOST_MINUTES)
DECAY = Check("0 or more, below 1", lambda value: 0 <= value < 1)
SEVERITY = between(1, 5)
PIXELS = Check("a number of pixels above 0", lambda value: 0 < value <= _MOST_PIXELS)
SEED = between(0, 2**32 - 1)
FOLDER_NAME = Check(
    "the name of a folder, without a path",
    lambda name: name not in ("", ".", "..") and not set(name) & set("/\\\0"),
)
