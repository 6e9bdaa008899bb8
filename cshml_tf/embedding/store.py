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
        write_text(self.folder / UNFINISHED_BATCHES, _line("batch", "face", "reason"))
        return self._open(len(header.getvalue()), size)

    def _resume(self) -> None:
        """Read which batches are in the array."""
        path = self.folder / UNFINISHED_BATCHES
        end = self._read_list(path)
        if not is_regular(self.folder / UNFINISHED_ARRAY):
            raise ValueError(f"{printable(self.folder)}: expected {UNFINISHED_ARRAY}, which is gone")
        array = read_array(self.folder / UNFINISHED_ARRAY, "<f4", 2, mapped=True)
        if len(array) != self._count:
            raise ValueError(
                f"{printable(self.folder / UNFINISHED_ARRAY)}: expected {self._count} rows, got {len(array)}"
            )
        # A line that a kill has cut short.
        os.truncate(path, end)
        self._open(getattr(array, "offset", 0), array.shape[1])

    def _open(self, start: int, size: int) -> Any:
        self._start, self.size = start, size
        self._array = open(self.folder / UNFINISHED_ARRAY, "r+b")  # noqa: SIM115
        self._list = open(self.folder / UNFINISHED_BATCHES, "a", **_TEXT)  # noqa: SIM115
        return self._array

    def _read_list(self, path: Path) -> int:
        """Read the list of batches; return the number of bytes of its whole lines."""
        end, reasons = 0, {}
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                fields = next(csv.reader([line.decode("utf-8", "surrogateescape").rstrip("\n")]), [])
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


def _is_index(text: str, count: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16 and int(text) < count


def _read_reasons(path: Path, count: int) -> dict[int, str]:
    """Read from a finished folder which faces have no embedding."""
    reasons: dict[int, str] = {}
    rows = 0
    with open(path, **_TEXT) as file:
        for row, fields in enumerate(csv.DictReader(file)):
            rows += 1
            if fields.get("status") != EMBEDDED:
                reasons[row] = str(fields.get("reason"))
    if rows != count:
        raise ValueError(f"{printable(path)}: expected {count} faces, got {rows}")
    return reasons
