"""The notebook docs/tour.ipynb, executed from its first cell to its last in an empty folder."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tour.ipynb"


@pytest.mark.slow
def test_the_tour_runs_and_the_lr_network_gains(tmp_path, monkeypatch):
    # The notebook's shell commands must come from this environment.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "HL  LR network" in shown
    lines = {line.split(":")[0]: float(line.split(":")[1]) for line in shown.splitlines() if "person: " in line}
    assert lines["the same person"] > lines["another person"]
