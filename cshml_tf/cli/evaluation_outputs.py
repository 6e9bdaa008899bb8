"""Code shared by the measuring commands: the folders for reports and plots, and a progress bar."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

from cshml_tf.settings.measuring import OutputOptions


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
        raise ValueError(f"{option}: expected a writable folder, got {folder}: {error.strerror}") from None


def progress_bar(unit: str, words: str = "embedding") -> Callable:
    """Return a wrapper of sequences that shows a progress bar on a terminal, and nothing in a log file."""
    import tqdm

    return functools.partial(tqdm.tqdm, desc=words, unit=unit, disable=None)
