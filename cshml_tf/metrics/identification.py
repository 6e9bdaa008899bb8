"""Identification metrics: rank-k rates, CMC, mean average precision, and TPIR at FPIR for open sets.

Sources: the CMC of FERET (Phillips et al., 2000); TPIR and FPIR as NIST's FRVT and QMUL-SurvFace (Cheng et al.,
2018) use them; the rank-k rates and mAP of TinyFace (Cheng et al., 2018). A probe without a mate in the gallery
stays in the denominator and counts as never identified.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.metrics.matching import Matches, Similarity, checked_labels, columns_of_labels, match_probes
from cshml_tf.metrics.verification import threshold_at_far


def rank_rates(
    similarity: Similarity | Matches,
    probe_labels: ArrayLike | None,
    gallery_labels: ArrayLike | None,
    ranks: ArrayLike,
) -> np.ndarray:
    """Measure the share of probes that have a mate among the k most similar gallery images.

    Args:
        similarity: as for `match_probes`; or its result, for which the labels are not used and may be None.
        probe_labels: (probes,) labels.
        gallery_labels: (gallery,) labels.
        ranks: the values of k, whole numbers from 1 to the size of the gallery.

    Returns:
        (len(ranks),) float64, 0..1. Probes without a mate are in the denominator.

    Raises:
        ValueError: as for `match_probes`, or a rank is out of range.
    """
    matches = _matches(similarity, probe_labels, gallery_labels)
    ranks = _checked_ranks(ranks, matches.gallery_size)
    return np.mean(matches.ranks[:, None] <= ranks, axis=0)


def cumulative_match_curve(
    similarity: Similarity | Matches,
    probe_labels: ArrayLike | None,
    gallery_labels: ArrayLike | None,
    longest: int | None = None,
) -> np.ndarray:
    """Measure the rank-k rate at every k.

    Args:
        similarity: as for `rank_rates`.
        probe_labels: (probes,) labels.
        gallery_labels: (gallery,) labels.
        longest: the last rank; None for the size of the gallery.

    Returns:
        (longest,) float64, 0..1, never decreasing; item k - 1 is rank k. It ends below 1 where some probe has no
        mate.

    Raises:
        ValueError: as for `rank_rates`.
    """
    matches = _matches(similarity, probe_labels, gallery_labels)
    longest = matches.gallery_size if longest is None else longest
    _checked_ranks([longest], matches.gallery_size)
    at_rank = np.bincount(matches.ranks, minlength=longest + 1)[1 : longest + 1]
    return np.cumsum(at_rank) / len(matches.ranks)


def mean_average_precision(
    similarity: Similarity | Matches,
    probe_labels: ArrayLike | None,
    gallery_labels: ArrayLike | None,
    trapezoids: bool = False,
) -> float:
    """Measure how early all mates of a probe rank, averaged over the probes.

    Args:
        similarity: as for `rank_rates`.
        probe_labels: (probes,) labels.
        gallery_labels: (gallery,) labels.
        trapezoids: False for the mean precision at the mates. True for the area under precision over recall by
            the trapezoidal rule, with a precision of 1 before the first rank, as TinyFace's own evaluation does.

    Returns:
        float, 0..1. A probe without a mate counts as 0.

    Raises:
        ValueError: as for `match_probes`.
    """
    matches = _matches(similarity, probe_labels, gallery_labels)
    return float(np.mean(matches.precision_areas if trapezoids else matches.average_precisions))


def tpir_at_fpir(mated: Matches, unmated_scores: ArrayLike, fpir: float, rank: int = 20) -> float | None:
    """Measure an open set: the share of known probes found at the threshold for a false positive rate.

    An unmated probe is a false positive where its highest similarity reaches the threshold. A mated probe is a
    true positive where its best mate reaches the threshold and is among the first `rank`.

    Args:
        mated: `Matches` of the probes of people in the gallery; a probe whose mate is missing counts as not found.
        unmated_scores: (unmated probes,) `best_scores` of the probes of people who are not in the gallery.
        fpir: false positive identification rate, 0 < fpir < 1.
        rank: the last rank that counts, 1 to the size of the gallery; SurvFace uses 20.

    Returns:
        float 0..1, or None where `fpir` is below 1 / unmated probes, a rate too small for that number of probes to
        show.

    Raises:
        ValueError: there is no unmated probe, a score is not finite, or a rate or rank is out of range.
    """
    _checked_ranks([rank], mated.gallery_size)
    if not 0 < fpir < 1:
        raise ValueError(f"fpir: expected a rate between 0 and 1, got {fpir}")
    unmated_scores = np.asarray(unmated_scores, np.float64)
    if unmated_scores.ndim != 1 or not unmated_scores.size or not np.isfinite(unmated_scores).all():
        raise ValueError(
            f"unmated_scores: expected at least one finite number, one per unmated probe, got shape "
            f"{unmated_scores.shape} with {np.isfinite(unmated_scores).sum()} finite"
        )
    threshold = threshold_at_far(unmated_scores, fpir)
    if threshold is None:
        return None
    return float(np.mean((mated.ranks <= rank) & (mated.mate_scores >= threshold)))


def chance_rates(probe_labels: ArrayLike, gallery_labels: ArrayLike, ranks: Sequence[int] = (1,)) -> np.ndarray:
    """Compute the expected rank-k rates of a gallery in random order.

    Args:
        probe_labels: (probes,) labels, numbers or names.
        gallery_labels: (gallery,) labels of the same type.
        ranks: whole numbers from 1 to the size of the gallery.

    Returns:
        (len(ranks),) float64. The rate at rank 1 is the mean share of mates in the gallery: 1 / people where each
        person has one image in it.

    Raises:
        ValueError: there are no labels, or a rank is out of range.
    """
    probe_labels, gallery_labels = checked_labels(probe_labels, gallery_labels)
    size = len(gallery_labels)
    checked = _checked_ranks(ranks, size)
    columns = columns_of_labels(gallery_labels)
    mates = np.array([len(columns.get(label, ())) for label in probe_labels.tolist()])
    counts, probes = np.unique(mates, return_counts=True)
    drawn = np.arange(checked.max())
    # The probability that the next image drawn is not a mate either, given that none was before it.
    passed = np.clip(size - counts[:, None] - drawn, 0, None) / (size - drawn)
    found = 1 - np.cumprod(passed, axis=1)
    return (probes @ found[:, checked - 1]) / len(probe_labels)


def _matches(
    similarity: Similarity | Matches,
    probe_labels: ArrayLike | None,
    gallery_labels: ArrayLike | None,
) -> Matches:
    if isinstance(similarity, Matches):
        return similarity
    return match_probes(similarity, np.asarray(probe_labels), np.asarray(gallery_labels))


def _checked_ranks(ranks: ArrayLike, gallery_size: int) -> np.ndarray:
    ranks = np.asarray(ranks)
    whole = ranks.ndim == 1 and ranks.size and ranks.dtype.kind in "iu"
    if not whole or ranks.min() < 1 or ranks.max() > gallery_size:
        raise ValueError(
            f"ranks: expected whole numbers from 1 to the size of the gallery, {gallery_size}, "
            f"got {ranks.tolist()}"
        )
    return ranks
