"""Outputs that can't be written are refused before the long work."""

from argparse import Namespace
from pathlib import Path

import pytest

from cshml_tf.cli import evaluation_outputs
from cshml_tf.cli.evaluation_outputs import check_outputs, check_writable, deliver, make_output_folders, writers_of


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


def test_places_that_do_not_exist_are_checked_and_not_made(tmp_path, monkeypatch):
    settings = Namespace(report=tmp_path / "a" / "b" / "report.json", figures=tmp_path / "c")
    check_outputs(settings)
    assert not list(tmp_path.iterdir())
    asked = []

    def refused(dir):
        asked.append(Path(dir))
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(evaluation_outputs.tempfile, "TemporaryFile", refused)
    with pytest.raises(
        ValueError, match=f"--report: expected a writable folder, got {tmp_path}: Permission denied"
    ):
        check_outputs(settings)
    assert asked == [tmp_path]


class TestDeliver:
    """Files are written before anything is printed, and what can be saved is saved."""

    def test_files_come_first(self, tmp_path, monkeypatch):
        class Closed:
            def write(self, text):
                raise BrokenPipeError

        monkeypatch.setattr("sys.stdout", Closed())
        writers = writers_of(tmp_path / "a.json", {"a": 1}, tmp_path, lambda folder: (folder / "b.png").touch())
        with pytest.raises(BrokenPipeError):
            deliver("table", [], writers)
        assert {path.name for path in tmp_path.iterdir()} == {"a.json", "b.png"}

    def test_a_full_disk_costs_neither_the_table_nor_the_other_files(self, tmp_path, capsys):
        def full():
            raise OSError(28, "No space left on device", str(tmp_path / ".partial-1"))

        writers = [(tmp_path / "a.json", full), *writers_of(None, None, tmp_path, lambda dir: (dir / "b").touch())]
        message = "a.json: the results above could not be written there: No space left on device$"
        with pytest.raises(ValueError, match=message):
            deliver("table", ["warning: few"], writers)
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("table\n", "warning: few\n") and (tmp_path / "b").exists()

    def test_a_full_disk_is_told_even_if_nobody_reads_the_table(self, tmp_path, monkeypatch):
        def full():
            raise OSError(28, "No space left on device", str(tmp_path / "a.json"))

        def closed(*lines):
            raise BrokenPipeError

        monkeypatch.setattr(evaluation_outputs, "print_lines", closed)
        with pytest.raises(ValueError, match="a.json: the results could not be written there: No space left"):
            deliver("table", [], [(tmp_path / "a.json", full)])
        with pytest.raises(BrokenPipeError):
            deliver("table")

    def test_a_report_that_json_cannot_express_is_told_after_the_table(self, tmp_path, capsys):
        with pytest.raises(ValueError, match="a.json: the results above .*: Out of range float values"):
            deliver("table", [], writers_of(tmp_path / "a.json", {"a": float("nan")}, None, print))
        assert capsys.readouterr().out == "table\n" and not list(tmp_path.iterdir())

    def test_a_bug_in_a_figure_keeps_its_traceback(self, tmp_path, capsys):
        def broken(folder):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            deliver("table", [], writers_of(None, None, tmp_path, broken))
        assert capsys.readouterr().out == "table\n"
