"""`history.csv`: one row per interval of steps, which a resumed run continues as if it had never stopped."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cshml_tf.files import MAX_TEXT_BYTES, printable, read_bytes, read_text, replacing, write_text

HISTORY = "history.csv"
_DAMAGED = "history-damaged.csv"


class HistoryFile:
    """Rows of numbers in a CSV file, whose columns may grow.

    Opening keeps the rows of complete intervals up to a step, and drops what a killed or stopped call wrote after
    it. If other lines cannot be read, a warning is printed and the whole file is kept as `history-damaged.csv`.

    Args:
        log_dir: the folder of `history.csv`.
        first_step: number of steps already done.
        log_every: number of steps per interval.

    Raises:
        ValueError: the file is not a regular file.
        OSError: it cannot be read or written.
    """

    def __init__(self, log_dir: str | Path, first_step: int, log_every: int) -> None:
        self._path = Path(log_dir) / HISTORY
        if os.path.lexists(self._path):
            content = read_bytes(self._path, MAX_TEXT_BYTES)
            self._columns, rows, damaged = _parse(content.decode("utf-8", "replace"))
            kept = [row for row in rows if _step(row) <= first_step and _step(row) % log_every == 0]
            if damaged:
                with replacing(Path(log_dir) / _DAMAGED) as partial:
                    partial.write_bytes(content)
                print(
                    f"warning: {printable(self._path)}: expected rows of numbers, got {damaged} other line(s); "
                    f"the file is kept as {_DAMAGED}",
                    file=sys.stderr,
                )
        else:
            self._columns, kept = [], []
        # Even without rows: the file is written anew, so that what follows is never written through a link.
        self._write(kept)

    def append(self, row: Mapping[str, float]) -> None:
        """Write one row.

        Args:
            row: the numbers by column, "step" first. New columns are added to the file.

        Raises:
            OSError: the file cannot be written.
        """
        cells = {name: f"{value:.8g}" if isinstance(value, float) else str(value) for name, value in row.items()}
        added = [name for name in cells if name not in self._columns]
        if added or not self._path.exists():
            rows = _parse(read_text(self._path))[1] if self._path.exists() else []
            self._columns = [*self._columns, *added]
            self._write([*rows, cells])
            return
        line = _line([cells.get(name, "") for name in self._columns])
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(self._path, flags), "wb") as file:
            file.write(line.encode())

    def _write(self, rows: Sequence[Mapping[str, str]]) -> None:
        if not rows and not any(self._columns):
            write_text(self._path, "")
            return
        lines = [self._columns, *([row.get(name, "") for name in self._columns] for row in rows)]
        write_text(self._path, "".join(map(_line, lines)))


def _step(row: Mapping[str, str]) -> int:
    return int(row["step"])


def _line(cells: Sequence[str]) -> str:
    return ",".join(cells) + "\n"


def _parse(text: str) -> tuple[list[str], list[dict[str, str]], int]:
    """Return the columns, the rows that can be read, and the number of other lines.

    A last line without its end, as a killed process leaves it, is passed over.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    header, *others = lines[:-1] or [""]
    columns = header.split(",") if header else []
    if not columns:
        return [], [], len(others) + (len(lines) > 1)
    if "step" not in columns or len(set(columns)) < len(columns) or not all(columns):
        return [], [], len(lines) - 1
    rows = []
    for line in others:
        cells = line.split(",")
        row = dict(zip(columns, cells, strict=False))
        if len(cells) == len(columns) and _is_row(row) and (not rows or _step(rows[-1]) < _step(row)):
            rows.append(row)
    return columns, rows, len(others) - len(rows)


def _is_row(row: Mapping[str, str]) -> bool:
    step = row["step"]
    if not (step.isascii() and step.isdigit() and len(step) < 19):
        return False
    try:
        return all(float(cell) is not None for cell in row.values() if cell)
    except ValueError:
        return False
