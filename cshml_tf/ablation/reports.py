"""The reports of an ablation's cells on disk: reports/NAME.json, as from `evaluate_lfw.py`, plus the cell."""

from pathlib import Path
from typing import Any, TypedDict

from cshml_tf.ablation.grid import Cell
from cshml_tf.evaluation import report_file
from cshml_tf.evaluation.report import resolution_keys
from cshml_tf.files import check_content, printable, visible_entries, write_json

_FOLDER = "reports"
_MEASURED = ("HL", "LL", "HL_hr_network", "LL_hr_network")


class CellEntry(TypedDict):
    """What identifies a cell; see `cshml_tf.ablation.grid.Cell.as_json`."""

    name: str
    network: str
    resolutions: list[str]
    losses: str
    tap: str | None
    seed: int


class _Protocol(TypedDict):
    """What the ablation's lines and table tell of a report's protocol."""

    pairs_listed: int
    missing: list[report_file.MissingPair]
    dropped_folds: list[int]
    trained_people: report_file.TrainedPeople


class _CellReport(TypedDict):
    cell: CellEntry
    HR: dict[str, Any]
    protocol: _Protocol


def report_path(output_dir: str | Path, cell: Cell) -> Path:
    """Return the path of a cell's report."""
    return Path(output_dir) / _FOLDER / f"{cell.name}.json"


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write a report whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, report)


def read_reports(output_dir: str | Path) -> list[dict[str, Any]]:
    """Read the reports of all finished cells in a folder, sorted by name.

    Raises:
        ValueError: one of them is not such a report.
    """
    folder = Path(output_dir) / _FOLDER
    paths = [path for path in visible_entries(folder) if path.suffix == ".json"] if folder.is_dir() else []
    found = (read_report(path) for path in paths)
    return [report for report in found if report is not None]


def read_report(path: Path) -> dict[str, Any] | None:
    """Read the report of a cell, or return None if it does not exist.

    Raises:
        ValueError: the file is not such a report; the message names it and the entry.
    """
    try:
        report = report_file.read_report(path)
        check_content(path, report, _CellReport)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{error}; expected the report of an ablation's cell, got other content") from None
    parts = {"HR": report["HR"]}
    for key in resolution_keys(report):
        if missing := {*_MEASURED, "gap_closed"} - set(report[key]):
            raise ValueError(f"{printable(path)}: {key}: expected the entry {min(missing)}, found none")
        parts |= {f"{key}.{name}": report[key][name] for name in _MEASURED}
    for name, part in parts.items():
        if "accuracy" not in part:
            raise ValueError(f"{printable(path)}: {name}: expected the entry accuracy, found none")
    if not resolution_keys(report):
        raise ValueError(f"{printable(path)}: expected the entry of a resolution, found none")
    return report
