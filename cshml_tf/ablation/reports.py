"""The reports of an ablation's cells on disk: reports/NAME.json, as of `evaluate_lfw.py`, and which cell it is."""

import json
from pathlib import Path

from cshml_tf.files import write_json

_FOLDER = "reports"
_CELL = {"name", "network", "resolutions", "losses", "tap", "seed"}


def report_path(output_dir, cell):
    """Give the path of a cell's report."""
    return Path(output_dir) / _FOLDER / f"{cell.name}.json"


def write_report(path, report):
    """Write a report whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, report)


def read_reports(output_dir):
    """Read the reports of all cells that were ever finished in a folder: a list of dicts, by name."""
    return [read_report(path) for path in sorted((Path(output_dir) / _FOLDER).glob("*.json"))]


def read_report(path):
    """Read a cell's report; None where there is none.

    Raises:
        ValueError: the file is no such report.
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
