"""A `.npy` file written row by row, continued after a kill, which appears under its name once it is whole."""

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from cshml_tf.files.names import PARTIAL_PREFIX
from cshml_tf.files.writing import flush_to_disk, open_to_continue


class GrowingArray:
    """Rows of an array, appended to a hidden file next to its final place.

    Rows are flushed to the disk in blocks. Whatever ended the process before, even a loss of power, the blocks
    before the last one are whole, so that writing continues after them.

    Args:
        path: the file to make; its folder must exist, and no other process may be writing there.
        shape: of the whole array; the first entry is the number of rows.
        dtype: of the values.
        block: rows per block; no call of `append` may cross the end of a block.

    Raises:
        ValueError: something else than a regular file is in the hidden file's place.
        OSError: the hidden file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], shape: Sequence[int], dtype: DTypeLike, block: int) -> None:
        self._path = Path(path)
        self._partial = partial_of(self._path)
        self._shape, self._dtype, self._block = tuple(shape), np.dtype(dtype), block
        self._header = _header(self._shape, self._dtype)
        self._row_bytes = math.prod(self._shape[1:]) * self._dtype.itemsize
        self._file = open_to_continue(self._partial, create=True)
        self.rows = self._rows_flushed()

    @property
    def bytes_left(self) -> int:
        """The bytes that remain to be written."""
        return (self._shape[0] - self.rows) * self._row_bytes

    def keep(self, rows: int) -> None:
        """Drop all rows after the first `rows`; called before the first `append`.

        Raises:
            OSError: the file cannot be written.
        """
        self.rows = min(rows, self.rows)
        self._file.seek(0)
        self._file.write(self._header)
        self._file.truncate(len(self._header) + self.rows * self._row_bytes)
        self._file.seek(0, os.SEEK_END)

    def append(self, values: np.ndarray) -> None:
        """Write the next rows.

        Args:
            values: (n, ...), converted to the array's type.

        Raises:
            OSError: the disk is full, or the file cannot be written.
        """
        self._file.write(np.ascontiguousarray(values, self._dtype).tobytes())
        self.rows += len(values)
        if self.rows % self._block == 0:
            self._flush()

    def finish(self) -> None:
        """Give the whole array its name.

        Raises:
            ValueError: rows are missing.
            OSError: it cannot be written.
        """
        if self.rows != self._shape[0]:
            raise ValueError(f"{self._path}: expected {self._shape[0]} rows, got {self.rows}")
        self.close()
        flush_to_disk(self._partial)
        os.replace(self._partial, self._path)

    def close(self) -> None:
        """Close the file, to be continued later unless `finish` was called."""
        self._file.close()

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def _rows_flushed(self) -> int:
        """Return the rows that an earlier process is known to have flushed: all blocks before the last."""
        if self._file.read(len(self._header)) != self._header:
            return 0
        size = os.fstat(self._file.fileno()).st_size - len(self._header)
        rows = min(size // max(self._row_bytes, 1), self._shape[0])
        return max(rows - 1, 0) // self._block * self._block


def partial_of(path: str | os.PathLike[str]) -> Path:
    """Return the hidden file in which `GrowingArray` writes an array."""
    return Path(path).with_name(f"{PARTIAL_PREFIX}{Path(path).name}")


def _header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    file = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()
