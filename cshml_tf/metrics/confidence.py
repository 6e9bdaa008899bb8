"""How certain an accuracy is, and how much one method gains over another on the same pairs."""

import numpy as np
from numpy.typing import ArrayLike

_NORMAL_95 = 1.959963984540054


def accuracy_interval(correct: float, pairs: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a proportion (Wilson, 1927).

    Every pair counts the same, whatever its fold. The interval stays valid near 0 and 1, where the normal
    approximation fails.

    Args:
        correct: number of pairs judged correctly, 0..pairs; fractional where a pair was judged more than once.
        pairs: number of pairs, at least 1.

    Returns:
        (low, high), floats 0..1.

    Raises:
        ValueError: a count is out of range.
    """
    if not (pairs >= 1 and 0 <= correct <= pairs):
        raise ValueError(f"correct: expected 0 to {pairs}, of at least 1 pair, got {correct}")
    share, z2 = correct / pairs, _NORMAL_95**2
    centre = (share + z2 / (2 * pairs)) / (1 + z2 / pairs)
    half = np.sqrt(z2 * (share * (1 - share) / pairs + z2 / (4 * pairs**2))) / (1 + z2 / pairs)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def paired_difference(correct: ArrayLike, reference: ArrayLike) -> tuple[float, tuple[float, float]]:
    """Compare two accuracies on the same pairs, with the 95 % interval of Agresti and Min (2005).

    It is the normal interval of a paired difference after half a pair is added to each of the four outcomes
    (both right, both wrong, only one or only the other right), so its width is positive even where the methods
    agree on every pair.

    Args:
        correct: (pairs,) bool, or real 0..1 where a pair was judged more than once.
        reference: (pairs,), the same for the method compared against.

    Returns:
        (difference, (low, high)): mean of `correct` minus mean of `reference`, and its interval, within -1..1.

    Raises:
        ValueError: there are no pairs, or the lengths differ.
    """
    correct, reference = np.asarray(correct, np.float64), np.asarray(reference, np.float64)
    if correct.ndim != 1 or correct.shape != reference.shape or not correct.size:
        raise ValueError(
            "correct and reference: expected one value per pair in each and at least one pair, "
            f"got shapes {correct.shape} and {reference.shape}"
        )
    change = correct - reference
    pairs = len(change) + 2.0  # half a pair per outcome; in two of the four the change is +1 or -1
    centre = change.sum() / pairs
    half = _NORMAL_95 * np.sqrt((np.sum(change**2) + 1.0) / pairs - centre**2) / np.sqrt(pairs)
    return float(change.mean()), (max(-1.0, float(centre - half)), min(1.0, float(centre + half)))


def gap_closed(hr: float, hl_hr_network: float, hl_lr_network: float) -> float | None:
    """Return the share of the HR network's loss at low resolution that the LR network recovers.

    Args:
        hr: accuracy where both images are HR.
        hl_hr_network: accuracy where one image is LR and the HR network embeds both.
        hl_lr_network: accuracy where one image is LR and the LR network embeds it.

    Returns:
        float, 1 where the whole loss is recovered; None where `hr` is not above `hl_hr_network`.
    """
    gap = hr - hl_hr_network
    return (hl_lr_network - hl_hr_network) / gap if gap > 0 else None
