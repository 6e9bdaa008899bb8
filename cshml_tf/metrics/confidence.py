"""How sure an accuracy is, and what one method gains over another on the same pairs."""

import numpy as np

_NORMAL_95 = 1.959963984540054


def accuracy_interval(correct, pairs):
    """Give Wilson's 95 % interval of a share (Wilson, 1927).

    It counts all pairs alike, whatever their fold, and stays sound near 0 and 1, where the normal one fails.

    Args:
        correct: number of pairs judged right, 0..pairs; a fraction where a pair was judged in two ways.
        pairs: number of pairs, at least 1.

    Returns:
        (low, high), floats 0..1.

    Raises:
        ValueError: counts out of range.
    """
    if not (pairs >= 1 and 0 <= correct <= pairs):
        raise ValueError(f"correct: expected 0 to {pairs} of at least 1 pair, got {correct}")
    share, z2 = correct / pairs, _NORMAL_95**2
    centre = (share + z2 / (2 * pairs)) / (1 + z2 / pairs)
    half = np.sqrt(z2 * (share * (1 - share) / pairs + z2 / (4 * pairs**2))) / (1 + z2 / pairs)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def paired_difference(correct, reference):
    """Compare two accuracies on the same pairs, with the 95 % interval of Agresti and Min (2005).

    The interval is the normal one of a matched difference after half a pair is added to each of the four
    outcomes (both right, both wrong, only one right), so it keeps a width where no pair is judged differently.

    Args:
        correct: (pairs,) bool, or real 0..1 where a pair was judged in several ways.
        reference: (pairs,) likewise, for the method compared with.

    Returns:
        (difference, (low, high)): mean of correct minus mean of reference, and its interval, within -1..1.

    Raises:
        ValueError: no pairs, or unequal lengths.
    """
    correct, reference = np.asarray(correct, np.float64), np.asarray(reference, np.float64)
    if correct.ndim != 1 or correct.shape != reference.shape or not correct.size:
        raise ValueError(
            "correct and reference: expected one value a pair in each, at least one, "
            f"got shapes {correct.shape} and {reference.shape}"
        )
    change = correct - reference
    pairs = len(change) + 2.0  # half a pair in each outcome; two of the four are a change of +1 and -1
    centre = change.sum() / pairs
    half = _NORMAL_95 * np.sqrt((np.sum(change**2) + 1.0) / pairs - centre**2) / np.sqrt(pairs)
    return float(change.mean()), (max(-1.0, float(centre - half)), min(1.0, float(centre + half)))


def gap_closed(hr, hl_hr_network, hl_lr_network):
    """Tell how much of what low resolution costs the HR network the LR network wins back.

    Args:
        hr: accuracy where both images are HR.
        hl_hr_network: accuracy where one image is LR and the HR network serves both.
        hl_lr_network: the same where the LR network serves the LR image.

    Returns:
        float, 1 where all is won back; None where the HR accuracy is not above the HR network's HL one.
    """
    gap = hr - hl_hr_network
    return (hl_lr_network - hl_hr_network) / gap if gap > 0 else None
