"""A folder of embeddings that is filled batch by batch, in any order, and goes on after any interruption.

Until then, `embeddings.unfinished` holds the array and `batches.unfinished` lists the batches that are in it. When
all are, the array becomes `embeddings.npy`, and `faces.csv` names its rows.
"""

import csv
import io
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.embedding.batches import Batch, Embedded
from cshml_tf.files import (
    is_regular,
    open_regular,
    open_to_continue,
    printable,
    read_array,
    read_json,
    remove_left_overs_below,
    replacing,
    visible_entries,
    write_text,
)

SETTINGS, ARRAY, FACES = "embeddings.json", "embeddings.npy", "faces.csv"
UNFINISHED_ARRAY, UNFINISHED_BATCHES = "embeddings.unfinished", "batches.unfinished"
COLUMNS = ("person", "file", "status", "reason")
EMBEDDED, UNREADABLE = "embedded", "unreadable"
# Names that are not valid UTF-8 pass unchanged, as they do in Python's own file names.
_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": "\n"}
# Bytes of a line: a path has at most 4,096, which escapes can make four times as long.
_LONGEST_LINE = 2**15
# Seconds of work that a loss of power may cost.
_COMMIT_EVERY = 5.0


class EmbeddingStore:
    """The embeddings of one data set, new or resumed; whoever makes one claims the folder first.

    Args:
        folder: created if it does not exist.
        settings: what decides the embeddings, as JSON types; those of an earlier run must be equal.
        count: number of faces.
        batches: number of batches.

    Attributes:
        done: (batches,) bool, the batches that are in the array.
        reasons: why faces have no embedding, by their places in the data set.
        is_finished: whether the folder holds everything.
        size: length of an embedding, 0 before the first one.

    Raises:
        ValueError: the folder contains other files, comes from a run with other settings, or is damaged.
        OSError: it cannot be read or written.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], count: int, batches: int) -> None:
        self.folder, self._count = folder, count
        folder.mkdir(parents=True, exist_ok=True)
        self._check_settings(settings)
        remove_left_overs_below(folder)
        self.done = np.zeros(batches, bool)
        self.reasons: dict[int, str] = {}
        self._array: Any = None
        self._list: Any = None
        self._start = self.size = 0
        self._uncommitted: list[str] = []
        self._committed = time.monotonic()
        self.is_finished = os.path.lexists(folder / ARRAY)
        if self.is_finished:
            # A kill may have come between the last steps.
            (folder / UNFINISHED_BATCHES).unlink(missing_ok=True)
            self._read_array(ARRAY)
            self.reasons = _read_reasons(folder / FACES, count)
        elif os.path.lexists(folder / UNFINISHED_BATCHES):
            self._resume()

    def add(self, batch: Batch, embedded: Embedded) -> None:
        """Write the embeddings of a batch.

        Raises:
            OSError: they cannot be written, for example because the disk is full.
        """
        array = self._array or self._begin(embedded.embeddings.shape[1])
        array.seek(self._start + 4 * self.size * batch.first)
        array.write(np.asarray(embedded.embeddings, "<f4").tobytes())
        # From here on, it is there even if this process is killed.
        array.flush()
        for place, reason in sorted(embedded.reasons.items()):
            row = batch.first + place
            self.reasons[row] = printable(reason)
            self._uncommitted.append(_line(batch.number, row, self.reasons[row]))
        self._uncommitted.append(_line(batch.number, "", ""))
        self.done[batch.number] = True
        if time.monotonic() - self._committed > _COMMIT_EVERY:
            self.commit()

    def commit(self) -> None:
        """List the batches that were added: they are on the disk before the list says so."""
        if self._uncommitted:
            os.fsync(self._array.fileno())
            self._list.write("".join(self._uncommitted))
            self._list.flush()
            os.fsync(self._list.fileno())
            self._uncommitted.clear()
        self._committed = time.monotonic()

    def close(self) -> None:
        """Close the files; what was not committed is done again by the next run."""
        for file in (self._array, self._list):
            if file is not None:
                file.close()
        self._array = self._list = None

    def finish(self, names: Iterable[tuple[str, str]]) -> None:
        """Give the array its name, once all batches are in it.

        Args:
            names: the person and the file of each face, in order.

        Raises:
            OSError: the folder cannot be written.
        """
        self.commit()
        self.close()
        with replacing(self.folder / FACES) as partial, open(partial, "x", **_TEXT) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row, (person, name) in enumerate(names):
                reason = self.reasons.get(row)
                writer.writerow([person, name, EMBEDDED if reason is None else UNREADABLE, reason or ""])
        os.replace(self.folder / UNFINISHED_ARRAY, self.folder / ARRAY)
        (self.folder / UNFINISHED_BATCHES).unlink()
        self.is_finished = True

    def _check_settings(self, settings: dict[str, Any]) -> None:
        path = self.folder / SETTINGS
        if os.path.lexists(path):
            found = read_json(path, dict[str, Any])
            for name, value in settings.items():
                if found.get(name) != value:
                    raise ValueError(
                        f"{printable(self.folder)}: expected {name} {found.get(name)}, with which the folder was "
                        f"begun, got {value}; choose another output folder"
                    )
        elif visible_entries(self.folder):
            raise ValueError(
                f"{printable(self.folder)}: expected an empty folder or one with {SETTINGS}, got a folder of "
                "other files"
            )
        write_text(path, json.dumps(settings, indent=2) + "\n")

    def _begin(self, size: int) -> Any:
        """Make both files, the list last, since its presence tells that there is something to resume."""
        header = io.BytesIO()
        shape = {"descr": "<f4", "fortran_order": False, "shape": (self._count, size)}
        np.lib.format.write_array_header_1_0(header, shape)
        path = self.folder / UNFINISHED_ARRAY
        path.unlink(missing_ok=True)
        with open(path, "xb") as file:
            file.write(header.getvalue())
            file.truncate(len(header.getvalue()) + 4 * self._count * size)
        first_line = _line("batch", "face", "reason")
        write_text(self.folder / UNFINISHED_BATCHES, first_line)
        return self._open(len(header.getvalue()), size, len(first_line))

    def _resume(self) -> None:
        """Read which batches are in the array."""
        path = self.folder / UNFINISHED_BATCHES
        end = self._read_list(path)
        if not is_regular(self.folder / UNFINISHED_ARRAY):
            raise ValueError(f"{printable(self.folder)}: expected {UNFINISHED_ARRAY}, which is gone")
        array = self._read_array(UNFINISHED_ARRAY)
        # What follows is a line that a kill has cut short.
        self._open(getattr(array, "offset", 0), array.shape[1], end)

    def _read_array(self, name: str) -> np.ndarray:
        """Map the array in a file of the folder, without its values."""
        array = read_array(self.folder / name, "<f4", 2, mapped=True)
        if len(array) != self._count:
            raise ValueError(f"{printable(self.folder / name)}: expected {self._count} rows, got {len(array)}")
        return array

    def _open(self, start: int, size: int, end: int) -> Any:
        """Open both files to go on writing: the array, with its values from `start`, and the list, from `end`."""
        self._start, self.size = start, size
        self._array = open_to_continue(self.folder / UNFINISHED_ARRAY)
        batches = open_to_continue(self.folder / UNFINISHED_BATCHES)
        batches.truncate(end)
        batches.seek(end)
        self._list = io.TextIOWrapper(batches, **_TEXT)
        return self._array

    def _read_list(self, path: Path) -> int:
        """Read the list of batches; return the number of bytes of its whole lines."""
        end, reasons = 0, {}
        with open_regular(path, _LONGEST_LINE * (self._count + len(self.done) + 1)) as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
                if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
                    break
                end += len(line)
                fields = _fields(line.decode("utf-8", "surrogateescape").rstrip("\n"))
                if number == 1:
                    continue
                if len(fields) != 3 or not _is_index(fields[0], len(self.done)):
                    raise ValueError(f"{printable(path)}, line {number}: expected a batch, got another line")
                if fields[1] == "":
                    self.done[int(fields[0])] = True
                elif _is_index(fields[1], self._count):
                    reasons.setdefault(int(fields[0]), {})[int(fields[1])] = fields[2]
                else:
                    raise ValueError(f"{printable(path)}, line {number}: expected a face, got another line")
        for batch, found in reasons.items():
            if self.done[batch]:
                self.reasons.update(found)
        return end


def _line(*fields: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _fields(line: str) -> list[str]:
    """Return the fields of a line, none if it is no line of a CSV file."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _is_index(text: str, count: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16 and int(text) < count


def _read_reasons(path: Path, count: int) -> dict[int, str]:
    """Read from a finished folder which faces have no embedding."""
    reasons: dict[int, str] = {}
    rows = 0
    with open_regular(path, _LONGEST_LINE * (count + 1)) as binary, io.TextIOWrapper(binary, **_TEXT) as file:
        lines = csv.reader(file)
        try:
            if next(lines, None) != list(COLUMNS):
                raise ValueError(f"{printable(path)}, line 1: expected {','.join(COLUMNS)}, got another line")
            for row, fields in enumerate(lines):
                rows += 1
                if len(fields) != len(COLUMNS) or fields[2] not in (EMBEDDED, UNREADABLE):
                    raise ValueError(
                        f"{printable(path)}, line {lines.line_num}: expected a face, got another line"
                    )
                if fields[2] == UNREADABLE:
                    reasons[row] = fields[3]
        except csv.Error as error:
            raise ValueError(f"{printable(path)}, line {lines.line_num}: expected a face, got {error}") from None
    if rows != count:
        raise ValueError(f"{printable(path)}: expected {count} faces, got {rows}")
    return reasons
