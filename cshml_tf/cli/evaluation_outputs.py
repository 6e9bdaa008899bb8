"""What the commands that measure share: the report and the figures they write, and a bar that moves."""

import functools
import tempfile
from pathlib import Path


def add_output_options(parser, figures):
    """Add `--report` and `--figures`.

    Args:
        parser: the command's `Parser`.
        figures: what the figures are, in words.
    """
    output = parser.add_argument_group("output")
    output.add_argument("--report", metavar="FILE.json", type=Path, help="write all figures here")
    output.add_argument(
        "--figures",
        metavar="DIR",
        type=Path,
        help=f"write {figures} here; None: beside the report, in FILE_figures",
    )


def check_outputs(arguments, folders):
    """Refuse to write over what is no report, or into the folders that are read.

    Args:
        arguments: with `report` and `figures`, Paths or None.
        folders: that the command reads.

    Raises:
        ValueError: the place of one is wrong; the message names the option.
    """
    if arguments.report and arguments.report.is_file() and arguments.report.suffix != ".json":
        raise ValueError(f"--report: expected a new file or an earlier report (.json), got {arguments.report}")
    for option, path in (("--report", arguments.report), ("--figures", arguments.figures)):
        for folder in folders:
            folder = Path(folder).resolve()
            if path and path.resolve().is_relative_to(folder):
                raise ValueError(f"{option}: expected a place outside {folder}, which is read, got {path}")


def make_output_folders(arguments):
    """Make the folders to write to before the long work.

    Args:
        arguments: with `report` and `figures`, Paths or None.

    Returns:
        Path of the figures' folder, or None where there are to be none.

    Raises:
        ValueError: the report is a folder, or a folder can't be written to.
        OSError: a folder can't be made.
    """
    figures_dir = arguments.figures
    if arguments.report:
        if arguments.report.is_dir():
            raise ValueError(f"--report: expected a file, {arguments.report} is a folder")
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        check_writable("--report", arguments.report.parent)
        figures_dir = figures_dir or arguments.report.with_name(f"{arguments.report.stem}_figures")
    if figures_dir:
        figures_dir.mkdir(parents=True, exist_ok=True)
        check_writable("--figures", figures_dir)
    return figures_dir


def check_writable(option, folder):
    """Refuse a folder that no file can be written to, such as one of a disk that is read only.

    Args:
        option: that names the folder.
        folder: Path of an existing folder.

    Raises:
        ValueError: a file can't be made there.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{option}: expected a folder to write to, {folder}: {error.strerror}") from None


def progress_bar(unit, words="embedding"):
    """Give a wrapper of sequences that shows how far the work is: on a terminal; nothing in a log file."""
    import tqdm

    return functools.partial(tqdm.tqdm, desc=words, unit=unit, disable=None)
