"""Decide who a track shows, once, from all of its faces together.

The embeddings of a track's faces are averaged, each weighted by its quality, for each view apart. The memory of a
track is these sums, whatever its length.

One view decides, chosen by the widths of its faces alone, never by its scores: the one with the largest sum of the
widths' fifth powers. A wide face says far more than a narrow one, and many say a little more than one: on LFW,
eight photographs at 8 pixels identify people as well as one at 12 (docs/results.md), and 8 x 8^5 is close to 12^5.

**The score.** Let m be the average, of length |m| <= 1: 1 for faces that all look the same to the network. Its
cosine with an enrolled person grows with the number of faces even for a stranger, since averaging removes what was
random in each: at a threshold for 5 % of single photographs, 14 % of strangers passed with four photographs at 8
pixels. The average of the faces' own scores, |m| times that cosine, lets hardly anyone pass. The score of a track
is the geometric mean of the two, sqrt(|m|) times the cosine: with it, the rate that was calibrated for single
photographs held for tracks of two to eight, and more enrolled people were named than from one (docs/results.md).
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cshml_tf.alignment.detector import Face
from cshml_tf.gallery.decision import UNCALIBRATED, Answer, Thresholds, too_narrow, too_poor
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.portraits import CroppedFace
from cshml_tf.gallery.search import Search

# Of a width, in the weight of a face: log 8 / log (12 / 8) = 5.1.
_POWER = 5


@dataclass
class Evidence:
    """What the faces of one track have shown so far.

    Attributes:
        first: time of the first face, seconds.
        last: time of the last one.
        frames: number of faces, rejected ones too.
        face: the last one, as the detector found it.
        latest: its crop.
        answer: the decision so far.
        widest: width of the widest crop, pixels of the frame.
        best: the widest face; among rejected ones only if all are.
        best_time: its time.
        best_quality: the best quality of all faces that were wide enough.
        sums: sum of quality times embedding, (E,) float64, by kind of view.
        qualities: sum of the qualities, by kind of view.
        weights: sum of the widths' fifth powers, by kind of view.
    """

    first: float
    last: float
    frames: int = 0
    face: Face | None = None
    latest: CroppedFace | None = None
    answer: Answer | None = None
    widest: float = 0.0
    best: CroppedFace | None = None
    best_time: float = 0.0
    best_quality: float = 0.0
    sums: dict[str, np.ndarray] = field(default_factory=dict)
    qualities: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def see(self, face: Face, crop: CroppedFace, time: float) -> None:
        """Note a face of the track, and its crop."""
        self.face, self.latest, self.last = face, crop, time
        self.frames += 1
        if self.best is None or crop.width > self.widest:
            self.widest, self.best, self.best_time = crop.width, crop, time

    def add(self, kind: str, embedding: np.ndarray, quality: float, width: float) -> None:
        """Add a face's embedding."""
        self.sums[kind] = self.sums.get(kind, 0.0) + quality * embedding.astype(np.float64)
        self.qualities[kind] = self.qualities.get(kind, 0.0) + quality
        self.weights[kind] = self.weights.get(kind, 0.0) + width**_POWER

    def fused(self, kind: str) -> tuple[np.ndarray, float]:
        """Return the direction of a view's average embedding, (1, E) float32, and its length, 0..1."""
        total = self.sums[kind]
        length = float(np.linalg.norm(total))
        return (total / length)[None].astype(np.float32), min(length / self.qualities[kind], 1.0)


class Namer:
    """Embeds the faces of tracks and decides who each track shows.

    Args:
        networks: the gallery's networks.
        search: in the gallery.
        thresholds: in force.
        min_width: narrower faces say nothing; pixels of the frame.
        min_quality: nor do faces of less quality; None takes all.
        count: number of candidates.
    """

    def __init__(
        self,
        networks: GalleryNetworks,
        search: Search,
        thresholds: Thresholds,
        min_width: float,
        min_quality: float | None = None,
        count: int = 3,
    ) -> None:
        self._networks = networks
        self._search = search
        self._thresholds = thresholds
        self._min_width = min_width
        self._min_quality = min_quality
        self._count = count

    def add(self, faces: Sequence[tuple[Evidence, CroppedFace]]) -> None:
        """Add the faces of one frame to the evidence of their tracks."""
        wide = [(evidence, face) for evidence, face in faces if face.width >= self._min_width]
        kinds = [self._networks.kind_of(face.width) for _, face in wide]
        for kind in dict.fromkeys(kinds):
            some = [pair for pair, each in zip(wide, kinds, strict=True) if each == kind]
            embeddings, qualities = self._networks.embed_and_rate(
                kind, np.stack([face.pixels for _, face in some])
            )
            for (evidence, face), embedding, quality in zip(some, embeddings, qualities, strict=True):
                evidence.best_quality = max(evidence.best_quality, float(quality))
                if self._min_quality is None or quality >= self._min_quality:
                    evidence.add(kind, embedding, float(quality), face.width)

    def decide(self, evidence: Evidence) -> Answer:
        """Decide who a track shows."""
        if not evidence.sums:
            kind = self._networks.kind_of(evidence.widest)
            if evidence.widest < self._min_width:
                return too_narrow(kind, evidence.widest, self._min_width)
            return too_poor(kind, evidence.best_quality, self._min_quality or 0.0)
        kinds = sorted(evidence.weights, key=evidence.weights.__getitem__, reverse=True)
        answers = []
        for kind in kinds:
            probe, length = evidence.fused(kind)
            (found,) = self._search.top(kind, probe, self._count)
            candidates = [dataclasses.replace(each, score=each.score * math.sqrt(length)) for each in found]
            answers.append(self._thresholds.decide(kind, candidates))
            if answers[-1].status != UNCALIBRATED:
                return answers[-1]
        return answers[0]
