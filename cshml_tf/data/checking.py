"""Read every face of a source before training, on threads; a record lets an interrupted check go on."""

import concurrent.futures
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.unreadable import ADVICE, Unreadable, UnreadableFace
from cshml_tf.files import read_bytes

RECORD = ".checked_images"
_THREADS = min(8, os.cpu_count() or 1)
# Faces per line of the record, which has 490,000 faces in 1,915 lines.
_BLOCK = 256
# A line has 65 bytes: enough for 250 million faces.
_MOST_BYTES = 2**26


def check_images(
    source: FaceSource,
    image_size: tuple[int, int],
    limit: int = 0,
    record: str | Path | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> None:
    """Read every face, and print a line on standard error for each that cannot be read.

    The record has a line per block of faces that could all be read: a digest of their files' names, sizes and
    times of change. Such a block is not read again, in this folder or elsewhere, until one of its files changes.

    Args:
        source: where the faces are.
        image_size: (height, width) that every face must have.
        limit: number of unreadable images that are allowed.
        record: file to keep the record in, with that of other checks; None keeps none.
        progress: wraps the sequence of blocks, such as `tqdm`.

    Raises:
        ValueError: more faces than the limit cannot be read or are of another size.
        OSError: the record cannot be written.
    """
    bad = find_unreadable(source, image_size, record, progress)
    for reason in bad.values():
        print(f"unreadable: {reason}", file=sys.stderr)
    if len(bad) > limit:
        allowed = f"at most {limit} unreadable images" if limit else "no unreadable image"
        raise ValueError(
            f"check_images: expected {allowed}, got {len(bad)} of {len(source)}, listed above; {ADVICE}"
        )


def find_unreadable(
    source: FaceSource,
    image_size: tuple[int, int],
    record: str | Path | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[int, str]:
    """Read every face; see `check_images` for the arguments.

    Returns:
        The reason for each face that cannot be read, by its place in the source, in rising order.
    """
    reader = Unreadable(source, image_size, 0)
    checked = set() if record is None else _read_record(Path(record))
    blocks = [range(start, min(start + _BLOCK, len(source))) for start in range(0, len(source), _BLOCK)]
    pool = concurrent.futures.ThreadPoolExecutor(_THREADS, "check")
    found: dict[int, str] = {}
    try:
        results = pool.map(lambda block: _check_block(source, reader, image_size, block, checked), blocks)
        for _, (digest, bad) in zip(progress(blocks), results, strict=True):
            found |= bad
            if not bad and record is not None and digest not in checked:
                _append(Path(record), digest)
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _check_block(
    source: FaceSource, reader: Unreadable, image_size: tuple[int, int], block: range, checked: set[str]
) -> tuple[str, dict[int, str]]:
    """Return the digest of a block, and the reason for each of its faces that cannot be read."""
    digest = _digest(source, image_size, block)
    bad = {}
    for index in block if digest not in checked else ():
        try:
            reader.read_one(index)
        except UnreadableFace as error:
            bad[index] = str(error)
    return digest, bad


def _digest(source: FaceSource, image_size: tuple[int, int], block: range) -> str:
    lines = [f"{image_size[0]} x {image_size[1]}"]
    lines += [f"{source.classes[source.labels[index]]}/{source.names[index]}" for index in block]
    for path in source.files(np.asarray(block)):
        try:
            status = os.stat(path)
            lines.append(f"{status.st_size} {status.st_mtime_ns}")
        except OSError:
            lines.append("absent")
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _read_record(path: Path) -> set[str]:
    # Whatever is not a digest, such as half a line, is in nobody's way.
    return set(read_bytes(path, _MOST_BYTES).decode("ascii", "replace").splitlines()) if path.exists() else set()


def _append(path: Path, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        # The line end comes first, so that half a line of a killed process spoils only itself.
        file.write(f"\n{digest}".encode())
