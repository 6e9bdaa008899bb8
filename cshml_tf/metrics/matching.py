"""Ranking each probe's mates in a gallery, which every identification metric starts from.

Each probe is compared with every gallery image; a higher similarity means more alike. A probe's mates are the
gallery images of the same person, of which the most similar counts. Ties are broken pessimistically: an image of
another person ranks ahead of a mate of equal similarity, so a constant embedding identifies nobody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.metrics.vectors import unit_rows

# Number of float32 similarities in memory at a time: 64 MiB.
_BLOCK = 2**24

# (probes, gallery) real, or an iterator over consecutive blocks of its rows.
Similarity = ArrayLike | Iterator[np.ndarray]


@dataclass(frozen=True)
class Matches:
    """The ranks and scores of each probe's mates.

    Attributes:
        ranks: (probes,) int64, rank of the best mate, from 1; `gallery_size` + 1 for a probe without a mate.
        mate_scores: (probes,) float64, similarity of the best mate; minus infinity without a mate.
        average_precisions: (probes,) float64, mean over the mates of the precision at each; 0 without a mate.
        precision_areas: (probes,) float64, area under precision over recall by the trapezoidal rule, as TinyFace's
            own evaluation computes it; 0 without a mate.
        gallery_size: number of gallery images.
    """

    ranks: np.ndarray
    mate_scores: np.ndarray
    average_precisions: np.ndarray
    precision_areas: np.ndarray
    gallery_size: int


def similarity_rows(probes: np.ndarray, gallery: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the cosine similarities of probes to a gallery, in blocks of rows that fit in memory.

    Args:
        probes: (probes, E) float32, each of unit length.
        gallery: (gallery, E) float32, each of unit length.

    Returns:
        Iterator over (rows, gallery) float32, as `match_probes` accepts it.
    """
    rows = max(1, _BLOCK // max(len(gallery), 1))
    return (probes[start : start + rows] @ gallery.T for start in range(0, len(probes), rows))


def person_means(embeddings: np.ndarray, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Compute one embedding per person, for a gallery or as a class centre: the mean, scaled to unit length.

    Args:
        embeddings: (images, E) real, each of unit length.
        labels: (images,) labels.

    Returns:
        (people, E) float32 of unit length, and (people,) labels in ascending order. A mean of zero stays zero.
    """
    people, rows = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(people), embeddings.shape[1]))
    np.add.at(sums, rows, embeddings)
    return unit_rows(sums).astype(np.float32), people


def match_probes(similarity: Similarity, probe_labels: ArrayLike, gallery_labels: ArrayLike) -> Matches:
    """Rank each probe's mates in the gallery, once for all metrics.

    Args:
        similarity: (probes, gallery) real, finite; or an iterator over consecutive blocks of its rows, for a
            matrix that does not fit in memory.
        probe_labels: (probes,) labels, numbers or names.
        gallery_labels: (gallery,) labels of the same type.

    Returns:
        `Matches`.

    Raises:
        ValueError: there is no probe or no gallery image, the shape does not fit the labels, or a similarity is
            not finite.
    """
    probe_labels, gallery_labels = checked_labels(probe_labels, gallery_labels)
    columns = columns_of_labels(gallery_labels)
    none = np.empty(0, np.int64)
    found, row_number = [], 0
    for block in _blocks(similarity, len(gallery_labels)):
        labels = probe_labels[row_number : row_number + len(block)].tolist()
        # Surplus rows are only counted, for the error below.
        found += [_match(row, columns.get(label, none)) for row, label in zip(block, labels, strict=False)]
        row_number += len(block)
    if row_number != len(probe_labels):
        raise ValueError(f"similarity: expected {len(probe_labels)} rows, one per probe, got {row_number}")
    ranks, scores, precisions, areas = (np.array(column) for column in zip(*found, strict=True))
    return Matches(ranks, scores, precisions, areas, len(gallery_labels))


def with_missing_probes(matches: Matches, missing: int) -> Matches:
    """Add probes whose images are missing: they count as never identified.

    Args:
        matches: `Matches` of the available probes.
        missing: number of missing probes.

    Returns:
        `Matches` of all probes, the missing ones last.
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


def best_scores(similarity: Similarity) -> np.ndarray:
    """Find each probe's highest similarity to the gallery, by which an open set accepts or rejects it.

    Args:
        similarity: (probes, gallery) real, finite; or an iterator over consecutive blocks of its rows.

    Returns:
        (probes,) float64.

    Raises:
        ValueError: there is no probe or no gallery image, or a similarity is not finite.
    """
    scores = [np.max(block, axis=1).astype(np.float64) for block in _blocks(similarity)]
    if not scores:
        raise ValueError("similarity: expected at least one probe, got none")
    return np.concatenate(scores)


def checked_labels(probe_labels: ArrayLike, gallery_labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both lists of labels as arrays.

    Raises:
        ValueError: a list is empty or not one-dimensional, or one contains names and the other numbers.
    """
    probes, gallery = np.asarray(probe_labels), np.asarray(gallery_labels)
    for name, labels in (("probe_labels", probes), ("gallery_labels", gallery)):
        if labels.ndim != 1 or not labels.size:
            raise ValueError(
                f"{name}: expected one label per image and at least one image, got shape {labels.shape}"
            )
    # A number never equals a name: every probe would count as one without a mate.
    if (probes.dtype.kind == "U") != (gallery.dtype.kind == "U"):
        raise ValueError(
            f"gallery_labels: expected the type of the probes' labels, {probes.dtype}, got {gallery.dtype}"
        )
    return probes, gallery


def columns_of_labels(gallery_labels: np.ndarray) -> dict[int | str, np.ndarray]:
    """Map each label to the columns that carry it."""
    labels, counts = np.unique(gallery_labels, return_counts=True)
    columns = np.split(np.argsort(gallery_labels, kind="stable"), np.cumsum(counts)[:-1])
    return dict(zip(labels.tolist(), columns, strict=True))


def _match(row: np.ndarray, mates: np.ndarray) -> tuple[int, float, float, float]:
    """Return rank, best mate's score, average precision and precision area of one probe."""
    if not mates.size:
        return len(row) + 1, -np.inf, 0.0, 0.0
    scores = np.sort(row[mates])
    # Scores below the weakest mate affect none of the results.
    above = np.sort(row[row >= scores[0]])
    # Number of non-mates at or above each mate, the best mate first: pessimistic for ties.
    others = (len(above) - np.searchsorted(above, scores))[::-1]
    others -= (len(scores) - np.searchsorted(scores, scores))[::-1]
    number = np.arange(1, len(scores) + 1)
    ranks = number + others
    precisions = number / ranks
    before = np.where(ranks == 1, 1.0, (number - 1) / np.maximum(ranks - 1, 1))
    return int(ranks[0]), float(scores[-1]), float(precisions.mean()), float(np.mean((before + precisions) / 2))


def _blocks(similarity: Similarity, gallery_size: int | None = None) -> Iterator[np.ndarray]:
    """Yield checked blocks of rows."""
    blocks: Iterable[ArrayLike] = similarity if isinstance(similarity, Iterator) else [similarity]
    start = 0
    for block in blocks:
        block = np.asarray(block)
        if block.ndim != 2 or not block.size or gallery_size not in (None, block.shape[1]):
            columns = "at least one column" if gallery_size is None else f"{gallery_size} columns"
            raise ValueError(
                f"similarity: expected probes' rows with {columns}, one per gallery image, got shape {block.shape}"
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
