"""The record of an alignment run: the outcome for each input, kept so that an interrupted run can resume."""

import collections
import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from cshml_tf.alignment.crops import CENTER, NO_FACE, UNREADABLE
from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import LANDMARKS
from cshml_tf.files import remove_left_overs_below, replacing, write_text
from cshml_tf.settings.alignment import AlignmentSettings

RECORD_NAME = "alignment.csv"
SETTINGS_NAME = "alignment.json"
COLUMNS = (
    *("path", "status", "output", "faces", "score", "box_x", "box_y", "box_width", "box_height"),
    *(f"{landmark}_{axis}" for landmark in LANDMARKS for axis in "xy"),
    "reason",
)


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
    """
    row = dict.fromkeys(COLUMNS, "")
    count = "" if faces is None else str(faces)
    row.update(path=str(path), status=status, output=str(output), faces=count, reason=reason)
    if face is not None:
        box = {f"box_{name}": getattr(face, name) for name in ("x", "y", "width", "height")}
        for name, point in zip(LANDMARKS, face.landmarks, strict=True):
            box[f"{name}_x"], box[f"{name}_y"] = point
        row.update({column: f"{value:.3f}" for column, value in box.items()})
        row["score"] = f"{face.score:.6f}"
    return row


class AlignmentRecord:
    """`alignment.csv` and `alignment.json` of one output folder, new or resumed.

    During a run, rows are appended as they arrive; a row that was cut short by a kill is dropped when the record
    is next opened. `finish` sorts the rows by path.

    Args:
        output_dir: created if missing.
        input_dir: folder to which the paths in the rows are relative.
        settings: an `AlignmentSettings`.

    Raises:
        ValueError: the folder contains other files, or comes from a run with another input folder or other
            settings. The only change allowed is that of `fallback` from "skip" to "center".
    """

    def __init__(self, output_dir: str | Path, input_dir: str | Path, settings: AlignmentSettings) -> None:
        self.output_dir = Path(output_dir)
        self.path = self.output_dir / RECORD_NAME
        self._claim_folder(input_dir, settings)
        remove_left_overs_below(self.output_dir)
        self.rows: dict[str, list[dict[str, str]]] = collections.defaultdict(list)
        for row in self._read_rows():
            self.rows[row["path"]].append(row)
        self._drop_incomplete(settings)
        self._write_sorted()
        self._file: IO[str] | None = None

    def append(self, rows: Iterable[dict[str, str]]) -> None:
        """Add the rows of one input and flush them, so that a kill of this process cannot lose them."""
        if self._file is None:
            self._file = _open_text(self.path, "a")
        writer = csv.DictWriter(self._file, COLUMNS, lineterminator="\n")
        for row in rows:
            writer.writerow(row)
            self.rows[row["path"]].append(row)
        self._file.flush()

    def finish(self) -> None:
        """Close the file, and sort its rows by path and output."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._write_sorted()

    def forget_failures(self, chosen: Callable[[str], bool]) -> None:
        """Drop the failed inputs for which `chosen(path)` is true; they can then be aligned again."""
        failed = [
            path for path, rows in self.rows.items() if rows[0]["status"] in (NO_FACE, UNREADABLE) and chosen(path)
        ]
        for path in failed:
            del self.rows[path]
        if failed:
            self._write_sorted()

    def outputs(self) -> set[str]:
        """Return the paths of all crops in the rows, relative to the output folder."""
        return {row["output"] for rows in self.rows.values() for row in rows if row["output"]}

    def counts(self) -> dict[str, int]:
        """Return the number of inputs by status, and the number of crops under "crops"."""
        counts = collections.Counter(rows[0]["status"] for rows in self.rows.values())
        counts["crops"] = len(self.outputs())
        return counts

    def _claim_folder(self, input_dir: str | Path, settings: AlignmentSettings) -> None:
        wanted = {"input_dir": str(Path(input_dir).resolve()), **settings.as_json()}
        settings_path = self.output_dir / SETTINGS_NAME
        if settings_path.exists():
            _check_settings(settings_path, wanted)
        elif self.output_dir.exists() and any(
            not entry.name.startswith(".") for entry in self.output_dir.iterdir()
        ):
            raise ValueError(
                f"{self.output_dir}: expected an empty folder or one with {SETTINGS_NAME}, "
                "got a folder of other files"
            )
        self.output_dir.mkdir(parents=True, exist_ok=True)
        # Escaped, because folder names need not be valid Unicode.
        write_text(settings_path, json.dumps(wanted, indent=2) + "\n")

    def _read_rows(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with _open_text(self.path, "r") as file:
            text = file.read()
        if not text.endswith("\n"):
            text = text[: text.rfind("\n") + 1]
        lines = list(csv.reader(io.StringIO(text, newline="")))
        if lines and tuple(lines[0]) != COLUMNS:
            raise ValueError(f"{self.path}, line 1: expected the columns of {RECORD_NAME}, got others")
        return [dict(zip(COLUMNS, line, strict=True)) for line in lines[1:] if len(line) == len(COLUMNS)]

    def _drop_incomplete(self, settings: AlignmentSettings) -> None:
        """Drop inputs that have a missing crop, or to which a new fallback now applies."""
        for path, rows in list(self.rows.items()):
            missing = any(row["output"] and not (self.output_dir / row["output"]).exists() for row in rows)
            cut_short = settings.detect_multiple_faces and len(rows) < int(rows[0]["faces"] or 0)
            retried = rows[0]["status"] == NO_FACE and settings.fallback == "center"
            if missing or cut_short or retried:
                del self.rows[path]

    def _write_sorted(self) -> None:
        with replacing(self.path) as partial, _open_text(partial, "w") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            for path in sorted(self.rows):
                writer.writerows(self.rows[path])


def _open_text(path: Path, mode: str) -> IO[str]:
    """Open a text file; names that are not valid UTF-8 pass unchanged, as they do in Python's own file names."""
    return open(path, mode, encoding="utf-8", errors="surrogateescape", newline="")


def _check_settings(path: Path, wanted: dict) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected the settings of an alignment run as JSON, got other content")
    for name, value in wanted.items():
        became_center = name == "fallback" and (found.get(name), value) == ("skip", CENTER)
        if found.get(name) != value and not became_center:
            raise ValueError(
                f"{path.parent}: expected {name} {found.get(name)}, with which the folder was begun, got {value}; "
                "choose another output folder"
            )
