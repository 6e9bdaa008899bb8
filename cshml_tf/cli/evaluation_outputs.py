"""Code shared by the measuring commands: their outputs, written before anything is printed, and a progress bar."""

import functools
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from cshml_tf.cli.errors import one_line, print_lines
from cshml_tf.files import printable, write_json
from cshml_tf.settings.measuring import OutputOptions

Writer = tuple[Path, Callable[[], object]]


def check_outputs(settings: OutputOptions) -> None:
    """Refuse a report or figures that cannot be written, before anything is loaded; nothing is left behind.

    Args:
        settings: those of the command, with the options `report` and `figures`.

    Raises:
        ValueError: a folder to write to, or the nearest existing one above it, is not writable.
    """
    if settings.report:
        check_writable_place("--report", settings.report.parent)
    if settings.figures:
        check_writable_place("--figures", settings.figures)


def check_writable_place(option: str, folder: Path) -> None:
    """Refuse a folder that can be neither written to nor made.

    Args:
        option: the flag that names the folder.
        folder: a folder, which need not exist.

    Raises:
        ValueError: no file can be created there, or in the nearest existing folder above it.
    """
    folder = folder.absolute()
    check_writable(option, next(place for place in (folder, *folder.parents) if place.exists()))


def make_output_folders(settings: OutputOptions) -> Path | None:
    """Make the folders to write to before the long work.

    Args:
        settings: those of the command, with the options `report` and `figures`.

    Returns:
        The folder for plots, or None if none are wanted.

    Raises:
        ValueError: a folder cannot be written to.
        OSError: a folder cannot be made.
    """
    figures_dir = settings.figures
    if settings.report:
        settings.report.parent.mkdir(parents=True, exist_ok=True)
        check_writable("--report", settings.report.parent)
        figures_dir = figures_dir or settings.report.with_name(f"{settings.report.stem}_figures")
    if figures_dir:
        figures_dir.mkdir(parents=True, exist_ok=True)
        check_writable("--figures", figures_dir)
    return figures_dir


def check_writable(option: str, folder: Path) -> None:
    """Refuse a folder that no file can be written to, such as one on a read-only disk.

    Args:
        option: the flag that names the folder.
        folder: an existing folder.

    Raises:
        ValueError: no file can be created there.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{option}: expected a writable folder, got {printable(folder)}: {error.strerror}"
        ) from None


def writers_of(
    report_path: Path | None, report: Any, figures_dir: Path | None, draw: Callable[[Path], object]
) -> list[Writer]:
    """Return what writes a report and figures, for `deliver`.

    Args:
        report_path: the JSON file to write; None for no report.
        report: its content, as JSON types.
        figures_dir: folder for plots; None for no plots.
        draw: function of that folder that writes them.

    Returns:
        For each file or folder, its path and a function that writes it.
    """
    writers: list[Writer] = []
    if report_path is not None:
        writers.append((report_path, functools.partial(write_json, report_path, report)))
    if figures_dir is not None:
        writers.append((figures_dir, functools.partial(draw, figures_dir)))
    return writers


def deliver(table: str, remarks: Iterable[str] = (), writers: Sequence[Writer] = ()) -> None:
    """Write the results of a measurement, then print them.

    Hours of work are lost neither when nobody reads the output nor when a disk is full: every file that can be
    written is written before the first line is printed, and the table is printed even if no file can be.

    Args:
        table: the results as text, for standard output.
        remarks: warnings and notes, for standard error.
        writers: the files to write, as returned by `writers_of`.

    Raises:
        ValueError: results could not be written; the message names the first file or folder.
        OSError: all files were written, but the lines could not be printed.
        Exception: whatever else a writer raised.
    """
    failures = []
    for path, write in writers:
        try:
            write()
        except Exception as error:  # Even a bug of a plotting library must not cost the table.
            failures.append((path, error))
    what = "the results above"
    try:
        print_lines(table)
        for line in remarks:
            print(line, file=sys.stderr)
    except OSError:
        if not failures:
            raise
        # Neither the files nor the lines arrived. A closed pipe would end the command silently.
        what = "the results"
    if failures:
        path, error = failures[0]
        if not isinstance(error, OSError | ValueError):
            raise error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise ValueError(f"{printable(path)}: {what} could not be written there: {reason}{more}") from error


def progress_bar(unit: str, words: str = "embedding") -> Callable:
    """Return a wrapper of sequences that shows a progress bar on a terminal, and nothing in a log file."""
    import tqdm

    return functools.partial(tqdm.tqdm, desc=words, unit=unit, disable=None)
