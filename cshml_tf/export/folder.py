"""The folder of an export: claimed by one process, and written whole or not at all."""

import contextlib
import glob
import shutil
from collections.abc import Iterator
from pathlib import Path

from cshml_tf.files import claimed_empty, is_in_use, printable


@contextlib.contextmanager
def new_export(out_dir: str | Path, read_first: str) -> Iterator[Path]:
    """Claim a folder that is absent or empty, and hand out the one to write, which takes its place at the end.

    Args:
        out_dir: the folder.
        read_first: name of the file by which a runtime knows the export; it appears last.

    Yields:
        A path where nothing exists yet.

    Raises:
        ValueError: `out_dir` is a file or is not empty, its path is not UTF-8, or another process is writing it.
        OSError: the folder cannot be written.
    """
    out_dir = Path(out_dir)
    try:
        str(out_dir).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{printable(out_dir)}: expected a path in UTF-8, as TensorFlow does") from None
    _check_free(out_dir)
    with claimed_empty(out_dir, read_first) as writing:
        # Another process may have written it since.
        _check_free(out_dir)
        _remove_old_left_overs(out_dir)
        with writing() as partial:
            yield partial


def _remove_old_left_overs(out_dir: Path) -> None:
    """Remove what killed exports of version 0.1.0 left behind."""
    for left in out_dir.parent.glob(f".{glob.escape(out_dir.name)}.partial-*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def _check_free(out_dir: Path) -> None:
    if out_dir.is_dir():
        if is_in_use(out_dir, with_hidden=True):
            raise ValueError(f"{out_dir}: expected a folder that is absent or empty, got one that contains files")
    elif out_dir.exists():
        raise ValueError(f"{out_dir}: expected a folder, got a file")
