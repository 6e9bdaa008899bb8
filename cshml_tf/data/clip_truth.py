"""Who is where in each frame of a clip: a CSV that a person or a program has written, to score what was found.

Columns: `frame` (counted from 0), `time` (seconds), `name`, and the face's box in pixels of the frame: `left`,
`top`, `width` and `height`. Someone who is not enrolled has any name that nobody in the gallery has.
"""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cshml_tf.files import normalised, printable, read_text, write_text

COLUMNS = ("frame", "time", "name", "left", "top", "width", "height")


@dataclass(frozen=True)
class KnownFace:
    """A face in a frame, as it is known to be.

    Attributes:
        frame: number of the frame, from 0.
        time: seconds from the beginning of the clip.
        name: the person's name.
        box: left, top, width and height, pixels of the frame.
    """

    frame: int
    time: float
    name: str
    box: tuple[float, float, float, float]


def write_truth(path: str | Path, faces: Iterable[KnownFace]) -> None:
    """Write the CSV, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for face in faces:
        rows.writerow((face.frame, f"{face.time:.3f}", face.name, *(f"{value:.2f}" for value in face.box)))
    write_text(path, text.getvalue())


def read_truth(path: str | Path) -> list[KnownFace]:
    """Read the CSV.

    Returns:
        The faces, in the order of the file.

    Raises:
        ValueError: the heading or a row is not as it should be, or there is no row.
        OSError: it cannot be read.
    """
    rows = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    faces = []
    try:
        for row in rows:
            where = f"{printable(path)}, line {rows.line_num}"
            if rows.line_num == 1:
                if tuple(cell.strip().lower() for cell in row) != COLUMNS:
                    raise ValueError(f"{where}: expected the heading {','.join(COLUMNS)}, got {_shown(row)}")
            elif row:
                faces.append(_face_of(row, where))
    except csv.Error as error:
        raise ValueError(f"{printable(path)}, line {rows.line_num}: expected CSV: {error}") from None
    if not faces:
        raise ValueError(f"{printable(path)}: expected at least one face, got none")
    return faces


def _face_of(row: list[str], where: str) -> KnownFace:
    try:
        frame, time, name, *sides = row
        left, top, width, height = map(float, sides)
        face = KnownFace(int(frame), float(time), normalised(name.strip()), (left, top, width, height))
    except ValueError:
        raise ValueError(f"{where}: expected {','.join(COLUMNS)}, got {_shown(row)}") from None
    if not face.name or face.frame < 0 or not all(map(math.isfinite, (face.time, *face.box))):
        raise ValueError(f"{where}: expected a name, a frame of 0 or more and finite numbers, got {_shown(row)}")
    if face.time < 0 or width <= 0 or height <= 0:
        raise ValueError(f"{where}: expected a time of 0 or more and a box with an area, got {_shown(row)}")
    return face


def _shown(row: list[str]) -> str:
    return repr(printable(",".join(row))[:80])
