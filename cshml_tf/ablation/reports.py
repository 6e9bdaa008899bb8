"""The reports of an ablation's cells on disk: reports/NAME.json, as from `evaluate_lfw.py`, plus the cell."""

import json
from pathlib import Path
from typing import Any

from cshml_tf.ablation.grid import Cell
from cshml_tf.files import write_json

_FOLDER = "reports"
_CELL = {"name", "network", "resolutions", "losses", "tap", "seed"}


def report_path(output_dir: str | Path, cell: Cell) -> Path:
    """Return the path of a cell's report."""
    return Path(output_dir) / _FOLDER / f"{cell.name}.json"


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write a report whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, report)


def read_reports(output_dir: str | Path) -> list[dict[str, Any]]:
    """Read the reports of all finished cells in a folder, sorted by name."""
    found = (read_report(path) for path in sorted((Path(output_dir) / _FOLDER).glob("*.json")))
    return [report for report in found if report is not None]


def read_report(path: Path) -> dict[str, Any] | None:
    """Read the report of a cell, or return None if it does not exist.

    Raises:
        ValueError: the file is not such a report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if _CELL <= set(report["cell"]) and {"HR", "protocol"} <= set(report):
            return report
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError(f"{path}: expected the report of an ablation's cell, got other content")
