"""Outputs that can't be written are refused before the long work."""

from argparse import Namespace
from pathlib import Path

import pytest

from cshml_tf.cli import evaluation_outputs
from cshml_tf.cli.evaluation_outputs import check_writable, make_output_folders


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """A folder on a disk that is read only: root may write to whatever is only said to be."""
    folder = tmp_path / "read_only"

    def refused(dir):
        if Path(dir) == folder:
            raise OSError(30, "Read-only file system")
        return open(tmp_path / "written", "w")

    monkeypatch.setattr(evaluation_outputs.tempfile, "TemporaryFile", refused)
    return folder


def test_folders_are_made_and_nothing_is_left_in_them(tmp_path):
    report = tmp_path / "new" / "report.json"
    assert make_output_folders(Namespace(report=report, figures=None)) == tmp_path / "new" / "report_figures"
    assert [path.name for path in report.parent.iterdir()] == ["report_figures"]
    assert make_output_folders(Namespace(report=None, figures=None)) is None


def test_a_folder_that_can_not_be_written_to(read_only, tmp_path):
    message = f"expected a writable folder, got {read_only}: Read-only file system"
    with pytest.raises(ValueError, match=f"--report: {message}"):
        make_output_folders(Namespace(report=read_only / "report.json", figures=tmp_path))
    with pytest.raises(ValueError, match=f"--figures: {message}"):
        make_output_folders(Namespace(report=tmp_path / "report.json", figures=read_only))
    with pytest.raises(ValueError, match=f"--crops: {message}"):
        check_writable("--crops", read_only)
