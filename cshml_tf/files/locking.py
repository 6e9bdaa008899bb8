"""Let one process at a time write to a folder or a file."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

try:
    import fcntl
except ImportError:  # On Windows, two processes that write to one place go unnoticed.
    fcntl = None


def lock_folder(folder: str | os.PathLike[str]) -> TextIO:
    """Claim a folder for this process until the returned file is closed or the process ends, however it ends.

    Args:
        folder: an existing folder; the empty file `.lock` is created in it.

    Returns:
        An open file; the claim lasts as long as it stays open.

    Raises:
        ValueError: another process has claimed the folder.
        OSError: the folder cannot be written, or its `.lock` is a link.
    """
    return _open_claimed(Path(folder) / ".lock", f"{folder}: another process is writing to this folder")


@contextlib.contextmanager
def claimed_folder(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Claim an existing folder as `lock_folder` does, and leave no trace of it when the block ends.

    Raises:
        ValueError: another process has claimed the folder.
        OSError: the folder cannot be written, or its `.lock` is a link.
    """
    with _removed(lock_folder(folder), Path(folder) / ".lock"):
        yield


@contextlib.contextmanager
def claimed(path: str | os.PathLike[str]) -> Iterator[None]:
    """Claim a file or folder that need not exist yet, so that no other process writes it at the same time.

    The claim is a hidden file next to `path`, removed when the block ends. A killed process leaves that file
    behind without the claim.

    Args:
        path: the file or folder to write. Its parent folder is created if it does not exist.

    Raises:
        ValueError: another process has claimed `path`.
        OSError: the parent folder cannot be written.
    """
    path = Path(os.path.abspath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
    name = path.with_name(f".lock-{digest}")
    with _removed(_open_claimed(name, f"{path}: another process is writing it"), name):
        yield


@contextlib.contextmanager
def _removed(file, name):
    """Remove a lock's file when the block ends."""
    try:
        yield
    finally:
        # Removed while still claimed: whoever opened it meanwhile finds the name gone, and starts over.
        name.unlink(missing_ok=True)
        file.close()


def _open_claimed(name, refusal):
    while True:
        file = _open_lock(name)
        if not _claim(file):
            file.close()
            raise ValueError(refusal)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(name)):
                return file
        file.close()


def _open_lock(path):
    """Open a lock file without following a link, and without emptying what it may point to."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+", encoding="utf-8")


def _claim(file):
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
