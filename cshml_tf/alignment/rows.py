"""The rows of `alignment.csv`: made, written as lines, and read strictly, field by field."""

import csv
import io
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from cshml_tf.alignment.crops import ALIGNED, NO_FACE, STATUSES, UNREADABLE
from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import LANDMARKS
from cshml_tf.files import open_regular, printable

_NUMBERS = (
    *("score", "box_x", "box_y", "box_width", "box_height"),
    *(f"{landmark}_{axis}" for landmark in LANDMARKS for axis in "xy"),
)
COLUMNS = ("path", "status", "output", "faces", *_NUMBERS, "reason")
# Names that are not valid UTF-8 pass unchanged, as they do in Python's own file names.
TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": "\n"}
_COUNT = re.compile(r"[0-9]{0,9}")
_NUMBER = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,6}")
# Characters. Two of the longest names of an operating system, quoted, stay below.
_LONGEST_ROW = 2**16


def make_row(
    path: str | Path,
    status: str,
    output: str | Path = "",
    faces: int | None = None,
    face: Face | None = None,
    reason: str = "",
) -> dict[str, str]:
    """Build one row of the record as a dictionary of strings.

    Args:
        path: path of the input, relative to the input folder.
        status: one of `crops.STATUSES`.
        output: path of the crop, relative to the output folder.
        faces: number of faces detected; None if the image was not searched.
        face: the `detector.Face` of the crop.
        reason: why there is no aligned face.

    Returns:
        Dictionary with the keys `COLUMNS`; a column without a value is "".

    Raises:
        ValueError: a number of the face is not finite.
    """
    row = dict.fromkeys(COLUMNS, "")
    count = "" if faces is None else str(faces)
    row.update(path=str(path), status=status, output=str(output), faces=count, reason=printable(reason))
    if face is not None:
        numbers = {f"box_{name}": getattr(face, name) for name in ("x", "y", "width", "height")}
        for name, point in zip(LANDMARKS, face.landmarks, strict=True):
            numbers[f"{name}_x"], numbers[f"{name}_y"] = point
        if not all(map(math.isfinite, (face.score, *numbers.values()))):
            raise ValueError("expected finite numbers from the detector, got NaN or infinity")
        row.update({column: f"{value:.3f}" for column, value in numbers.items()})
        row["score"] = f"{face.score:.6f}"
    return row


def line_of(row: dict[str, str]) -> str:
    """Return a row as text; fields with commas, quotes or line ends are quoted."""
    text = io.StringIO(newline="")
    # With another line end than this, the writer would leave a carriage return in a name without quotes.
    csv.writer(text, lineterminator="\r\n").writerow([row[column] for column in COLUMNS])
    return text.getvalue().removesuffix("\r\n") + "\n"


def read_rows(path: str | os.PathLike[str]) -> Iterator[dict[str, str]]:
    """Read the rows of an `alignment.csv` one by one.

    A last row that a kill has cut short is left out.

    Args:
        path: the file.

    Yields:
        A dictionary for each row, as `make_row` returns it.

    Raises:
        ValueError: the file is not such a record; the message names the line and the column.
        OSError: it cannot be read.
    """
    with open_regular(path, max_bytes=2**62) as binary, io.TextIOWrapper(binary, **TEXT) as file:
        lines = _Lines(file)
        reader = csv.reader(lines, strict=True)
        outputs: set[str] = set()
        while True:
            first, begun = reader.line_num + 1, lines.characters
            try:
                fields = next(reader, None)
                if fields is None or not lines.is_whole:
                    return
                if first == 1:
                    _check_header(fields)
                    continue
                row = dict(zip(COLUMNS, fields, strict=False))
                _check_row(row, len(fields), outputs)
            except (ValueError, csv.Error) as error:
                # A kill can cut a row behind a line end that belongs to a name.
                is_unfinished = "unexpected end of data" in str(error)
                if is_unfinished and first > 1 and lines.characters - begun <= _LONGEST_ROW:
                    return
                what_to_do = "mend the file, or delete it to align everything again"
                raise ValueError(f"{printable(path)}, line {first}: {error}; {what_to_do}") from None
            yield row


class _Lines:
    """The lines of a file, none of which may be endless.

    Attributes:
        characters: how many were read.
        is_whole: whether the last line had its line end.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.characters = 0
        self.is_whole = True

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(_LONGEST_ROW + 1)
        if not line:
            raise StopIteration
        if len(line) > _LONGEST_ROW:
            raise ValueError(f"expected lines of at most {_LONGEST_ROW} characters, got a longer one")
        self.characters += len(line)
        self.is_whole = line.endswith("\n")
        return line


def _check_header(fields: list[str]) -> None:
    if tuple(fields) != COLUMNS:
        raise ValueError(f"expected the columns {','.join(COLUMNS[:4])} ..., got others")


def _check_row(row: dict[str, str], count: int, outputs: set[str]) -> None:
    """Check every field of a row of `count` fields, and that its crop is not among `outputs`, then add it."""
    if count != len(COLUMNS):
        raise ValueError(f"expected {len(COLUMNS)} columns, got {count}")
    status = row["status"]
    if status not in STATUSES:
        raise ValueError(f"status: expected one of {', '.join(STATUSES)}, got {_shown(status)}")
    has_output, has_face = status not in (NO_FACE, UNREADABLE), status == ALIGNED
    _check_name("path", row["path"])
    if has_output:
        _check_name("output", row["output"])
        if row["output"] in outputs:
            raise ValueError(f"output: expected each crop once, got {_shown(row['output'])} again")
        outputs.add(row["output"])
    elif row["output"]:
        raise ValueError(f"output: expected none for {status}, got {_shown(row['output'])}")
    if not _COUNT.fullmatch(row["faces"]) or has_face and not int(row["faces"] or 0):
        raise ValueError(f"faces: expected a number of faces, got {_shown(row['faces'])}")
    for column in _NUMBERS:
        if has_face and not _NUMBER.fullmatch(row[column]):
            raise ValueError(f"{column}: expected a decimal number, got {_shown(row[column])}")
        if not has_face and row[column]:
            raise ValueError(f"{column}: expected none for {status}, got {_shown(row[column])}")


def _check_name(column: str, name: str) -> None:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"{column}: expected a path below the folder, got {_shown(name)}")


def _shown(value: str) -> str:
    return f"'{printable(value[:60])}'"
