"""Verification figures of scored pairs: ROC, AUC, EER, k-fold accuracy, VAL and TAR at a false accept rate.

Sources: the LFW protocol (Huang et al., 2007) and FaceNet (Schroff et al., 2015). A pair is accepted as one
person where its score is at or above the threshold, so a higher score means more alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Roc:
    """The accept rates at every threshold that tells pairs apart, strictest first.

    Attributes:
        far: (points,) float64, share of different pairs accepted; rises from 0 to 1.
        tar: (points,) float64, share of same pairs accepted; rises from 0 to 1.
        thresholds: (points,) float64; the first accepts nothing, the last everything.
    """

    far: np.ndarray
    tar: np.ndarray
    thresholds: np.ndarray


@dataclass(frozen=True)
class KFoldAccuracy:
    """Accuracy where each fold is judged by the threshold that is best on the other folds.

    Attributes:
        mean: mean of the folds' accuracies, 0..1.
        std: their standard deviation (of the population, as FaceNet prints it).
        fold_accuracies: (folds,) float64.
        thresholds: (folds,) float64, the one each fold was judged by.
        correct: (pairs,) bool, whether each pair was judged right.
        same_fold: True where there is one fold only, which then chose its own threshold: an optimistic figure.
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
        val: mean over the folds of the held-out share of same pairs accepted.
        std: its standard deviation over the folds (of the population).
        far_measured: mean over the folds of the held-out share of different pairs accepted.
        resolved: False where some fold's training side has fewer than 1 / far different pairs; its threshold
            then stands just above all of them, which is the strictest they can justify.
    """

    val: float
    std: float
    far_measured: float
    resolved: bool


def roc(scores, same):
    """Trace the receiver operating characteristic.

    Args:
        scores: (pairs,) real, finite.
        same: (pairs,) bool, whether a pair is of one person.

    Returns:
        A `Roc` with one point for each distinct score, and one before that accepts nothing. Pairs of equal
        score pass together.

    Raises:
        ValueError: no pairs, unequal lengths, a score that is not finite, or pairs of one kind only.
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


def area_under_curve(scores, same):
    """Measure the area under the ROC: the chance that a same pair outscores a different one, ties one half.

    Args and errors: as `roc`.

    Returns:
        float, 0..1.
    """
    curve = roc(scores, same)
    return float(np.trapezoid(curve.tar, curve.far))


def equal_error_rate(scores, same):
    """Find where as many same pairs are rejected as different pairs accepted, in shares.

    Between two points of the ROC the rates are interpolated linearly.

    Args and errors: as `roc`.

    Returns:
        float, 0..1.
    """
    curve = roc(scores, same)
    excess = 1.0 - curve.tar - curve.far  # falls from 1 to -1
    after = int(np.argmax(excess <= 0))
    before = after - 1
    share = excess[before] / (excess[before] - excess[after])
    return float(curve.far[before] + share * (curve.far[after] - curve.far[before]))


def best_threshold(scores, same):
    """Choose the threshold of highest accuracy.

    Candidates lie half way between neighbouring distinct scores, at the lowest score (accept all) and just
    above the highest (reject all). Of several that are equally good the middle one is taken (of an even
    number, the lower of the middle two): it stays furthest from where accuracy falls on either side.

    Args:
        scores: (pairs,) real, finite.
        same: (pairs,) bool; pairs of one kind only are allowed.

    Returns:
        float.

    Raises:
        ValueError: no pairs, unequal lengths, or a score that is not finite.
    """
    scores, same = _checked(scores, same, both_kinds=False)
    order = np.argsort(scores, kind="stable")
    scores, same = scores[order], same[order]
    firsts = np.append(0, np.flatnonzero(np.diff(scores)) + 1)
    distinct = scores[firsts]
    middles = distinct[:-1] + np.diff(distinct) / 2
    # Between adjacent floating-point numbers the middle is one of them; only the upper one is right.
    middles = np.where(middles > distinct[:-1], middles, distinct[1:])
    candidates = np.concatenate([distinct[:1], middles, [_just_above(distinct[-1])]])
    rejected = np.append(firsts, len(scores))
    rejected_same = np.append(0, np.cumsum(same))[rejected]
    right = np.sum(same) - rejected_same + (rejected - rejected_same)
    best = np.flatnonzero(right == right.max())
    return float(candidates[best[(len(best) - 1) // 2]])


def kfold_accuracy(scores, same, folds):
    """Measure accuracy with each fold held out: the other folds choose the threshold, it is applied to this.

    Args:
        scores: (pairs,) real, finite; or (folds, pairs), where row k, in order of fold number, holds the
            scores that count while that fold is held out (they differ where a mean is subtracted).
        same: (pairs,) bool.
        folds: (pairs,) integers, the fold of each pair.

    Returns:
        A `KFoldAccuracy`.

    Raises:
        ValueError: no pairs, unequal lengths, or a score that is not finite.
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


def kfold_val(scores, same, folds, far=1e-3):
    """Measure VAL at a false accept rate as FaceNet does, the threshold interpolated on the other folds.

    Args:
        scores: as `kfold_accuracy`.
        same: (pairs,) bool.
        folds: (pairs,) integers.
        far: target false accept rate, 0 < far < 1.

    Returns:
        A `KFoldVal`; folds that hold no same pair, or no different one, are left out of that figure's mean.

    Raises:
        ValueError: as `roc`; also a training side without different pairs.
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


def threshold_at_far(different_scores, far):
    """Find the threshold at a false accept rate, interpolated between the scores of different pairs.

    At the threshold found, the share of these pairs accepted never exceeds `far`.

    Args:
        different_scores: (pairs,) real, finite: the scores of pairs of different people.
        far: target false accept rate, 0 < far < 1.

    Returns:
        float, or None where `far` is below 1 / pairs: so few pairs cannot show so small a rate.

    Raises:
        ValueError: no scores, one that is not finite, or `far` out of range.
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
    # Rounding must not let the next score in: it would bring more pairs than the rate allows.
    bound = _just_above(thresholds[strictest + 1])
    return float(max(np.interp(far, rates, thresholds), bound))


def tar_at_far(scores, same, far):
    """Measure the share of same pairs accepted at the threshold of a false accept rate, on the same pairs.

    Args:
        scores: (pairs,) real, finite.
        same: (pairs,) bool.
        far: target false accept rate, 0 < far < 1.

    Returns:
        float 0..1, or None where `threshold_at_far` gives none.

    Raises:
        ValueError: as `roc` and `threshold_at_far`.
    """
    scores, same = _checked(scores, same)
    threshold = threshold_at_far(scores[~same], far)
    return None if threshold is None else float(np.mean(scores[same] >= threshold))


def _checked(scores, same, both_kinds=True):
    scores, same = np.asarray(scores, np.float64), np.asarray(same).astype(bool)
    if scores.ndim != 1 or scores.shape != same.shape or not scores.size:
        raise ValueError(
            f"scores and same: expected one of each a pair, at least one pair, got shapes "
            f"{scores.shape} and {same.shape}"
        )
    if not np.isfinite(scores).all():
        wrong = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"scores: expected finite numbers, got {scores[wrong]} for pair {wrong}")
    if both_kinds and same.all() == same.any():
        kind = "the same person" if same.all() else "different people"
        raise ValueError(f"same: expected pairs of both kinds, all {same.size} are of {kind}")
    return scores, same


def unit_rows(vectors: ArrayLike) -> np.ndarray:
    """Scale each vector to unit length.

    Args:
        vectors: (..., E) real; usually (rows, E), one embedding per row.

    Returns:
        The same shape, float32 of float32 and float64 of float64 or integers, each vector of length 1. A vector of
        zeros has no direction: it stays zero, so its cosine with any other is 0. NaN stays NaN.
    """
    vectors = np.asarray(vectors)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _folded(scores, same, folds, both_kinds=True):
    """Give the scores' row for each fold, the checked `same`, and a mask of each fold's pairs."""
    rows, folds = np.atleast_2d(np.asarray(scores, np.float64)), np.asarray(folds)
    for row in rows:
        _, same = _checked(row, same, both_kinds)
    if folds.shape != same.shape:
        raise ValueError(f"folds: expected shape {same.shape}, one a pair, got {folds.shape}")
    held_out = [folds == fold for fold in np.unique(folds)]
    if np.ndim(scores) == 1:
        rows = np.repeat(rows, len(held_out), axis=0)
    if len(rows) != len(held_out):
        raise ValueError(f"scores: expected {len(held_out)} rows, one a fold, got {len(rows)}")
    return rows, same, held_out


def _training_side(held, fold_count):
    return held if fold_count == 1 else ~held


def _mean_where(accepted, chosen):
    return [accepted[chosen].mean()] if chosen.any() else []


def _just_above(score):
    return np.nextafter(score, np.inf)
