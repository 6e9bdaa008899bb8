"""Read the index of a TensorFlow checkpoint strictly: TensorFlow itself ends the process at some damaged entries.

Source: LevelDB's table format, Snappy's format, and TensorFlow's `tensor_bundle.proto`.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cshml_tf.files import printable, read_bytes

# The index of FaceNet's largest checkpoint has 50 kB.
MAX_BYTES = 2**26
_FOOTER_BYTES, _TRAILER_BYTES = 48, 5
_MAGIC = bytes.fromhex("57fb808b247547db")
_MAX_SIDES = 254


class _Damage(ValueError):
    """The bytes contradict the format; the message says how."""


def check_index(path: str | Path) -> None:
    """Check that every entry of an index can be understood, and that its shape is one of an array.

    Checksums are left to TensorFlow.

    Args:
        path: the `.index` file of a checkpoint.

    Raises:
        ValueError: it cannot; the message names the file.
        OSError: it cannot be read.
    """
    data = read_bytes(path, MAX_BYTES)
    try:
        if len(data) < _FOOTER_BYTES or data[-8:] != _MAGIC:
            raise _Damage("its end is missing")
        footer = data[-_FOOTER_BYTES:]
        _, at = _varint(footer, 0)
        _, at = _varint(footer, at)
        for _, handle in _entries(_block(data, footer, at)):
            for key, entry in _entries(_block(data, handle, 0)):
                # The entry without a name is about the checkpoint as a whole.
                _check_entry(entry, is_header=not key)
    except (_Damage, IndexError, struct.error) as error:
        reason = str(error) if isinstance(error, _Damage) else "bytes are missing"
        raise ValueError(f"{printable(path)}: cannot be read as a checkpoint's index: {reason}") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 7 bits per byte and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _Damage("a number of more than 10 bytes")


def _part(data: bytes, at: int, length: int) -> bytes:
    if length > len(data) - at:
        raise _Damage(f"{length} bytes expected at byte {at}, {max(0, len(data) - at)} are there")
    return data[at : at + length]


def _block(data: bytes, handle: bytes, at: int) -> bytes:
    offset, at = _varint(handle, at)
    size, _ = _varint(handle, at)
    content = _part(data, offset, size + _TRAILER_BYTES)
    kind = content[size]
    if kind > 1:
        raise _Damage(f"a block of compression {kind}")
    return expanded(content[:size]) if kind else content[:size]


def expanded(data: bytes) -> bytes:
    """Undo Snappy's compression, which TensorFlow applied until version 1.5.

    Raises:
        ValueError: the bytes are damaged, or expand to more than `MAX_BYTES`.
    """
    size, at = _varint(data, 0)
    if size > MAX_BYTES:
        raise _Damage(f"a block that expands to {size} bytes")
    found = bytearray()
    while at < len(data) and len(found) <= size:
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length, at = int.from_bytes(_part(data, at, extra), "little"), at + extra
            found += _part(data, at, length + 1)
            at += length + 1
            continue
        extra = (1, 2, 4)[(tag & 3) - 1]
        back, at = int.from_bytes(_part(data, at, extra), "little"), at + extra
        length = (tag >> 2) + 1
        if tag & 3 == 1:
            back, length = back | tag >> 5 << 8, (tag >> 2 & 7) + 4
        if not 0 < back <= len(found):
            raise _Damage("a block that refers to bytes before its start")
        for _ in range(length):
            found.append(found[-back])
    if len(found) != size or at != len(data):
        raise _Damage(f"a block that does not expand to {size} bytes")
    return bytes(found)


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block; a key repeats a stated number of bytes of the one before."""
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4) if len(block) >= 4 else (2**31,)
    end = len(block) - 4 - 4 * restarts
    at, key = 0, b""
    if end < 0:
        raise _Damage("a block without an end")
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = _part(key, 0, shared) + _part(block[:end], at, own)
        yield key, _part(block[:end], at + own, length)
        at += own + length


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the numbers and values of a protocol buffer's fields."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(message, at)
        elif wire in (1, 2, 5):
            length = {1: 8, 5: 4}.get(wire)
            if length is None:
                length, at = _varint(message, at)
            value = _part(message, at, length)
            at += length
        else:
            raise _Damage(f"a field of type {wire}")
        if not 0 < tag >> 3 < 2**29:
            raise _Damage(f"a field of number {tag >> 3}")
        yield tag >> 3, value


def _check_entry(entry: bytes, is_header: bool) -> None:
    for number, value in _fields(entry):
        is_message = isinstance(value, bytes)
        if is_header or number > 7:
            continue
        if is_message != (number in (2, 6, 7)):
            raise _Damage(f"field {number} of the wrong type")
        if number == 2:
            _check_shape(value)
        elif number == 7:
            for _, extent in _fields(value):
                list(_fields(extent) if isinstance(extent, bytes) else ())
        elif not is_message and value >= 2**62:
            raise _Damage(f"field {number} of {value}")


def _check_shape(message: bytes) -> None:
    sides = []
    for number, value in _fields(message):
        if number == 2 and isinstance(value, bytes):
            sides.append(dict(_fields(value)).get(1, 0))
        elif number != 3 or value != 0:
            raise _Damage("a shape that is not known")
    if len(sides) > _MAX_SIDES or not all(isinstance(side, int) for side in sides):
        raise _Damage(f"a shape of {len(sides)} sides")
    if any(side >= 2**62 for side in sides) or math.prod(sides) >= 2**62:
        raise _Damage("a shape beyond any array")
