"""Names of files: which ones are hidden, when two are the same, and how to show one on any screen."""

import os
import unicodedata
from pathlib import Path

# Hidden, so that code listing images, classes or models never mistakes a left-over for one.
PARTIAL_PREFIX = ".partial-"
LOCK_PREFIX = ".lock"


class ListWarning(UserWarning):
    """Something listed or asked for is passed over, or stands for several; the commands print it as one line."""


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is passed over everywhere.

    Names that begin with a dot belong to programs: our own partial files and locks, `.ipynb_checkpoints`, and the
    `._name` companions that macOS writes on foreign disks.
    """
    return name.startswith(".")


def left_over(name: str) -> bool:
    """Return whether a file is one of our own locks, or partial output of a killed process: nobody's content."""
    return name.startswith((PARTIAL_PREFIX, LOCK_PREFIX))


def visible_entries(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the entries of a folder that are not hidden, sorted by name.

    Raises:
        OSError: the folder cannot be read.
    """
    return sorted(path for path in Path(folder).iterdir() if not is_hidden(path.name))


def normalised(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), by which names from lists and from folders are compared.

    macOS writes the name of a file in the decomposed form, most editors write a list in the composed one.
    """
    return unicodedata.normalize("NFC", name)


def printable(name: str | os.PathLike[str]) -> str:
    r"""Return a name that takes one line and can be written in UTF-8.

    Line ends, other control characters and bytes that are not UTF-8 appear as escapes, such as `\n` or `\udcff`.
    """
    text = os.fspath(name)
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
