"""Find the image files below a folder."""

import os
import warnings
from pathlib import Path

from cshml_tf.files import ListWarning, is_hidden, printable
from cshml_tf.images.formats import IMAGE_SUFFIXES


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Find the image files below a folder by suffix, in any letter case.

    Hidden files and folders (names that begin with a dot) are left out; links to folders are followed. A pipe, a
    broken link or another entry that only looks like an image file is listed, so that reading it says what it is.

    Returns:
        Sorted list of paths relative to `folder`.

    Warns:
        ListWarning: a folder cannot be read; whatever it contains is not listed.
    """
    return [Path(name) for name in image_names(folder)]


def image_names(folder: str | os.PathLike[str]) -> list[str]:
    """Find the image files below a folder as `list_images` does, for folders of millions.

    Returns:
        Sorted list of paths relative to `folder`, with "/".

    Warns:
        ListWarning: as `list_images`.
    """
    folder = Path(folder)
    found = []
    for parent, folders, files in os.walk(folder, onerror=_warn, followlinks=True):
        above = {os.path.realpath(place) for place in (parent, *_between(folder, parent))}
        folders[:] = [
            # A link that leads back up would be followed for ever.
            name
            for name in folders
            if not is_hidden(name) and os.path.realpath(Path(parent, name)) not in above
        ]
        below = Path(parent).relative_to(folder).as_posix()
        start = "" if below == "." else f"{below}/"
        found += [
            start + name
            for name in files
            if not is_hidden(name) and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
        ]
    found.sort()
    return found


def _warn(error):
    name = printable(error.filename)
    warnings.warn(f"{name}: passed over, cannot be read: {error.strerror}", ListWarning, stacklevel=2)


def _between(folder, parent):
    """Return the folders above `parent`, up to `folder`."""
    parts = Path(parent).relative_to(folder).parts
    return [folder.joinpath(*parts[:depth]) for depth in range(len(parts))]
