"""Identification figures: rank-k rates, CMC, mean average precision, and TPIR at FPIR for open sets.

Sources: the CMC of FERET (Phillips et al., 2000); TPIR and FPIR as NIST's FRVT and QMUL-SurvFace (Cheng et al.,
2018) use them; the rank and mAP figures of TinyFace (Cheng et al., 2018). A probe is compared with every gallery
image, a higher similarity means more alike, and a person may have several images in the gallery: the best of them
counts. Ties are broken pessimistically: an image of another person stands before a mate of equal similarity, so
that a constant embedding identifies nobody. A probe without a mate in the gallery is not left out: it counts as
never identified.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cshml_tf.metrics.verification import threshold_at_far, unit_rows

# Similarities held at a time: 64 MiB of them.
_BLOCK = 2**24


@dataclass(frozen=True)
class Matches:
    """Where the mates of each probe stand in the gallery, sorted by similarity.

    Attributes:
        ranks: (probes,) int64, the place of the best mate, from 1; gallery images + 1 where there is none.
        mate_scores: (probes,) float64, the similarity of the best mate; minus infinity where there is none.
        average_precisions: (probes,) float64, mean over the mates of the precision at each; 0 where there is none.
        precision_areas: (probes,) float64, the area under precision over recall by trapezoids, as TinyFace's own
            evaluation takes it; 0 where there is none.
        gallery_size: number of gallery images.
    """

    ranks: np.ndarray
    mate_scores: np.ndarray
    average_precisions: np.ndarray
    precision_areas: np.ndarray
    gallery_size: int


def similarity_rows(probes, gallery):
    """Give the cosine similarities of probes to a gallery, in blocks of rows that fit into memory.

    Args:
        probes: (probes, E) float32, each of unit length.
        gallery: (gallery, E) float32, likewise.

    Returns:
        Iterator of (rows, gallery) float32, as `match_probes` takes it.
    """
    rows = max(1, _BLOCK // max(len(gallery), 1))
    return (probes[start : start + rows] @ gallery.T for start in range(0, len(probes), rows))


def person_means(embeddings, labels):
    """Give one embedding a person, for a gallery or as a class centre: the mean of the person's, at unit length.

    Args:
        embeddings: (images, E) real, each of unit length.
        labels: (images,) labels.

    Returns:
        (people, E) float32 of unit length, and (people,) labels, rising. Embeddings that cancel out stay 0.
    """
    people, rows = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(people), embeddings.shape[1]))
    np.add.at(sums, rows, embeddings)
    return unit_rows(sums).astype(np.float32), people


def match_probes(similarity, probe_labels, gallery_labels):
    """Find each probe's mates in the gallery, once for all figures.

    Args:
        similarity: (probes, gallery) real, finite; or an iterator of consecutive blocks of its rows, for a matrix
            that does not fit into memory.
        probe_labels: (probes,) labels, numbers or names.
        gallery_labels: (gallery,) labels of the same kind.

    Returns:
        `Matches`.

    Raises:
        ValueError: no probe, no gallery image, a shape that does not fit the labels, or a similarity that is not
            finite.
    """
    probe_labels, gallery_labels = _checked_labels(probe_labels, gallery_labels)
    columns = _columns_of_labels(gallery_labels)
    none = np.empty(0, np.int64)
    found, row_number = [], 0
    for block in _blocks(similarity, len(gallery_labels)):
        labels = probe_labels[row_number : row_number + len(block)].tolist()
        # Rows beyond the labels are counted, not matched.
        found += [_match(row, columns.get(label, none)) for row, label in zip(block, labels, strict=False)]
        row_number += len(block)
    if row_number != len(probe_labels):
        raise ValueError(f"similarity: expected {len(probe_labels)} rows, one a probe, got {row_number}")
    ranks, scores, precisions, areas = (np.array(figures) for figures in zip(*found, strict=True))
    return Matches(ranks, scores, precisions, areas, len(gallery_labels))


def with_missing_probes(matches, missing):
    """Count probes whose images are not there: they are never identified.

    Args:
        matches: `Matches` of the probes that are there.
        missing: how many are not.

    Returns:
        `Matches` of all, the missing ones last.
    """
    ranks = np.full(missing, matches.gallery_size + 1)
    scores, zeros = np.full(missing, -np.inf), np.zeros(missing)
    return Matches(
        np.append(matches.ranks, ranks),
        np.append(matches.mate_scores, scores),
        np.append(matches.average_precisions, zeros),
        np.append(matches.precision_areas, zeros),
        matches.gallery_size,
    )


def rank_rates(similarity, probe_labels, gallery_labels, ranks):
    """Measure the share of probes that have a mate among the k most similar gallery images.

    Args:
        similarity: as `match_probes`; or its result, to which the labels (None) add nothing.
        probe_labels: (probes,) labels.
        gallery_labels: (gallery,) labels.
        ranks: the k's, whole numbers from 1 to the size of the gallery.

    Returns:
        (len(ranks),) float64, 0..1. Probes without a mate are in the denominator.

    Raises:
        ValueError: as `match_probes`; also a rank out of range.
    """
    matches = _matches(similarity, probe_labels, gallery_labels)
    ranks = _checked_ranks(ranks, matches.gallery_size)
    return np.mean(matches.ranks[:, None] <= ranks, axis=0)


def cumulative_match_curve(similarity, probe_labels, gallery_labels, longest=None):
    """Measure the rank-k rate at every k.

    Args:
        similarity: as `rank_rates`.
        probe_labels: (probes,) labels.
        gallery_labels: (gallery,) labels.
        longest: the last rank; None takes the size of the gallery.

    Returns:
        (longest,) float64, 0..1, never falling; item k - 1 is rank k. It ends below 1 where probes have no mate.

    Raises:
        ValueError: as `rank_rates`.
    """
    matches = _matches(similarity, probe_labels, gallery_labels)
    longest = matches.gallery_size if longest is None else longest
    _checked_ranks([longest], matches.gallery_size)
    at_rank = np.bincount(matches.ranks, minlength=longest + 1)[1 : longest + 1]
    return np.cumsum(at_rank) / len(matches.ranks)


def mean_average_precision(similarity, probe_labels, gallery_labels, trapezoids=False):
    """Measure how early all mates of a probe come, on the mean of the probes.

    Args:
        similarity: as `rank_rates`.
        probe_labels: (probes,) labels.
        gallery_labels: (gallery,) labels.
        trapezoids: False takes the mean precision at the mates. True takes the area under precision over recall
            by trapezoids, the precision before the first place being 1, as TinyFace's own evaluation does.

    Returns:
        float, 0..1. A probe without a mate counts 0.

    Raises:
        ValueError: as `match_probes`.
    """
    matches = _matches(similarity, probe_labels, gallery_labels)
    return float(np.mean(matches.precision_areas if trapezoids else matches.average_precisions))


def best_scores(similarity):
    """Find the similarity of the gallery image most like each probe: what an open set accepts or rejects by.

    Args:
        similarity: (probes, gallery) real, finite; or an iterator of consecutive blocks of its rows.

    Returns:
        (probes,) float64.

    Raises:
        ValueError: no probe, no gallery image, or a similarity that is not finite.
    """
    scores = [np.max(block, axis=1).astype(np.float64) for block in _blocks(similarity)]
    if not scores:
        raise ValueError("similarity: expected at least one probe, got none")
    return np.concatenate(scores)


def tpir_at_fpir(mated, unmated_scores, fpir, rank=20):
    """Measure an open set: how many known probes are found at the threshold of a false positive rate.

    A probe without a mate is a false positive where its best similarity is at or above the threshold; a probe
    with one is a true positive where its best mate is, and stands among the first `rank`.

    Args:
        mated: `Matches` of the probes of people in the gallery; one whose mate is missing counts as not found.
        unmated_scores: (unmated probes,) `best_scores` of the probes of people that are not in it.
        fpir: false positive identification rate, 0 < fpir < 1.
        rank: the furthest place that counts, 1 to the size of the gallery; SurvFace takes 20.

    Returns:
        float 0..1, or None where `fpir` is below 1 / unmated probes: so few cannot show so small a rate.

    Raises:
        ValueError: no unmated probe, a score that is not finite, or a rate or rank out of range.
    """
    _checked_ranks([rank], mated.gallery_size)
    if not 0 < fpir < 1:
        raise ValueError(f"fpir: expected a rate between 0 and 1, got {fpir}")
    unmated_scores = np.asarray(unmated_scores, np.float64)
    if unmated_scores.ndim != 1 or not unmated_scores.size or not np.isfinite(unmated_scores).all():
        raise ValueError(
            f"unmated_scores: expected finite numbers, one an unmated probe, at least one, got shape "
            f"{unmated_scores.shape}, {np.isfinite(unmated_scores).sum()} of them finite"
        )
    threshold = threshold_at_far(unmated_scores, fpir)
    if threshold is None:
        return None
    return float(np.mean((mated.ranks <= rank) & (mated.mate_scores >= threshold)))


def chance_rates(probe_labels, gallery_labels, ranks=(1,)):
    """Give the rank-k rates that a gallery in random order scores on average.

    Args:
        probe_labels: (probes,) labels, numbers or names.
        gallery_labels: (gallery,) labels of the same kind.
        ranks: whole numbers from 1 to the size of the gallery.

    Returns:
        (len(ranks),) float64. At rank 1 it is the mean share of mates in the gallery: 1 / people where each has
        one image there.

    Raises:
        ValueError: no label, or a rank out of range.
    """
    probe_labels, gallery_labels = _checked_labels(probe_labels, gallery_labels)
    size = len(gallery_labels)
    ranks = _checked_ranks(ranks, size)
    columns = _columns_of_labels(gallery_labels)
    mates = np.array([len(columns.get(label, ())) for label in probe_labels.tolist()])
    counts, probes = np.unique(mates, return_counts=True)
    drawn = np.arange(ranks.max())
    # The chance that each further image drawn is no mate either, where none was before it.
    passed = np.clip(size - counts[:, None] - drawn, 0, None) / (size - drawn)
    found = 1 - np.cumprod(passed, axis=1)
    return (probes @ found[:, ranks - 1]) / len(probe_labels)


def _match(row, mates):
    """Give rank, best mate's score, average precision and area of one probe."""
    if not mates.size:
        return len(row) + 1, -np.inf, 0.0, 0.0
    scores = np.sort(row[mates])
    # What lies below the weakest mate changes no figure.
    above = np.sort(row[row >= scores[0]])
    # Non-mates at or above each mate, the best mate first: pessimistic where they are equal.
    others = (len(above) - np.searchsorted(above, scores))[::-1]
    others -= (len(scores) - np.searchsorted(scores, scores))[::-1]
    number = np.arange(1, len(scores) + 1)
    places = number + others
    precisions = number / places
    before = np.where(places == 1, 1.0, (number - 1) / np.maximum(places - 1, 1))
    return places[0], float(scores[-1]), precisions.mean(), np.mean((before + precisions) / 2)


def _blocks(similarity, gallery_size=None):
    """Yield checked blocks of rows."""
    blocks = similarity if isinstance(similarity, Iterator) else [similarity]
    start = 0
    for block in blocks:
        block = np.asarray(block)
        if block.ndim != 2 or not block.size or gallery_size not in (None, block.shape[1]):
            columns = "at least one column" if gallery_size is None else f"{gallery_size} columns"
            raise ValueError(
                f"similarity: expected rows of probes with {columns}, one a gallery image, got shape {block.shape}"
            )
        finite = np.isfinite(block)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            raise ValueError(
                f"similarity: expected finite numbers, got {block[row, column]} for probe {start + row} and "
                f"gallery image {column}"
            )
        yield block
        start += len(block)


def _matches(similarity, probe_labels, gallery_labels):
    if isinstance(similarity, Matches):
        return similarity
    return match_probes(similarity, probe_labels, gallery_labels)


def _checked_labels(probe_labels, gallery_labels):
    labels = {"probe_labels": np.asarray(probe_labels), "gallery_labels": np.asarray(gallery_labels)}
    for name, of_images in labels.items():
        if of_images.ndim != 1 or not of_images.size:
            raise ValueError(f"{name}: expected one label an image, at least one, got shape {of_images.shape}")
    probe_labels, gallery_labels = labels.values()
    # A number never equals a name: every probe would pass for one without a mate.
    if (probe_labels.dtype.kind == "U") != (gallery_labels.dtype.kind == "U"):
        raise ValueError(
            f"gallery_labels: expected labels of the probes' kind, {probe_labels.dtype}, "
            f"got {gallery_labels.dtype}"
        )
    return probe_labels, gallery_labels


def _columns_of_labels(gallery_labels):
    """Map each label to the columns that bear it."""
    labels, counts = np.unique(gallery_labels, return_counts=True)
    columns = np.split(np.argsort(gallery_labels, kind="stable"), np.cumsum(counts)[:-1])
    return dict(zip(labels.tolist(), columns, strict=True))


def _checked_ranks(ranks, gallery_size):
    ranks = np.asarray(ranks)
    whole = ranks.ndim == 1 and ranks.size and ranks.dtype.kind in "iu"
    if not whole or ranks.min() < 1 or ranks.max() > gallery_size:
        raise ValueError(
            f"ranks: expected whole numbers from 1 to the size of the gallery, {gallery_size}, "
            f"got {ranks.tolist()}"
        )
    return ranks
