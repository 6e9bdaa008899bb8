"""What the commands print of a gallery and of identified pictures: tables, JSON, CSV."""

import csv
import io
import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cshml_tf.evaluation.tables import align_columns
from cshml_tf.files import printable
from cshml_tf.gallery.calibration import NATIVE, Calibration, growth_note, read_calibrations
from cshml_tf.gallery.csv_cells import escaped
from cshml_tf.gallery.rows import StoredFace
from cshml_tf.gallery.store import Gallery

if TYPE_CHECKING:
    # Only the commands that embed faces need Keras.
    from cshml_tf.gallery.enrolment import Outcome
    from cshml_tf.gallery.identification import IdentifiedFace, IdentifiedPicture

_LONGEST_IN_TABLE = 80
COLUMNS = (
    *("file", "x", "y", "width", "height", "crop_width", "status", "name", "score", "threshold", "network"),
    *("detector_score", "sharpness", "quality", "candidates", "reason"),
)


def gallery_lines(gallery: Gallery) -> list[str]:
    """Describe a gallery: its people, networks and thresholds, one fact per line."""
    card, people = gallery.card(), gallery.people()
    rows = [("person", "faces"), *((name, str(count)) for name, count in people.items())]
    lines = [
        *align_columns(rows),
        "",
        f"{size_words(len(people), sum(people.values()))}; created {card.created}",
    ]
    for kind, view in card.views.items():
        second = f", second score with weight {view.weight:g}" if view.weight else ""
        lines.append(f"{kind}: {view.folder}, SHA-256 {view.digest[:12]}...{second}")
    lines.append(f"score of a person: {card.person_score} of the faces; search: {card.search}")
    calibrations = read_calibrations(gallery)
    for kind in card.views:
        if kind not in calibrations:
            lines.append(f"{kind}: not calibrated: candidates only, no names")
            continue
        lines.append(calibration_line(calibrations[kind]))
        size = len(people), sum(people.values())
        note = growth_note(calibrations[kind], calibrations[kind].at(), card.person_score, *size)
        lines += [note] if note else []
    return lines


def size_words(people: int, faces: int) -> str:
    """Return the size of a gallery in words: "1 person, 2 faces"."""
    return f"{people} {'person' if people == 1 else 'people'}, {face_words(faces)}"


def face_words(faces: int) -> str:
    """Return a number of faces in words: "1 face", "2 faces"."""
    return f"{faces} {'face' if faces == 1 else 'faces'}"


def calibration_line(calibration: Calibration) -> str:
    """Describe a calibration in one line."""
    threshold = calibration.at()
    low, high = threshold.interval
    origin = " (faces of this width in their pictures)" if calibration.origin == NATIVE else ""
    return (
        f"{calibration.kind}{origin}: threshold {threshold.value:.4f}: asked for a false-positive rate of "
        f"{threshold.fpir:.2%}, achieved {threshold.achieved:.2%}: {threshold.passed} of {threshold.probes} "
        f"probes of {calibration.strangers} strangers pass, 95 % interval {low:.2%} to {high:.2%}; least rate "
        f"that they support: {calibration.least_rate:.2%}"
    )


def near_line(gallery: Gallery, outcome: "Outcome", threshold: float) -> str:
    """Say in one line whom a new portrait resembles, how much, and what to do."""
    assert outcome.near is not None
    name, (other, score, number) = outcome.entry.name, outcome.near
    portrait = next((face.source for face in gallery.faces_of(other) if face.id == number), "a face")
    words = " ".join(map(shlex.quote, (name, other)))
    return (
        f"{printable(outcome.entry.path)}: enrolled as {name}, but like {other} ({score:.3f}, threshold "
        f"{threshold:.3f}, with {portrait}): if both are one person, cshml-gallery merge {words}; if the "
        "photograph is in the wrong folder, remove and enrol again; otherwise expect the two to be confused"
    )


def quality_line(kind: str, qualities: np.ndarray) -> str:
    """Describe how the quality of strangers' faces is spread, from which a `--min_quality` can be chosen."""
    low, middle = np.percentile(qualities, [5, 50])
    return f"{kind}: quality of these faces: 5 % below {low:.4g}, half of them below {middle:.4g}"


def face_lines(faces: Sequence[StoredFace]) -> list[str]:
    """List stored faces with their figures, one line each."""
    rows = [("face", "width", "score", "sharpness", "mirror", "enrolled", "source")]
    for face in faces:
        quality = face.quality
        detected = "-" if quality.detector_score is None else f"{quality.detector_score:.3f}"
        figures = (f"{quality.width:.1f}", detected, f"{quality.sharpness:.0f}", f"{quality.mirror_distance:.3f}")
        rows.append((str(face.id), *figures, face.created, face.source))
    return align_columns(rows)


def identified_table(pictures: "Iterable[IdentifiedPicture]") -> str:
    """Format identified pictures as a table, one line per face, and one per picture without a face.

    The middle of very long names is left out; JSON and CSV have them whole.
    """
    rows = [("file", "face", "width", "network", "decision", "score", "threshold", "candidates")]
    for picture in pictures:
        name = _short(printable(picture.path))
        if not picture.faces:
            rows.append((name, "-", "-", "-", picture.problem or "no face found", "-", "-", ""))
        for number, face in enumerate(picture.faces, 1):
            answer = face.answer
            told = _short(answer.name) if answer.name is not None else answer.status
            score = f"{answer.candidates[0].score:.3f}" if answer.candidates else "-"
            threshold = "-" if answer.threshold is None else f"{answer.threshold:.3f}"
            shown = ", ".join(f"{_short(each.name)} {each.score:.3f}" for each in answer.candidates)
            told = f"{told}: {answer.reason}" if answer.reason else told
            rows.append((name, str(number), f"{face.face.width:.1f}", answer.kind, told, score, threshold, shown))
    return "\n".join(_left_aligned(rows))


def identified_json(
    pictures: "Iterable[IdentifiedPicture]", notes: Sequence[str], ensure_ascii: bool = False
) -> str:
    """Format identified pictures as JSON: {"notes": [...], "pictures": [{"file", "problem", "faces"}]}.

    Args:
        pictures: what was found in each.
        notes: sentences about the gallery.
        ensure_ascii: whether other characters are written as JSON's escapes.
    """
    content = [
        {
            "file": printable(picture.path),
            "problem": picture.problem or None,
            "faces": [_face_json(face) for face in picture.faces],
        }
        for picture in pictures
    ]
    content = {"notes": list(notes), "pictures": content}
    return json.dumps(content, indent=2, ensure_ascii=ensure_ascii, allow_nan=False)


def identified_csv(pictures: "Iterable[IdentifiedPicture]") -> str:
    """Format identified pictures as CSV with the heading `COLUMNS`, one row per face or picture without one.

    Words that a spreadsheet would run as a formula are escaped: see `csv_cells`.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for picture in pictures:
        for row in _csv_rows(picture):
            writer.writerow({key: escaped(cell) if isinstance(cell, str) else cell for key, cell in row.items()})
    return text.getvalue().rstrip("\n")


def _csv_rows(picture: "IdentifiedPicture") -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {"file": printable(picture.path)}
    if not picture.faces:
        yield row | {"status": "unreadable" if picture.problem else "no face", "reason": picture.problem}
    for face in picture.faces:
        told = _face_json(face)
        candidates = told.pop("candidates")
        told["score"] = candidates[0]["score"] if candidates else None
        told["candidates"] = "; ".join(f"{each['name']} {each['score']:.4f}" for each in candidates)
        told |= dict(zip(("x", "y", "width", "height"), told.pop("box"), strict=True))
        yield row | told


def _face_json(face: "IdentifiedFace") -> dict[str, Any]:
    answer, found = face.answer, face.face
    return {
        "box": [round(side, 1) for side in found.box],
        "crop_width": round(found.width, 1),
        "detector_score": None if found.detector_score is None else round(found.detector_score, 4),
        "sharpness": round(face.sharpness, 1),
        "quality": None if answer.quality is None else round(answer.quality, 4),
        "network": answer.kind,
        "status": answer.status,
        "name": answer.name,
        "threshold": answer.threshold,
        "reason": answer.reason or None,
        "candidates": [{"name": each.name, "score": round(each.score, 5)} for each in answer.candidates],
    }


def _short(name: str) -> str:
    keep = _LONGEST_IN_TABLE // 2 - 1
    return name if len(name) <= _LONGEST_IN_TABLE else f"{name[:keep]}...{name[-keep:]}"


def _left_aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
