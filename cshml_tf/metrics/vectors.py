"""Rows of numbers, checked; vectors of unit length, whose dot products are cosines."""

import numpy as np
from numpy.typing import ArrayLike


def unit_rows(vectors: ArrayLike) -> np.ndarray:
    """Scale each vector to unit length.

    Args:
        vectors: (..., E) real; usually (rows, E), one embedding per row.

    Returns:
        The same shape; float32 for float32, float64 for float64 or integers. Each vector has length 1, except that
        a vector of zeros stays zero, so its cosine with any other is 0. NaN stays NaN.
    """
    rows = np.asarray(vectors)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)


def checked_rows(name: str, rows: ArrayLike, width: int | None = None) -> np.ndarray:
    """Return rows as float64 after checking their shape and type.

    Args:
        name: name of the argument, for the error message.
        rows: (n, E) real, finite, at least one row.
        width: E; None for any.

    Returns:
        (n, E) float64.

    Raises:
        ValueError: the rows have the wrong shape or type, or contain a number that is not finite.
    """
    rows = np.asarray(rows)
    if rows.dtype.kind not in "iuf" or rows.ndim != 2 or not rows.size or width not in (None, rows.shape[1]):
        wanted = "E" if width is None else width
        raise ValueError(
            f"{name}: expected (rows, {wanted}) numbers, at least one row, got {rows.dtype} of shape {rows.shape}"
        )
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(f"{name}: expected finite numbers, got {rows[row, column]} in row {row}, column {column}")
    return rows.astype(np.float64)
