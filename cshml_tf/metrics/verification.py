"""Verification metrics of scored pairs: ROC, AUC, EER, k-fold accuracy, VAL and TAR at a false accept rate.

Sources: the LFW protocol (Huang et al., 2007) and FaceNet (Schroff et al., 2015). A higher score means more alike:
a pair is accepted as the same person where its score is at or above the threshold. "Same" pairs show one person,
"different" pairs show two.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Roc:
    """The accept rates at every threshold that makes a difference, strictest first.

    Attributes:
        far: (points,) float64, share of different pairs accepted; rises from 0 to 1.
        tar: (points,) float64, share of same pairs accepted; rises from 0 to 1.
        thresholds: (points,) float64; the first accepts nothing, the last accepts everything.
    """

    far: np.ndarray
    tar: np.ndarray
    thresholds: np.ndarray


@dataclass(frozen=True)
class KFoldAccuracy:
    """Accuracy where each fold is judged by the threshold that is best on the other folds.

    Attributes:
        mean: mean accuracy over the folds, 0..1.
        std: population standard deviation over the folds, as FaceNet prints it.
        fold_accuracies: (folds,) float64.
        thresholds: (folds,) float64, the threshold that each fold was judged by.
        correct: (pairs,) bool, whether each pair was judged correctly.
        same_fold: True where there is only one fold, which chose its own threshold; the accuracy is then
            optimistic.
    """

    mean: float
    std: float
    fold_accuracies: np.ndarray
    thresholds: np.ndarray
    correct: np.ndarray
    same_fold: bool


@dataclass(frozen=True)
class KFoldVal:
    """FaceNet's VAL: the share of same pairs accepted at a threshold set by the other folds' false accepts.

    Attributes:
        val: mean over the folds of the share of held-out same pairs accepted.
        std: its population standard deviation over the folds.
        far_measured: mean over the folds of the share of held-out different pairs accepted.
        resolved: False if, for at least one fold, the other folds contain fewer than 1 / far different pairs. That
            fold's threshold then lies just above the scores of all those pairs, the strictest that so few can
            justify.
    """

    val: float
    std: float
    far_measured: float
    resolved: bool


def roc(scores: ArrayLike, same: ArrayLike) -> Roc:
    """Compute the receiver operating characteristic.

    Args:
        scores: (pairs,) real, finite.
        same: (pairs,) bool, whether the pair shows one person.

    Returns:
        A `Roc` with one point per distinct score, preceded by one that accepts nothing. Pairs of equal score are
        accepted together.

    Raises:
        ValueError: there are no pairs, the lengths differ, a score is not finite, or all pairs are of one kind.
    """
    scores, same = _checked(scores, same)
    order = np.argsort(-scores, kind="stable")
    scores, same = scores[order], same[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    accepted_same = np.cumsum(same)[last_of_ties]
    accepted_different = last_of_ties + 1 - accepted_same
    return Roc(
        far=np.append(0.0, accepted_different / accepted_different[-1]),
        tar=np.append(0.0, accepted_same / accepted_same[-1]),
        thresholds=np.append(_just_above(scores[0]), scores[last_of_ties]),
    )


def area_under_curve(scores: ArrayLike, same: ArrayLike) -> float:
    """Compute the area under the ROC: the chance that a same pair outscores a different one, ties counting half.

    Arguments and errors are those of `roc`.

    Returns:
        float, 0..1.
    """
    curve = roc(scores, same)
    return float(np.trapezoid(curve.tar, curve.far))


def equal_error_rate(scores: ArrayLike, same: ArrayLike) -> float:
    """Find the error rate at which false rejects of same pairs equal false accepts of different pairs.

    The rates are interpolated linearly between two points of the ROC.

    Arguments and errors are those of `roc`.

    Returns:
        float, 0..1.
    """
    curve = roc(scores, same)
    excess = 1.0 - curve.tar - curve.far  # falls from 1 to -1
    after = int(np.argmax(excess <= 0))
    before = after - 1
    share = excess[before] / (excess[before] - excess[after])
    return float(curve.far[before] + share * (curve.far[after] - curve.far[before]))


def best_threshold(scores: ArrayLike, same: ArrayLike) -> float:
    """Choose the threshold with the highest accuracy.

    Candidates lie halfway between neighbouring distinct scores, at the lowest score (accept all) and just above
    the highest (reject all). Where several are equally good, the middle one is chosen (the lower of the middle two
    if their number is even), because it is farthest from where the accuracy drops on either side.

    Args:
        scores: (pairs,) real, finite.
        same: (pairs,) bool; all pairs may be of one kind.

    Returns:
        float.

    Raises:
        ValueError: there are no pairs, the lengths differ, or a score is not finite.
    """
    scores, same = _checked(scores, same, both_kinds=False)
    order = np.argsort(scores, kind="stable")
    scores, same = scores[order], same[order]
    firsts = np.append(0, np.flatnonzero(np.diff(scores)) + 1)
    distinct = scores[firsts]
    middles = distinct[:-1] + np.diff(distinct) / 2
    # The midpoint of adjacent floating-point numbers rounds to one of them; only the upper one separates them.
    middles = np.where(middles > distinct[:-1], middles, distinct[1:])
    candidates = np.concatenate([distinct[:1], middles, [_just_above(distinct[-1])]])
    rejected = np.append(firsts, len(scores))
    rejected_same = np.append(0, np.cumsum(same))[rejected]
    right = np.sum(same) - rejected_same + (rejected - rejected_same)
    best = np.flatnonzero(right == right.max())
    return float(candidates[best[(len(best) - 1) // 2]])


def kfold_accuracy(scores: ArrayLike, same: ArrayLike, folds: ArrayLike) -> KFoldAccuracy:
    """Measure the accuracy on each fold in turn, with the threshold that is best on the other folds.

    Args:
        scores: (pairs,) real, finite; or (folds, pairs), one row per fold in order of fold number, with the
            scores to use while that fold is held out (they differ where a mean is subtracted).
        same: (pairs,) bool.
        folds: (pairs,) integers, the fold of each pair.

    Returns:
        A `KFoldAccuracy`.

    Raises:
        ValueError: there are no pairs, the lengths differ, or a score is not finite.
    """
    rows, same, held_out = _folded(scores, same, folds, both_kinds=False)
    correct = np.zeros(len(same), bool)
    accuracies, thresholds = [], []
    for row, held in zip(rows, held_out, strict=True):
        training = _training_side(held, len(held_out))
        threshold = best_threshold(row[training], same[training])
        correct[held] = (row[held] >= threshold) == same[held]
        accuracies.append(correct[held].mean())
        thresholds.append(threshold)
    return KFoldAccuracy(
        mean=float(np.mean(accuracies)),
        std=float(np.std(accuracies)),
        fold_accuracies=np.array(accuracies),
        thresholds=np.array(thresholds),
        correct=correct,
        same_fold=len(held_out) == 1,
    )


def kfold_val(scores: ArrayLike, same: ArrayLike, folds: ArrayLike, far: float = 1e-3) -> KFoldVal:
    """Measure VAL at a false accept rate as FaceNet does, with a threshold interpolated on the other folds.

    Args:
        scores: as for `kfold_accuracy`.
        same: (pairs,) bool.
        folds: (pairs,) integers.
        far: target false accept rate, 0 < far < 1.

    Returns:
        A `KFoldVal`. Folds without same pairs are left out of `val`, and folds without different pairs out of
        `far_measured`.

    Raises:
        ValueError: as for `roc`, or the other folds of some fold contain no different pairs.
    """
    rows, same, held_out = _folded(scores, same, folds)
    accepted_same, accepted_different, resolved = [], [], True
    for row, held in zip(rows, held_out, strict=True):
        training = _training_side(held, len(held_out))
        negatives = row[training][~same[training]]
        threshold = threshold_at_far(negatives, far)
        if threshold is None:
            threshold, resolved = _just_above(negatives.max()), False
        accepted = row >= threshold
        accepted_same.extend(_mean_where(accepted, held & same))
        accepted_different.extend(_mean_where(accepted, held & ~same))
    return KFoldVal(
        val=float(np.mean(accepted_same)),
        std=float(np.std(accepted_same)),
        far_measured=float(np.mean(accepted_different)),
        resolved=resolved,
    )


def threshold_at_far(different_scores: ArrayLike, far: float) -> float | None:
    """Find the threshold for a false accept rate, interpolated between the scores of different pairs.

    The share of these pairs accepted at the threshold never exceeds `far`.

    Args:
        different_scores: (pairs,) real, finite: the scores of pairs of different people.
        far: target false accept rate, 0 < far < 1.

    Returns:
        float, or None where `far` is below 1 / pairs, a rate too small for that number of pairs to show.

    Raises:
        ValueError: there are no scores, one is not finite, or `far` is out of range.
    """
    if not 0 < far < 1:
        raise ValueError(f"far: expected a rate between 0 and 1, got {far}")
    scores = np.asarray(different_scores, np.float64)
    scores, _ = _checked(scores, np.zeros(len(scores), bool), both_kinds=False)
    if far < 1 / len(scores):
        return None
    ascending, counts = np.unique(scores, return_counts=True)
    thresholds = np.append(_just_above(ascending[-1]), ascending[::-1])
    rates = np.append(0, np.cumsum(counts[::-1])) / len(scores)
    strictest = int(np.searchsorted(rates, far, side="right")) - 1
    if rates[strictest] == far:
        return float(thresholds[strictest])
    # Rounding must not admit the next score, which would exceed the rate.
    bound = _just_above(thresholds[strictest + 1])
    return float(max(np.interp(far, rates, thresholds), bound))


def tar_at_far(scores: ArrayLike, same: ArrayLike, far: float) -> float | None:
    """Measure the share of same pairs accepted at the threshold for a false accept rate on the same data.

    Args:
        scores: (pairs,) real, finite.
        same: (pairs,) bool.
        far: target false accept rate, 0 < far < 1.

    Returns:
        float 0..1, or None where `threshold_at_far` returns None.

    Raises:
        ValueError: as for `roc` and `threshold_at_far`.
    """
    scores, same = _checked(scores, same)
    threshold = threshold_at_far(scores[~same], far)
    return None if threshold is None else float(np.mean(scores[same] >= threshold))


def _checked(scores: ArrayLike, same: ArrayLike, both_kinds: bool = True) -> tuple[np.ndarray, np.ndarray]:
    scores, same = np.asarray(scores, np.float64), np.asarray(same).astype(bool)
    if scores.ndim != 1 or scores.shape != same.shape or not scores.size:
        raise ValueError(
            "scores and same: expected one value per pair in each and at least one pair, "
            f"got shapes {scores.shape} and {same.shape}"
        )
    if not np.isfinite(scores).all():
        wrong = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"scores: expected finite numbers, got {scores[wrong]} for pair {wrong}")
    if both_kinds and same.all() == same.any():
        kind = "the same person" if same.all() else "different people"
        raise ValueError(f"same: expected pairs of both kinds, got {same.size} of {kind} only")
    return scores, same


def _folded(
    scores: ArrayLike, same: ArrayLike, folds: ArrayLike, both_kinds: bool = True
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return the row of scores for each fold, the checked `same`, and one mask of pairs per fold."""
    rows, same, folds = np.atleast_2d(np.asarray(scores, np.float64)), np.asarray(same), np.asarray(folds)
    for row in rows:
        _, same = _checked(row, same, both_kinds)
    if folds.shape != same.shape:
        raise ValueError(f"folds: expected shape {same.shape}, one fold per pair, got {folds.shape}")
    held_out = [folds == fold for fold in np.unique(folds)]
    if np.ndim(scores) == 1:
        rows = np.repeat(rows, len(held_out), axis=0)
    if len(rows) != len(held_out):
        raise ValueError(f"scores: expected {len(held_out)} rows, one per fold, got {len(rows)}")
    return rows, same, held_out


def _training_side(held: np.ndarray, fold_count: int) -> np.ndarray:
    return held if fold_count == 1 else ~held


def _mean_where(accepted: np.ndarray, chosen: np.ndarray) -> list[float]:
    return [accepted[chosen].mean()] if chosen.any() else []


def _just_above(score: float) -> float:
    return np.nextafter(score, np.inf)
