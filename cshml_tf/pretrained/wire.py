"""Count the fields of an ONNX file before it is parsed: the parser can make 250 bytes of each two in the file.

Source: Protocol Buffers' encoding, https://protobuf.dev/programming-guides/encoding/.
"""

import os
from typing import Any

import numpy as np

from cshml_tf.files import printable, read_bytes

# The largest recognisers have about 500 MB; Protocol Buffers end at 2 GB.
MAX_BYTES = 2**30
# The deepest networks have some 200,000.
MAX_FIELDS = 2**20
# What numbers of 1 to 10 bytes in the file may take when they have 4 or 8 each: 134 million weights in float16.
MAX_NUMBER_BYTES = 2**29
# As deep as Protocol Buffers' own parser goes.
_MOST_LEVELS = 100
_NUMBER, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5


class Refused(ValueError):
    """The file is damaged, or would take far more memory than it has bytes; the message says which."""


def read_checked(path: str | os.PathLike[str], message: Any) -> bytes:
    """Read a file of at most `MAX_BYTES`, and check its fields; see `check_fields`.

    Raises:
        Refused: it is no such file; the message begins with the path.
        OSError: it cannot be read.
    """
    try:
        content = read_bytes(path, MAX_BYTES)
    except OSError:
        raise
    except ValueError as error:  # `read_bytes` names the file.
        raise Refused(str(error)) from None
    try:
        check_fields(content, message)
    except Refused as error:
        raise Refused(f"{printable(path)}: {error}") from None
    return content


def check_fields(content: bytes, message: Any) -> None:
    """Check that a file is a sequence of fields, and that parsing it takes a bounded amount of memory.

    What the fields contain is left to the parser; weights, which are plain bytes, are passed over.

    Args:
        content: the whole file.
        message: the class of the message that it should be, such as `onnx.ModelProto`.

    Raises:
        Refused: it has more than `MAX_FIELDS` fields, numbers of more than `MAX_NUMBER_BYTES`, or is damaged.
    """
    data, fields, numbers = memoryview(content), 0, 0
    # The messages that are open: (their kind, their end).
    kinds, ends = [message.DESCRIPTOR.fields_by_number], [len(data)]
    at = 0
    while ends:
        if at == ends[-1]:
            kinds.pop()
            ends.pop()
            continue
        fields += 1
        if fields > MAX_FIELDS:
            raise Refused(f"expected at most {MAX_FIELDS} fields, got more")
        tag, at = _varint(data, at, ends[-1])
        if tag & 7 != _COUNTED:
            at = _skipped(data, at, ends[-1], tag)
            continue
        length, at = _varint(data, at, ends[-1])
        if length > ends[-1] - at:
            raise _damage(f"a field of {length} bytes at byte {at}, where {ends[-1] - at} are left")
        field = kinds[-1].get(tag >> 3)
        if field is not None and field.message_type is not None:
            if len(ends) == _MOST_LEVELS:
                raise _damage(f"messages of more than {_MOST_LEVELS} levels")
            kinds.append(field.message_type.fields_by_number)
            ends.append(at + length)
            continue
        if field is not None and _is_packed(field):
            # The last byte of each number is below 128.
            count = np.count_nonzero(np.frombuffer(data[at : at + length], np.uint8) < 128)
            numbers += int(count) * (8 if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else 4)
            if numbers > MAX_NUMBER_BYTES:
                raise Refused(f"expected at most {MAX_NUMBER_BYTES} bytes of numbers that are not raw, got more")
        at += length


def _damage(what: str) -> Refused:
    return Refused(f"expected an ONNX model, got {what}")


def _is_packed(field: Any) -> bool:
    """Return whether a field of counted bytes is a list of numbers of varying length."""
    return field.cpp_type not in (field.CPPTYPE_STRING, field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE)


def _skipped(data: memoryview, at: int, end: int, tag: int) -> int:
    """Return the position after the value of a field of another wire type than counted bytes."""
    kind = tag & 7
    if kind == _NUMBER:
        return _varint(data, at, end)[1]
    size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind)
    if size is None:
        raise _damage(f"a field of wire type {kind} before byte {at}")
    if size > end - at:
        raise _damage(f"a field of {size} bytes at byte {at}, where {end - at} are left")
    return at + size


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """Return a number of 7 bits per byte and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at == end:
            raise _damage(f"the end at byte {at}, within a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise _damage(f"a number of more than 10 bytes before byte {at}")
