"""Read MATLAB files strictly, as `save -v4`, `-v6` and `-v7` write them: numbers, text and cell arrays of these.

Every length is compared with the bytes that are there before anything is allocated. SciPy's reader crashes on some
damaged files, and never returns from others. Source: MathWorks, "MAT-File Format".
"""

import functools
import math
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cshml_tf.data.mat_file_4 import Damage as _Damage
from cshml_tf.data.mat_file_4 import is_version_4, variables_of_version_4
from cshml_tf.files import printable, read_bytes

# A list of 60,000 names takes 6 MB. The same limit holds for what a compressed variable expands to.
MAX_BYTES = 2**26
MAX_CELLS = 2**20
_MAX_DEPTH = 8
# The name of a variable lies within its first bytes; variables that are not wanted are expanded no further.
_HEADER_BYTES = 4096

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "ascii", 2: "ascii", 16: "utf-8", 4: "utf-16", 17: "utf-16", 18: "utf-32"}
_CELLS, _CHARACTERS, _NUMERIC, _OPAQUE = 1, 4, range(6, 16), 17
_OTHERS = {2: "a structure", 3: "an object", 5: "a sparse matrix", 16: "a function", _OPAQUE: "an object"}
_COMPLEX = 0x0800


class _OtherContent(ValueError):
    """A variable contains what lists do not; the message says what."""


class _Header(NamedTuple):
    kind: int
    is_complex: bool
    shape: tuple[int, ...]
    name: str


def read_variables(path: str | Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read some variables of a MATLAB file.

    Args:
        path: the file, of version 4 to 7.2, in either byte order, compressed or not.
        names: the variables to read; the others are passed over, whatever they contain.

    Returns:
        dict of name to array, in the forms of `scipy.io.loadmat`: numbers of the type in which they are stored;
        text as str, one per row of a matrix of characters; a cell array as an array of objects, each an array.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file, is damaged or larger than `MAX_BYTES`; or a variable is missing,
            repeated, or contains anything but numbers, text and cells. The message names the file.
    """
    data, where = memoryview(read_bytes(path, MAX_BYTES)), printable(path)
    found, held = {}, []
    try:
        for name, read in _variables_of_version_4(data) if is_version_4(data) else _variables(data, where):
            if name in names:
                if name in found:
                    raise _Damage(f"the variable {name} is repeated")
                found[name] = read()
            held.append(name)
    except (_Damage, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{where}: expected a MATLAB file, got a damaged or different one ({error})") from None
    except _OtherContent as error:
        raise ValueError(f"{where}: expected numbers, text or cells, got {error}") from None
    for name in names:
        if name not in found:
            got = ", ".join(sorted(other for other in held if other)) or "none"
            raise ValueError(f"{where}: expected the variable {name}, got {printable(got[:200])}")
    return found


def _byte_order(data: memoryview, where: str) -> str:
    if data[:10] == b"MATLAB 7.3" or data[:8] == b"\x89HDF\r\n\x1a\n":
        raise ValueError(f"{where}: expected a MATLAB file of version 7.2 or earlier, got 7.3: save it with -v7")
    for order, mark in (("<", b"\x00\x01IM"), (">", b"\x01\x00MI")):
        if data[124:128] == mark:
            return order
    raise ValueError(f"{where}: expected a MATLAB file, got a damaged or different one (its header is wrong)")


class _Elements:
    """The elements of some bytes, one after the other, each a type and its content."""

    def __init__(self, data: memoryview, order: str) -> None:
        self.data, self.at = data, 0
        self._tag = struct.Struct(f"{order}II")

    def next(self) -> tuple[int, memoryview]:
        kind, length = self._tag.unpack(self._take(8))
        if kind >> 16:
            # A short element keeps its length in the upper half, and its content in place of the length.
            kind, length = kind & 0xFFFF, kind >> 16
            if length > 4:
                raise _Damage(f"a short element of {length} bytes")
            return kind, self.data[self.at - 4 : self.at - 4 + length]
        content = self._take(length)
        if kind != _COMPRESSED:
            self.at = min(self.at + -length % 8, len(self.data))
        return kind, content

    def next_of(self, kinds: Sequence[int], what: str) -> memoryview:
        kind, content = self.next()
        if kind not in kinds:
            raise _Damage(f"{what} of type {kind}")
        return content

    def _take(self, count: int) -> memoryview:
        self.at += count
        if self.at > len(self.data):
            raise _Damage(f"{self.at - len(self.data)} bytes are missing")
        return self.data[self.at - count : self.at]


def _variables(data: memoryview, where: str) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Yield each variable's name, and a function that reads its value."""
    order = _byte_order(data, where)
    elements = _Elements(data[128:], order)
    while elements.at < len(elements.data):
        kind, content = elements.next()
        if kind == _COMPRESSED:
            start = zlib.decompressobj().decompress(content, _HEADER_BYTES)
            name = _read_header(_Elements(memoryview(start)[8:], order), order).name
            yield name, lambda packed=content: _Values(order).read(_expanded(packed, order))
        elif kind == _MATRIX:
            name = _read_header(_Elements(content, order), order).name
            yield name, lambda plain=content: _Values(order).read(plain)
        else:
            raise _Damage(f"a variable of type {kind}")


def _variables_of_version_4(data: memoryview) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Yield each variable's name, and a function that returns its value."""

    def value_of(name: str, value: np.ndarray | None) -> np.ndarray:
        if value is None:
            raise _OtherContent(f"a sparse matrix or complex numbers in {printable(name)}")
        return value

    for name, value in variables_of_version_4(data):
        yield name, functools.partial(value_of, name, value)


def _expanded(content: memoryview, order: str) -> memoryview:
    expander = zlib.decompressobj()
    data = expander.decompress(content, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _Damage(f"a variable expands to more than {MAX_BYTES} bytes")
    if not expander.eof:
        raise _Damage("a compressed variable is cut short")
    return _Elements(memoryview(data), order).next_of((_MATRIX,), "a variable")


def _read_header(elements: _Elements, order: str) -> _Header:
    flags = elements.next_of((6,), "flags")
    if len(flags) != 8:
        raise _Damage(f"flags of {len(flags)} bytes")
    (word,) = struct.unpack_from(f"{order}I", flags)
    kind, shape = word & 0xFF, ()
    # Objects of newer versions have no shape.
    if kind != _OPAQUE:
        sides = elements.next_of((5, 6), "a shape")
        if len(sides) % 4 or not 8 <= len(sides) <= 128:
            raise _Damage(f"a shape of {len(sides)} bytes")
        shape = struct.unpack(f"{order}{len(sides) // 4}i", sides)
        if min(shape) < 0:
            raise _Damage(f"the shape {shape}")
    name = bytes(elements.next_of((1, 2, 16), "a name")).decode("utf-8")
    return _Header(kind, bool(word & _COMPLEX), shape, name)


class _Values:
    """Reads the content of one variable."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._cells = 0

    def read(self, content: memoryview, depth: int = 0) -> np.ndarray:
        """Return the value of a matrix, given its content."""
        if not content:
            # MATLAB writes a cell that was never filled in this way.
            return np.empty((1, 0))
        elements = _Elements(content, self._order)
        header = _read_header(elements, self._order)
        if header.kind == _CELLS:
            return self._read_cells(elements, header.shape, depth)
        if header.kind == _CHARACTERS:
            return self._read_text(*elements.next(), header.shape)
        if header.kind not in _NUMERIC or header.is_complex:
            got = "complex numbers" if header.is_complex else _OTHERS.get(header.kind, f"class {header.kind}")
            raise _OtherContent(f"{got} in {printable(header.name) or 'a cell'}")
        kind, numbers = elements.next()
        dtype = np.dtype(self._order + _NUMBERS.get(kind, "V0"))
        if not dtype.itemsize or len(numbers) != math.prod(header.shape) * dtype.itemsize:
            raise _Damage(f"{len(numbers)} bytes of type {kind} for numbers of shape {header.shape}")
        values = np.frombuffer(numbers, dtype)
        return values.astype(dtype.newbyteorder("=")).reshape(header.shape, order="F")

    def _read_cells(self, elements: _Elements, shape: tuple[int, ...], depth: int) -> np.ndarray:
        count = math.prod(shape)
        self._cells += count
        if depth == _MAX_DEPTH or self._cells > MAX_CELLS:
            raise _Damage(f"cells within more than {_MAX_DEPTH} cells, or more than {MAX_CELLS} of them")
        if count * 8 > len(elements.data) - elements.at:
            raise _Damage(f"{len(elements.data) - elements.at} bytes for cells of shape {shape}")
        cells = np.empty(count, object)
        for index in range(count):
            cells[index] = self.read(elements.next_of((_MATRIX,), "a cell"), depth + 1)
        return cells.reshape(shape, order="F")

    def _read_text(self, kind: int, content: memoryview, shape: tuple[int, ...]) -> np.ndarray:
        count, codec = math.prod(shape), _TEXTS.get(kind)
        if codec is None:
            raise _Damage(f"text of type {kind}")
        order = {"<": "-le", ">": "-be"}[self._order] if codec in ("utf-16", "utf-32") else ""
        text = bytes(content).decode(codec + order)
        characters = list(text)
        if len(characters) != count:
            # MATLAB counts a character beyond U+FFFF as two.
            characters = [chr(unit) for unit in np.frombuffer(text.encode("utf-16-le"), "<u2")]
        if len(characters) != count:
            raise _Damage(f"{len(characters)} characters for text of shape {shape}")
        if not count:
            return np.empty(0, "U1")
        if count == shape[-1]:
            return np.array([text]).reshape(shape[:-1])
        rows = np.array(characters).reshape(shape, order="F").reshape(-1, shape[-1])
        joined = ["".join(row).encode("utf-16", "surrogatepass").decode("utf-16") for row in rows.tolist()]
        return np.array(joined).reshape(shape[:-1])
