"""Write files and folders that appear whole or not at all."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cshml_tf.files.names import PARTIAL_PREFIX, printable

# What only a disk answers: full, beyond the user's quota or the limit of a file's size, read-only, or broken.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], suffix: str = "") -> Iterator[Path]:
    """Write a file or a folder so that it appears under its own name whole or not at all.

    The block writes a file, or makes a folder, at the path it is handed. When the block ends, what it wrote is
    flushed to the disk and takes the place of `path`. On any error the partial output is removed and `path` stays
    as it was. Only a killed process leaves partial output behind, under a hidden name; see `remove_left_overs`.

    Args:
        path: the file or folder to write; its parent folder must exist. A file replaces only a file, and a folder
            only an empty folder.
        suffix: the end of the temporary name, for writers that choose the format by the suffix. Without a suffix,
            patterns such as `*.json` do not match left-overs.

    Yields:
        A path in the same folder that is unique to this call, where nothing exists yet.

    Raises:
        OSError: it cannot be written, `path` is a folder that is not empty, or the block wrote nothing. Where the
            system names the temporary file, or none, as for a full disk, the error names `path`.
    """
    path = Path(path)
    partial = path.with_name(f"{_partial_start(path)}{os.getpid()}-{uuid.uuid4().hex[:8]}{suffix}")
    try:
        yield partial
        is_folder = partial.is_dir()
        for written in sorted(partial.rglob("*")) if is_folder else [partial]:
            flush_to_disk(written)
        if is_folder and path.is_dir():
            path.rmdir()  # Windows cannot replace a folder by a rename.
        os.replace(partial, path)
    except BaseException as error:
        _remove(partial)
        named = _with_final_name(error, partial, path)
        if named is not error:
            raise named from error
        raise


def open_to_continue(path: str | os.PathLike[str], create: bool = False) -> BinaryIO:
    """Open a regular file for reading and writing, to go on writing it; what it holds stays.

    Args:
        path: the file; a link is refused, since writing through it would change another file.
        create: whether to make the file if it does not exist.

    Raises:
        ValueError: it is a link, a folder, a pipe or a device.
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK, opening some devices waits.
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(path, flags | (os.O_CREAT if create else 0), 0o666)
        is_usual = stat.S_ISREG(os.fstat(number).st_mode)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        number, is_usual = -1, False
    if is_usual:
        return os.fdopen(number, "r+b")
    if number >= 0:
        os.close(number)
    kind = "a link" if os.path.islink(path) else "a folder" if os.path.isdir(path) else "a pipe or a device"
    raise ValueError(f"{printable(path)}: expected a regular file to go on writing, got {kind}")


def remove_left_overs(path: str | os.PathLike[str]) -> None:
    """Remove what killed processes left next to `path` when they were replacing it.

    Args:
        path: the file or folder they were writing. No other process may be writing it now.
    """
    path = Path(path)
    for entry in path.parent.glob(f"{_partial_start(path)}*"):
        _remove(entry)


def remove_left_overs_below(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes left anywhere below a folder.

    Args:
        folder: a folder in which no other process is writing now; it need not exist.
    """
    for parent, folders, files in os.walk(folder):
        left = [name for name in (*folders, *files) if name.startswith(PARTIAL_PREFIX)]
        for name in left:
            _remove(Path(parent, name))
        folders[:] = [name for name in folders if name not in left]


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file that appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a JSON file that appears whole or not at all.

    Names that are not UTF-8 are written as JSON's escapes of the same characters.

    Raises:
        ValueError: `content` contains NaN or infinity, which JSON cannot express.
        OSError: it cannot be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Python's escape of a lone surrogate, which is how it holds a byte that is not UTF-8, is also JSON's.
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _with_final_name(error: BaseException, partial: Path, path: Path) -> BaseException:
    """Return an error of writing that names `path`, which users know, and not the temporary file or no file."""
    if not isinstance(error, OSError) or error.errno is None:
        return error
    if error.filename is None:
        # An error without a name may also come from elsewhere, such as a closed pipe.
        return OSError(error.errno, error.strerror, str(path)) if error.errno in _DISK_ERRORS else error
    below, name = os.fsdecode(partial), os.fsdecode(error.filename)
    if name != below and not name.startswith(below + os.sep):
        return error
    return OSError(error.errno, error.strerror, f"{path}{name[len(below) :]}")


def _partial_start(path: Path) -> str:
    """Return how temporary names begin: with a digest, since a target's name may have the maximum length."""
    return f"{PARTIAL_PREFIX}{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}-"


def flush_to_disk(path: Path) -> None:
    """Return once the operating system has written a file's content to the disk; folders are passed over."""
    if path.is_file():
        with open(path, "rb+") as file:
            os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
