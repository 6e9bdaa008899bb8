"""Read `.npy` and `.npz` files strictly: plain arrays, whose headers agree with the sizes of what holds them."""

import io
import math
import os
import warnings
import zipfile
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike

from cshml_tf.files.names import printable
from cshml_tf.files.reading import open_regular

# The format's own limit for a trusted header; ours have about a hundred bytes.
_MAX_HEADER_BYTES = 10_000


def read_array(
    path: str | os.PathLike[str], dtype: DTypeLike, ndim: int, mapped: bool = False, max_bytes: int = 2**62
) -> np.ndarray:
    """Read a `.npy` file that holds one array of a stated type.

    Nothing is allocated before the header was compared with the file's size. Pickled objects and `.npz` archives
    are refused.

    Args:
        path: the file.
        dtype: the expected type of the values, little-endian or of one byte.
        ndim: the expected number of dimensions.
        mapped: whether to map the file instead of reading it; the array is then read-only.
        max_bytes: the size above which the file is refused.

    Returns:
        The array, in C order.

    Raises:
        ValueError: the file is not such an array, or is cut short or too long.
        OSError: it cannot be read.
    """
    dtype, name = np.dtype(dtype), printable(path)
    with open_regular(path, max_bytes) as file:
        shape, fortran_order, found = _read_header(file, name)
        if found != dtype or len(shape) != ndim or fortran_order:
            order = ", in Fortran order" if fortran_order else ""
            raise ValueError(
                f"{name}: expected an array of {ndim} dimension(s) of {dtype}, got shape {shape} of {found}{order}"
            )
        start, size = file.tell(), os.fstat(file.fileno()).st_size
        expected = start + math.prod(shape) * dtype.itemsize
        if size != expected:
            raise ValueError(f"{name}: expected {expected} bytes for shape {shape} of {dtype}, got {size}")
        if mapped and math.prod(shape):
            return np.memmap(path, dtype, "r", offset=start, shape=shape)
        return np.fromfile(file, dtype, math.prod(shape)).reshape(shape)


def parse_array(content: bytes, where: str) -> np.ndarray:
    """Return the array in the bytes of a `.npy` file, such as a member of an `.npz` archive.

    Args:
        content: the bytes.
        where: their name in the error message.

    Returns:
        The array of numbers or booleans, read-only, of any shape.

    Raises:
        ValueError: they are not such a file, or are cut short or too long.
    """
    file = io.BytesIO(content)
    shape, fortran_order, dtype = _read_header(file, where)
    expected = file.tell() + math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf":
        raise ValueError(f"{where}: expected an array of numbers, got {dtype}")
    if len(content) != expected:
        raise ValueError(f"{where}: expected {expected} bytes for shape {shape} of {dtype}, got {len(content)}")
    order = "F" if fortran_order else "C"
    return np.frombuffer(content, dtype, math.prod(shape), file.tell()).reshape(shape, order=order)


def parse_archive(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the arrays of an open `.npz` archive that is not compressed, each no larger than the file itself.

    Args:
        file: the archive, a regular file.

    Returns:
        The arrays by name, read-only.

    Raises:
        Exception: the archive is damaged, which can fail in many ways.
    """
    values = {}
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > size:
            raise ValueError(f"expected members of at most {size} bytes together")
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                raise ValueError(f"{member.filename}: expected a member that is not compressed")
            # The archive's checksum of the member is compared here.
            values[member.filename.removesuffix(".npy")] = parse_array(archive.read(member), member.filename)
    return values


def _read_header(file, name):
    try:
        with warnings.catch_warnings():
            # NumPy warns about headers of Python 2, and Python about odd literals in a damaged one.
            warnings.simplefilter("ignore")
            version = np.lib.format.read_magic(file)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran_order, dtype = read(file, max_header_size=_MAX_HEADER_BYTES)
    except Exception:  # The header is parsed as Python's literals, which can fail in many ways.
        raise ValueError(f"{name}: expected a .npy file, got another kind of file or a damaged header") from None
    if any(length < 0 for length in shape):
        raise ValueError(f"{name}: expected a .npy file, got a damaged header: shape {shape}")
    return shape, fortran_order and len(shape) > 1, dtype
