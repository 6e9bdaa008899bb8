"""Write into a folder that is absent or empty: a whole result, or nothing that is in the way of the next try."""

import contextlib
import filecmp
import functools
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from cshml_tf.files.locking import claimed, claimed_folder
from cshml_tf.files.names import PARTIAL_PREFIX, left_over, visible_entries
from cshml_tf.files.writing import flush_to_disk, remove_left_overs, remove_left_overs_below, replacing


def is_in_use(folder: str | os.PathLike[str], with_hidden: bool = False) -> bool:
    """Return whether a folder contains anything of others than us: what our killed processes left does not count.

    Args:
        folder: an existing folder.
        with_hidden: whether the hidden entries of other programs count.

    Raises:
        OSError: the folder cannot be read.
    """
    if with_hidden:
        entries = [path for path in Path(folder).iterdir() if not left_over(path.name)]
    else:
        entries = visible_entries(folder)
    return bool(set(entries) - set(_placed(Path(folder))))


@contextlib.contextmanager
def claimed_empty(
    folder: str | os.PathLike[str], last: str
) -> Iterator[Callable[[], AbstractContextManager[Path]]]:
    """Claim a folder that is absent or empty, and write it whole or not at all.

    An existing folder stays the same folder, with its permissions and hidden entries; it may be a link, a mount or
    the current folder. What killed processes left in it, or next to an absent one, is removed first.

    Args:
        folder: the folder to write.
        last: name of the file that appears last in an existing folder: without it, nobody takes the folder for a
            whole one.

    Yields:
        A function that returns a context manager, to be used once: its block makes a folder at the path it is
        handed, and what the folder contains appears in `folder` when the block ends.

    Raises:
        ValueError: the folder is in use, is a file, or is claimed by another process.
        OSError: it cannot be written.
    """
    # `replacing` and `claimed` work in the parent folder, which a link or "." does not show.
    place = Path(os.path.realpath(folder))
    _check_empty(place, folder)
    exists = place.exists()
    with claimed_folder(place) if exists else claimed(place):
        # Another process may have written it meanwhile.
        _check_empty(place, folder)
        if exists:
            _sweep(place)
        else:
            remove_left_overs(place)
        yield functools.partial(_filling, place, last) if exists else functools.partial(replacing, place)


def _check_empty(place: Path, named: str | os.PathLike[str]) -> None:
    if place.exists() and (not place.is_dir() or is_in_use(place)):
        raise ValueError(f"{named}: expected a folder that is absent or empty, got a file or a folder in use")


@contextlib.contextmanager
def _filling(folder: Path, last: str) -> Iterator[Path]:
    """Yield a hidden folder in `folder`; when the block ends, its files take their places, `last` at the end.

    Until then they keep their names in the hidden folder too: that tells what is to be removed after a kill.
    """
    partial = folder / f"{PARTIAL_PREFIX}{uuid.uuid4().hex[:8]}"
    try:
        yield partial
        files = [path for path in partial.rglob("*") if path.is_file()]
        for path in files:
            flush_to_disk(path)
        for path in sorted(files, key=lambda path: (path == partial / last, path)):
            target = folder / path.relative_to(partial)
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(path, target)
        shutil.rmtree(partial, ignore_errors=True)
    except BaseException:
        _sweep(folder)
        raise


def _link(path: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no such links."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:
        with replacing(target) as partial:
            shutil.copyfile(path, partial)


def _placed(folder: Path) -> list[Path]:
    """Return the files and folders that a killed `_filling` had placed, unless it had placed them all."""
    found = []
    for partial in folder.glob(f"{PARTIAL_PREFIX}*"):
        made = {path: folder / path.relative_to(partial) for path in partial.rglob("*")}
        placed = [target for path, target in made.items() if _is_same(path, target)]
        if len(placed) < len(made):
            found += placed
    return found


def _is_same(path: Path, target: Path) -> bool:
    if path.is_dir() or not target.is_file():
        return path.is_dir() and target.is_dir()
    return os.path.samefile(path, target) or filecmp.cmp(path, target, shallow=False)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left in a folder that this process has claimed."""
    for path in sorted(_placed(folder), reverse=True):
        if path.is_dir():
            with contextlib.suppress(OSError):  # Others may have put something into it.
                path.rmdir()
        else:
            path.unlink()
    remove_left_overs_below(folder)
