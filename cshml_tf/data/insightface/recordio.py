"""RecordIO, the container of InsightFace's training sets: a file of records, and an index of their positions.

A record is the magic number, a word with a flag (its top 3 bits) and a length, the payload, and zeros up to a
multiple of 4 bytes, all little-endian. A payload that contains the magic number at a multiple of 4 bytes is split
there into parts, each with its own head, and the number between them is omitted. Source: dmlc-core's RecordIO.
"""

import contextlib
import io
import os
import re
import struct
import weakref
from pathlib import Path
from typing import TypeVar

import numpy as np

from cshml_tf.files import open_regular, read_bytes

Words = TypeVar("Words", int, np.ndarray)
MAGIC = 0xCED7230A
HEAD_BYTES = 8
_MAGIC_BYTES = struct.pack("<I", MAGIC)
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
# The index of 42 million images, the largest set of faces, has about 800 MB.
_INDEX_BYTES = 2**31
# A number of 18 digits fits into an int64.
_INDEX_LINE = re.compile(rb"[ \t]*[0-9]{1,18}[ \t]+[0-9]{1,18}[ \t]*")


def read_index(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read an index: lines `key<TAB>byte offset`, in any order, with Unix or Windows line endings.

    Args:
        path: the `.idx` file.

    Returns:
        (keys, offsets), each (records,) int64, in ascending order of the keys.

    Raises:
        OSError: the file cannot be read.
        ValueError: the index is empty, a line has another format, or a key is repeated; the message says where.
    """
    text = read_bytes(path, _INDEX_BYTES)
    if not text.strip():
        raise ValueError(f"{path}: expected lines 'key<TAB>byte offset', got an empty file")
    table = None
    # NumPy would also accept 1.5 and a sign.
    if not text.translate(None, b"0123456789 \t\r\n"):
        with contextlib.suppress(ValueError):
            table = np.loadtxt(io.BytesIO(text), np.int64, comments=None, ndmin=2)
    if table is None or table.shape[1] != 2:
        raise ValueError(f"{path}, {_first_wrong_line(text)}")
    keys, offsets = table[np.argsort(table[:, 0], kind="stable")].T.copy()
    repeated = np.flatnonzero(keys[1:] == keys[:-1])
    if len(repeated):
        raise ValueError(f"{path}: expected every key once, got key {keys[repeated[0]]} twice")
    return keys, offsets


def _first_wrong_line(text: bytes) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not _INDEX_LINE.fullmatch(line):
            shown = line[:40].decode("ascii", "backslashreplace")
            return f"line {number}: expected 'key<TAB>byte offset', got {shown!r}"
    return "expected lines 'key<TAB>byte offset', got others"


def part_head(word: Words) -> tuple[Words, Words]:
    """Split the second word of a part's head, or an array of such words, into (flag, length)."""
    return word >> 29, word & (1 << 29) - 1


class RecordFile:
    """A `.rec` file; every read states its own position, so threads can share the file.

    Attributes:
        path: the file.
        size: its length in bytes.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
        """
        self.path = Path(path)
        self._file = open_regular(path, 2**62)
        weakref.finalize(self, self._file.close)
        self.size = os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close the file; it can no longer be read."""
        self._file.close()

    def read(self, offset: int, key: int) -> bytes:
        """Read the payload of a record, joining its parts if there are several.

        Args:
            offset: position of the record, bytes.
            key: key of the record, for error messages.

        Returns:
            The payload.

        Raises:
            ValueError: there is no complete record; the message names the file, the key and the byte.
        """
        parts = []
        while True:
            flag, length = self._read_head(offset, key, (_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST))
            start = offset + HEAD_BYTES
            parts.append(os.pread(self._file.fileno(), length, start))
            if flag in (_WHOLE, _LAST):
                return _MAGIC_BYTES.join(parts)
            offset = start + (length + 3) // 4 * 4

    def first_bytes(self, offsets: np.ndarray, count: int) -> bytes:
        """Read the first bytes of many records, including their heads.

        Args:
            offsets: (records,) integers.
            count: number of bytes per record.

        Returns:
            (records x count) bytes, zeros beyond the end of the file.
        """
        descriptor = self._file.fileno()
        return b"".join([os.pread(descriptor, count, offset).ljust(count, b"\0") for offset in offsets.tolist()])

    def _read_head(self, offset: int, key: int, flags: tuple[int, ...]) -> tuple[int, int]:
        """Return (flag, length) of the part at a byte, after checking that it ends within the file."""
        where = f"{self.path}: key {key}"
        head = os.pread(self._file.fileno(), HEAD_BYTES, offset)
        if len(head) < HEAD_BYTES:
            raise ValueError(f"{where}: expected a record at byte {offset}, the file ends at byte {self.size}")
        magic, word = struct.unpack("<II", head)
        if magic != MAGIC:
            raise ValueError(f"{where}: expected a record ({MAGIC:#x}) at byte {offset}, got {magic:#010x}")
        flag, length = part_head(word)
        if flag not in flags:
            expected = " or ".join(map(str, flags))
            raise ValueError(f"{where}: expected a part of flag {expected} at byte {offset}, got flag {flag}")
        if offset + HEAD_BYTES + length > self.size:
            raise ValueError(
                f"{where}: expected {length} bytes after the head at byte {offset}, "
                f"the file ends at byte {self.size}"
            )
        return flag, length
