"""Vectors of unit length, whose dot products are cosines."""

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
