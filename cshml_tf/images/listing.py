"""Find the image files below a folder."""

import os
import warnings
from pathlib import Path

from cshml_tf.files import ListWarning, is_hidden, printable
from cshml_tf.images.formats import IMAGE_SUFFIXES


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Find the image files below a folder by suffix, in any letter case.

    Hidden files and folders (names that begin with a dot) are left out. Links to folders are followed, unless they
    lead back up or, below another link, to a folder that is listed already. A pipe, a broken link or another entry
    that only looks like an image file is listed, so that reading it says what it is.

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
    found, seen = [], set()
    for parent, folders, files in os.walk(folder, onerror=_warn, followlinks=True):
        folders[:] = [
            name for name in folders if not is_hidden(name) and _is_entered(folder, Path(parent, name), seen)
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


def _is_entered(root: Path, place: Path, seen: set[str]) -> bool:
    """Return whether the walk goes on in a folder, and note in `seen` that it was there.

    A link that leads back up would be followed for ever, and folders that all link to one another in more orders
    than can be counted: below a link, another one is followed only to a folder that was not seen yet.
    """
    above = _between(root, place.parent)
    real = os.path.realpath(place)
    if real in map(os.path.realpath, above):
        return False
    if place.is_symlink() and real in seen and any(folder.is_symlink() for folder in above[1:]):
        return False
    seen.add(real)
    return True


def _warn(error):
    name = printable(error.filename)
    warnings.warn(f"{name}: passed over, cannot be read: {error.strerror}", ListWarning, stacklevel=2)


def _between(root: Path, place: Path) -> list[Path]:
    """Return the folders from `root` down to `place`, both included."""
    parts = place.relative_to(root).parts
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
