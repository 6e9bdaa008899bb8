"""The record of an alignment run: the outcome for each input, kept so that an interrupted run can resume."""

import collections
import json
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from cshml_tf.alignment.crops import CENTER, NO_FACE, UNREADABLE
from cshml_tf.alignment.kept_rows import KeptRows
from cshml_tf.alignment.rows import COLUMNS, TEXT, line_of, read_rows
from cshml_tf.files import (
    claimed,
    is_regular,
    printable,
    read_json,
    remove_left_overs_below,
    replacing,
    visible_entries,
    write_text,
)
from cshml_tf.settings.alignment import AlignmentSettings

RECORD_NAME = "alignment.csv"
SETTINGS_NAME = "alignment.json"
# What folders were begun with before the option existed.
_ADDED = {"min_face": 20}


class AlignmentRecord:
    """`alignment.csv` and `alignment.json` of one output folder, new or resumed.

    During a run, rows are appended as they arrive; a row that was cut short by a kill is dropped when the record
    is next opened. `finish` is called once all worker processes have ended. Whoever makes one claims `output_dir`
    first, see `claim`.

    Args:
        output_dir: created if missing.
        input_dir: folder to which the paths in the rows are relative.
        settings: an `AlignmentSettings`.

    Raises:
        ValueError: the folder contains other files, or comes from a run with another input folder or other
            settings, or one of its two files is damaged. The only change allowed is that of `fallback` from
            "skip" to "center".
        OSError: the folder cannot be read or written.
    """

    def __init__(self, output_dir: str | Path, input_dir: str | Path, settings: AlignmentSettings) -> None:
        self.output_dir = Path(output_dir)
        self.path = self.output_dir / RECORD_NAME
        self.output_dir.mkdir(parents=True, exist_ok=True)
        self._check_folder(input_dir, settings)
        remove_left_overs_below(self.output_dir)
        self.rows = KeptRows()
        if os.path.lexists(self.path):
            for row in read_rows(self.path):
                self.rows.add(row)
        self._drop_incomplete(settings)
        self._write_sorted()
        self._file: IO[str] | None = None

    def append(self, rows: Iterable[dict[str, str]]) -> None:
        """Add the rows of one input and flush them, so that a kill of this process cannot lose them."""
        if self._file is None:
            # Never through a link that has appeared since the record was written.
            number = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
            self._file = open(number, "a", **TEXT)
        for row in rows:
            self._file.write(line_of(row))
            self.rows.add(row)
        self._file.flush()

    def finish(self) -> None:
        """Close the file, sort its rows by path and output, and remove what killed worker processes left."""
        if self._file is not None:
            self._file.close()
            self._file = None
        remove_left_overs_below(self.output_dir)
        self._write_sorted()

    def forget_failures(self, chosen: Callable[[str], bool]) -> None:
        """Drop the failed inputs for which `chosen(path)` is true; they can then be aligned again."""
        failed = [
            path for path, rows in self.rows.items() if rows[0].status in (NO_FACE, UNREADABLE) and chosen(path)
        ]
        for path in failed:
            del self.rows[path]
        if failed:
            self._write_sorted()

    def outputs(self) -> set[str]:
        """Return the paths of all crops in the rows, relative to the output folder."""
        return {row.output for rows in self.rows.values() for row in rows if row.output}

    def counts(self) -> dict[str, int]:
        """Return the number of inputs by status, and the number of crops under "crops"."""
        counts = collections.Counter(rows[0].status for rows in self.rows.values())
        counts["crops"] = sum(bool(row.output) for rows in self.rows.values() for row in rows)
        return counts

    def _check_folder(self, input_dir: str | Path, settings: AlignmentSettings) -> None:
        wanted = {"input_dir": str(Path(input_dir).resolve()), **settings.as_json()}
        settings_path = self.output_dir / SETTINGS_NAME
        if os.path.lexists(settings_path):
            _check_settings(settings_path, wanted)
        elif visible_entries(self.output_dir):
            raise ValueError(
                f"{printable(self.output_dir)}: expected an empty folder or one with {SETTINGS_NAME}, "
                "got a folder of other files"
            )
        # Escaped, because folder names need not be valid Unicode.
        write_text(settings_path, json.dumps(wanted, indent=2) + "\n")

    def _drop_incomplete(self, settings: AlignmentSettings) -> None:
        """Drop inputs that have a missing crop, or to which a new fallback now applies."""
        dropped = []
        for path, rows in self.rows.items():
            missing = any(row.output and not is_regular(self.output_dir / row.output) for row in rows)
            cut_short = settings.detect_multiple_faces and len(rows) < int(rows[0].faces or 0)
            retried = rows[0].status == NO_FACE and settings.fallback == "center"
            if missing or cut_short or retried:
                dropped.append(path)
        for path in dropped:
            del self.rows[path]

    def _write_sorted(self) -> None:
        with replacing(self.path) as partial, open(partial, "x", **TEXT) as file:
            file.write(line_of(dict(zip(COLUMNS, COLUMNS, strict=True))))
            for path in sorted(self.rows):
                file.write(self.rows.lines_of(path))


def claim(output_dir: str | Path) -> AbstractContextManager[None]:
    """Return a context manager that lets no other process align into a folder; it creates the folder.

    Args:
        output_dir: the folder.

    Raises:
        ValueError: another process is aligning into the folder.
        OSError: the folder cannot be written.
    """
    return claimed(Path(output_dir) / RECORD_NAME)


def _check_settings(path: Path, wanted: dict[str, Any]) -> None:
    where = printable(path)
    try:
        found = read_json(path, dict[str, Any])
    except ValueError as error:
        reason = str(error).removeprefix(f"{where}: ")
        raise ValueError(f"{where}: expected the settings of an alignment run as JSON: {reason}") from None
    found = _ADDED | found
    for name, value in wanted.items():
        became_center = name == "fallback" and (found.get(name), value) == ("skip", CENTER)
        if found.get(name) != value and not became_center:
            raise ValueError(
                f"{printable(path.parent)}: expected {name} {found.get(name)}, with which the folder was begun, "
                f"got {value}; choose another output folder"
            )
