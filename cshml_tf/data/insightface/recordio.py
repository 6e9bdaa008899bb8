"""The container below InsightFace's training sets: a file of records, and an index of where each begins.

A record is the magic number, a word of a flag (its top 3 bits) and a length, the payload, and zeros up to a
multiple of 4 bytes, all little-endian. A payload that has the magic number in it at a multiple of 4 is cut there
into parts, each with a head of its own, and the number is left out between them. Source: dmlc-core's RecordIO.
"""

import contextlib
import io
import os
import re
import struct
import weakref
from pathlib import Path

import numpy as np

MAGIC = 0xCED7230A
HEAD_BYTES = 8
_MAGIC_BYTES = struct.pack("<I", MAGIC)
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
# A number of 18 digits fits into an int64.
_INDEX_LINE = re.compile(rb"[ \t]*[0-9]{1,18}[ \t]+[0-9]{1,18}[ \t]*")


def read_index(path):
    """Read an index: lines `key<TAB>byte offset`, in any order, with Unix or Windows line ends.

    Args:
        path: the `.idx` file.

    Returns:
        (keys, offsets), each (records,) int64, in rising order of the keys.

    Raises:
        OSError: the file can't be read.
        ValueError: an empty index, a line of another form, or a key that comes twice; named with the file.
    """
    text = Path(path).read_bytes()
    if not text.strip():
        raise ValueError(f"{path}: expected lines 'key<TAB>byte offset', got an empty file")
    table = None
    # NumPy alone would take 1.5, too, and a sign.
    if not text.translate(None, b"0123456789 \t\r\n"):
        with contextlib.suppress(ValueError):
            table = np.loadtxt(io.BytesIO(text), np.int64, comments=None, ndmin=2)
    if table is None or table.shape[1] != 2:
        raise ValueError(f"{path}, {_first_wrong_line(text)}")
    keys, offsets = table[np.argsort(table[:, 0], kind="stable")].T.copy()
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        raise ValueError(f"{path}: expected every key once, got key {keys[twice[0]]} twice")
    return keys, offsets


def _first_wrong_line(text):
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not _INDEX_LINE.fullmatch(line):
            shown = line[:40].decode("ascii", "backslashreplace")
            return f"line {number}: expected 'key<TAB>byte offset', got {shown!r}"
    return "expected lines 'key<TAB>byte offset', got others"


def part_head(word):
    """Part the second word of a head, one or an array of them, into (flag, length)."""
    return word >> 29, word & (1 << 29) - 1


class RecordFile:
    """A `.rec` file; reads name their own place in it, so that threads can share it.

    Attributes:
        path: the file.
        size: its length in bytes.
    """

    def __init__(self, path):
        """Open the file.

        Raises:
            OSError: it can't be opened.
        """
        self.path = Path(path)
        self._file = open(path, "rb", buffering=0)
        weakref.finalize(self, self._file.close)
        self.size = os.fstat(self._file.fileno()).st_size

    def close(self):
        """Close the file; it cannot be read any more."""
        self._file.close()

    def read(self, offset, key):
        """Read a record's payload, joined where it is in parts.

        Args:
            offset: where the record begins, in bytes.
            key: its key, for errors.

        Returns:
            bytes.

        Raises:
            ValueError: there is no whole record; the message names the file, the key and the byte.
        """
        parts = []
        while True:
            flag, length = self._read_head(offset, key, (_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST))
            start = offset + HEAD_BYTES
            parts.append(os.pread(self._file.fileno(), length, start))
            if flag in (_WHOLE, _LAST):
                return _MAGIC_BYTES.join(parts)
            offset = start + (length + 3) // 4 * 4

    def first_bytes(self, offsets, count):
        """Read the first bytes of many records, their heads included.

        Args:
            offsets: (records,) integers.
            count: bytes of each.

        Returns:
            (records x count) bytes, zeros for what lies beyond the file's end.
        """
        descriptor = self._file.fileno()
        places = offsets.tolist()
        return b"".join([os.pread(descriptor, count, place).ljust(count, b"\0") for place in places])

    def _read_head(self, offset, key, flags):
        """Give (flag, length) of the part that begins at a byte, checked against the file's end."""
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
