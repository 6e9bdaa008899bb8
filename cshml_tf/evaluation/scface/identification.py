"""Identification by distance: the share of probes whose person is found among the mugshots, at ranks 1 to 10."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import numpy as np

from cshml_tf.data.scface import CAMERAS
from cshml_tf.metrics.identification import cumulative_match_curve

LONGEST_RANK = 10


class Embedded(NamedTuple):
    """Embeddings and the people they show.

    Attributes:
        people: (faces,) int64.
        embeddings: (faces, E) real; of unit length if they come from a network.
    """

    people: np.ndarray
    embeddings: np.ndarray

    def of(self, people: Iterable[int]) -> "Embedded":
        """Select the embeddings of some people."""
        rows = np.isin(self.people, list(people))
        return Embedded(self.people[rows], self.embeddings[rows])


def match_curve(
    gallery: Embedded,
    probes: Embedded,
    people: Collection[int],
    similarity: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Measure the rank-1 to rank-10 rates of some people's probes among the mugshots of the same people.

    Five probes per person are expected, one per camera. A probe that is missing or unreadable counts as never
    identified, and so does the probe of a person whose mugshot is missing.

    Args:
        gallery: mugshots of these people, and perhaps of others.
        probes: images at one distance of these people, and perhaps of others.
        people: the people whose probes are measured.
        similarity: function of (probes, E) and (gallery, E) that returns (probes, gallery), higher is more alike;
            None for the cosine of unit vectors.

    Returns:
        (10,) float64, 0..1. With fewer than 10 mugshots the last rate is repeated, so that the curves of all seeds
        have the same length.

    Raises:
        ValueError: there is no mugshot or no probe of these people, or an embedding is not finite.
    """
    gallery, probes = gallery.of(people), probes.of(people)
    if not len(gallery.people) or not len(probes.people):
        raise ValueError(
            f"SCface: expected mugshots and probes of {len(people)} people, got {len(gallery.people)} and "
            f"{len(probes.people)}"
        )
    if similarity is None:
        scores = probes.embeddings @ gallery.embeddings.T
    else:
        scores = similarity(probes.embeddings, gallery.embeddings)
    longest = min(LONGEST_RANK, len(gallery.people))
    curve = cumulative_match_curve(scores, probes.people, gallery.people, longest)
    curve = np.pad(curve, (0, LONGEST_RANK - longest), mode="edge")
    return curve * len(probes.people) / (len(people) * len(CAMERAS))
