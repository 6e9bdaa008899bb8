"""The rows of a whole record in memory, as the lines that are written: a third of what their fields would take."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cshml_tf.alignment.rows import line_of


class Entry(NamedTuple):
    """The fields of a row that decide what is done next, as `alignment.csv` holds them.

    Attributes:
        status: one of `crops.STATUSES`.
        output: path of the crop relative to the output folder, or "".
        faces: number of faces detected, or "".
    """

    status: str
    output: str
    faces: str


class KeptRows(Mapping[str, list[Entry]]):
    """The rows of each input by its path, in the order in which they were added."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    def add(self, row: dict[str, str]) -> None:
        """Add a row, as `rows.make_row` returns it."""
        path = row["path"]
        self._lines[path] = self._lines.get(path, "") + line_of(row)

    def lines_of(self, path: str) -> str:
        """Return the lines of an input's rows, as they are written."""
        return self._lines[path]

    def __getitem__(self, path: str) -> list[Entry]:
        lines = self._lines[path]
        if '"' in lines:
            return [Entry(*fields[1:4]) for fields in csv.reader(io.StringIO(lines, newline=""))]
        # A record of millions is passed over several times, and quoted names are rare.
        return [Entry(*line.split(",", 4)[1:4]) for line in lines.split("\n")[:-1]]

    def __delitem__(self, path: str) -> None:
        del self._lines[path]

    def __contains__(self, path: object) -> bool:
        return path in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)
