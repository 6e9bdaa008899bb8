"""Identification by distance: which share of the probes finds its person among the mugshots, at rank 1 to 10."""

from typing import NamedTuple

import numpy as np

from cshml_tf.data.scface import CAMERAS
from cshml_tf.metrics.identification import cumulative_match_curve

LONGEST_RANK = 10


class Embedded(NamedTuple):
    """Embeddings and whose they are.

    Attributes:
        people: (faces,) int64.
        embeddings: (faces, E) real; of unit length where they come from a network.
    """

    people: np.ndarray
    embeddings: np.ndarray

    def of(self, people):
        """Give those of some people."""
        rows = np.isin(self.people, list(people))
        return Embedded(self.people[rows], self.embeddings[rows])


def match_curve(gallery, probes, people, similarity=None):
    """Measure the rank-1 to rank-10 rates of some people's probes among their own mugshots.

    Five probes a person are expected, one a camera: one that is missing or could not be read counts as never
    identified, and so does the probe of a person whose mugshot is.

    Args:
        gallery: `Embedded` mugshots, of these people and perhaps others.
        probes: `Embedded` images of one distance, likewise.
        people: whose probes are measured.
        similarity: function of (probes, E) and (gallery, E) giving (probes, gallery), higher is more alike; None
            is the cosine of unit vectors.

    Returns:
        (10,) float64, 0..1; of fewer mugshots, the last one's rate at the ranks that they lack, so that the curves
        of several seeds always have one length.

    Raises:
        ValueError: no mugshot or no probe of these people, or embeddings that are not finite.
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
