"""The copies of a photograph in which faces of different sizes have the size of the first network's window."""

import functools
import math

import numpy as np
from scipy import sparse

# Each copy is smaller than the one before by this factor.
FACTOR = 0.709
# Pixels of a side of the first network's window.
WINDOW = 12
# The width of face, in pixels, at which the `mtcnn` package has as many levels as here.
_USUAL_FACE = 20


def level_scales(shorter_side: int, min_face: float) -> list[float]:
    """Return the scales of the copies, largest first.

    Args:
        shorter_side: of the photograph, pixels.
        min_face: width of the smallest face that fills a window, pixels of the photograph.

    Returns:
        List of scales; empty if no window fits. The shorter side of the smallest copy is at least `WINDOW`.
    """
    levels = math.log(shorter_side * _USUAL_FACE / (WINDOW * min_face)) / -math.log(FACTOR)
    return [WINDOW / min_face * FACTOR**level for level in range(round(levels - 1))]


def average_over_areas(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrink a picture; each new pixel is the mean of the area that it covers, as in `tf.image.resize`.

    Equals OpenCV's INTER_AREA on float32 up to rounding, and takes a third of its time.

    Args:
        pixels: (H, W, channels) float32.
        height: of the result, at most H.
        width: of the result, at most W.

    Returns:
        (channels, height, width) float32.
    """
    rows, columns, channels = pixels.shape
    shrunk = _areas(rows, height) @ pixels.reshape(rows, columns * channels)
    across = shrunk.reshape(height, columns, channels).transpose(1, 2, 0).reshape(columns, channels * height)
    shrunk = _areas(columns, width) @ across
    return np.ascontiguousarray(shrunk.reshape(width, channels, height).transpose(1, 2, 0))


# Photographs of one size share them.
@functools.lru_cache(maxsize=256)
def _areas(size: int, count: int) -> sparse.csr_array:
    """Return the (count, size) float32 matrix that averages `size` pixels over `count` equal parts."""
    edges = np.arange(count + 1) * (size / count)
    edges[-1] = size
    starts, ends = edges[:-1, None], edges[1:, None]
    covered = int(np.max(np.ceil(ends) - np.floor(starts)))
    pixels = np.floor(starts) + np.arange(covered)
    shares = np.clip(np.minimum(pixels + 1, ends) - np.maximum(pixels, starts), 0, None) * (count / size)
    # A pixel beyond the border has no share; its place may be that of any other.
    places = np.minimum(pixels, size - 1).astype(np.int32)
    bounds = np.arange(count + 1, dtype=np.int32) * covered
    return sparse.csr_array((shares.astype(np.float32).ravel(), places.ravel(), bounds), shape=(count, size))
