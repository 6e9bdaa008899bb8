"""Decide what to say of a probe: a name, "unknown", or that it is too poor to say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cshml_tf.gallery.calibration import Calibration, Threshold, growth_note
from cshml_tf.gallery.search import Candidate
from cshml_tf.gallery.store import Gallery

IDENTIFIED, UNKNOWN, REJECTED, UNCALIBRATED = "identified", "unknown", "rejected", "uncalibrated"


@dataclass(frozen=True)
class Answer:
    """What is said of one face.

    Attributes:
        status: "identified"; "unknown", no enrolled person reaches the threshold; "rejected", too poor to say;
            "uncalibrated", candidates only, since nobody knows how often a name would be wrong.
        kind: the view that suits the face.
        name: the person's name if identified.
        candidates: the most similar people, best first; none for a rejected face.
        threshold: of the decision; None if rejected or uncalibrated.
        reason: why it was rejected; empty otherwise.
        quality: of the face, see `cshml_tf.gallery.quality`; None if it was too narrow to be embedded.
    """

    status: str
    kind: str
    name: str | None = None
    candidates: Sequence[Candidate] = ()
    threshold: float | None = None
    reason: str = ""
    quality: float | None = None


class Thresholds:
    """The thresholds in force in a gallery.

    Args:
        calibrations: of the gallery, by kind.
        fpir: rate to decide at; None for the stated rate of each calibration.

    Raises:
        ValueError: the probes of a calibration are too few for `fpir`.
    """

    def __init__(self, calibrations: Mapping[str, Calibration], fpir: float | None = None) -> None:
        self.by_kind: dict[str, Threshold] = {kind: each.at(fpir) for kind, each in calibrations.items()}
        self._calibrations = dict(calibrations)

    def notes(self, gallery: Gallery, kinds: set[str]) -> list[str]:
        """Say what the user must know: nobody is enrolled, or a kind in use needs another calibration."""
        people, faces = gallery.size()
        empty = f"{gallery.name}: nobody is enrolled, so nobody can be named; see cshml-gallery enrol"
        mode, lines = gallery.card().person_score, [] if faces else [empty]
        for kind in sorted(kinds):
            if kind not in self.by_kind:
                lines.append(f"{kind}: not calibrated: candidates only, no names; see cshml-gallery calibrate")
            elif note := growth_note(self._calibrations[kind], self.by_kind[kind], mode, people, faces):
                lines += [note] if faces else []
        return lines

    def decide(self, kind: str, candidates: Sequence[Candidate]) -> Answer:
        """Decide on a face by its candidates, best first."""
        if kind not in self.by_kind:
            return Answer(UNCALIBRATED, kind, None, candidates)
        threshold = self.by_kind[kind].value
        if candidates and candidates[0].score >= threshold:
            return Answer(IDENTIFIED, kind, candidates[0].name, candidates, threshold)
        return Answer(UNKNOWN, kind, None, candidates, threshold)


def too_narrow(kind: str, width: float, min_width: float) -> Answer:
    """Return the answer for a face that is too narrow."""
    return Answer(REJECTED, kind, reason=f"{width:.1f} pixels wide, expected {min_width:g} or more")


def too_poor(kind: str, quality: float, min_quality: float) -> Answer:
    """Return the answer for a face whose quality is too low."""
    return Answer(
        REJECTED, kind, reason=f"quality {quality:.4g}, expected {min_quality:g} or more", quality=quality
    )
