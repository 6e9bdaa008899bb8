"""Read MATLAB 4 files strictly, as `save -v4` writes them: matrices of numbers and of text, one after the other.

Source: MathWorks, "MAT-File Format", "Level 4 MAT-file format".
"""

import struct
from collections.abc import Iterator

import numpy as np

_NUMBERS = ("f8", "f4", "i4", "i2", "u2", "u1")
_FULL, _TEXT, _SPARSE = range(3)
_HEADER_BYTES = 20


class Damage(ValueError):
    """The bytes contradict the format; the message says how."""


def is_version_4(data: memoryview) -> bool:
    """Return whether a file begins with the number of a type, which has a zero byte, rather than with text."""
    return len(data) >= _HEADER_BYTES and 0 in data[:4].tolist() and any(data[:_HEADER_BYTES])


def variables_of_version_4(data: memoryview) -> Iterator[tuple[str, np.ndarray | None]]:
    """Yield each variable's name and its value.

    Args:
        data: the whole file.

    Yields:
        The name, and the value in the form of `scipy.io.loadmat`: (rows, columns) numbers of the type in which
        they are stored, or one str per row of text. None for a sparse or complex matrix.

    Raises:
        Damage: the file is cut short or otherwise damaged.
    """
    at = 0
    while at < len(data):
        order, header = _read_header(data[at : at + _HEADER_BYTES])
        kind, rows, columns, is_complex, name_length = header
        dtype, form = np.dtype(order + _NUMBERS[kind // 10 % 10]), kind % 10
        at += _HEADER_BYTES
        end = at + name_length + rows * columns * dtype.itemsize * (2 if is_complex else 1)
        if end > len(data):
            raise Damage(f"{end - len(data)} bytes are missing")
        name = bytes(data[at : at + name_length]).rstrip(b"\0").decode("latin-1")
        if form == _SPARSE or is_complex:
            yield name, None
        else:
            values = np.frombuffer(data[at + name_length : end], dtype).reshape(rows, columns, order="F")
            yield name, values.astype(dtype.newbyteorder("=")) if form == _FULL else _text(values)
        at = end


def _read_header(header: memoryview) -> tuple[str, tuple[int, ...]]:
    """Return the byte order and the five numbers of a variable's header."""
    if len(header) < _HEADER_BYTES:
        raise Damage(f"{_HEADER_BYTES - len(header)} bytes of a header are missing")
    order = "<" if 0 <= struct.unpack_from("<i", header)[0] < 5000 else ">"
    kind, rows, columns, is_complex, name_length = numbers = struct.unpack(f"{order}5i", header)
    is_known = kind in range(0, 2000) and kind // 100 % 10 == 0 and kind // 10 % 10 < len(_NUMBERS)
    if not is_known or kind % 10 > _SPARSE or is_complex not in (0, 1):
        raise Damage(f"the type {kind}")
    if rows < 0 or columns < 0 or not 0 < name_length <= 2**16:
        raise Damage(f"the shape {(rows, columns)} and a name of {name_length} bytes")
    return order, numbers


def _text(codes: np.ndarray) -> np.ndarray:
    rows, columns = codes.shape
    if not codes.size:
        return np.empty(0, "U1")
    if not ((codes >= 0) & (codes < 256)).all():
        raise Damage("text with characters outside of Latin-1")
    lines = codes.astype(np.uint8).tobytes().decode("latin-1")
    return np.array([lines[row * columns : (row + 1) * columns] for row in range(rows)])
