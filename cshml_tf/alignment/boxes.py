"""Boxes of a detector: overlaps, squares, corrections, and the pixels within.

A box is left, top, right, bottom in pixels, float64. Source: Zhang, Zhang, Li, Qiao, "Joint face detection and
alignment using multitask cascaded convolutional networks", 2016; the details are those of the `mtcnn` package.
"""

import numpy as np

# Boxes compared at once with all likelier ones, which bounds the memory.
_COMPARED = 256


def likeliest(boxes: np.ndarray, scores: np.ndarray, overlap: float, of_smaller: bool = False) -> np.ndarray:
    """Return the boxes that no likelier box overlaps too much, whether or not that one is returned itself.

    Args:
        boxes: (n, 4).
        scores: (n,); of equal ones, the first counts as the likelier.
        overlap: largest allowed share, 0..1, of the area that two boxes cover together.
        of_smaller: whether the share is that of the smaller box instead.

    Returns:
        (kept,) int: the places of the boxes, likeliest first.
    """
    order = np.argsort(-scores, kind="stable")
    left, top, right, bottom = boxes[order].T
    areas = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    kept = np.ones(len(order), bool)
    for start in range(0, len(order), _COMPARED):
        these, others = np.s_[start : start + _COMPARED, None], np.s_[None, : start + _COMPARED]
        across = np.minimum(right[these], right[others]) - np.maximum(left[these], left[others])
        down = np.minimum(bottom[these], bottom[others]) - np.maximum(top[these], top[others])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        if of_smaller:
            covered = np.minimum(areas[these], areas[others])
        else:
            covered = areas[these] + areas[others] - shared
        # Below the diagonal are the likelier ones.
        kept[start : start + _COMPARED] = ~np.tril(shared > overlap * covered, start - 1).any(axis=1)
    return order[kept]


def squares(boxes: np.ndarray) -> np.ndarray:
    """Return the (n, 4) squares with the boxes' centres and longer sides."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    sides = sizes.max(axis=1, keepdims=True)
    corners = boxes[:, :2] + sizes * 0.5 - sides * 0.5
    return np.concatenate([corners, corners + sides], axis=1)


def corrected(boxes: np.ndarray, corrections: np.ndarray) -> np.ndarray:
    """Return (n, 4) boxes whose edges are moved by (n, 4) fractions of their sizes, counted in whole pixels."""
    return boxes + corrections * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def cut_out(image: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """Resize the part of an image within each box bilinearly; the first and last samples lie on the box's edges.

    As `tf.image.crop_and_resize` on an image scaled by (x - 127.5) / 128, with zeros outside the image.

    Args:
        image: (H, W, 3) uint8.
        boxes: (n, 4).
        side: pixels of a side of the results.

    Returns:
        (n, 3, side, side) float32, scaled.
    """
    height, width = image.shape[:2]
    above, below, down, in_rows = _samples(boxes[:, 1], boxes[:, 3], side, height)
    before, after, across, in_columns = _samples(boxes[:, 0], boxes[:, 2], side, width)
    pixels = image.reshape(height * width, 3)
    across, down = across[:, None, :, None], down[:, :, None, None]

    def between(rows: np.ndarray) -> np.ndarray:
        starts = (rows * width)[:, :, None]
        left = pixels.take(starts + before[:, None, :], axis=0).astype(np.float32)
        right = pixels.take(starts + after[:, None, :], axis=0)
        return left + (right - left) * across

    upper = between(above)
    resized = upper + (between(below) - upper) * down
    scaled = (resized - 127.5) / 128
    scaled *= (in_rows[:, :, None] & in_columns[:, None, :])[..., None]
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def _samples(
    starts: np.ndarray, ends: np.ndarray, count: int, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels before and after each sample, the sample's distance from the former, and if it is inside.

    Args:
        starts: (n,) first samples, pixels.
        ends: (n,) last samples.
        count: samples per box.
        size: pixels of the image's side.

    Returns:
        Four (n, count) arrays: int, int, float32 0..1, bool.
    """
    steps = np.arange(count) / (count - 1)
    # The package divides by the size, and `crop_and_resize` multiplies by the distance of the outermost pixels.
    samples = (starts[:, None] + (ends - starts)[:, None] * steps) * ((size - 1) / size)
    inside = (samples >= 0) & (samples <= size - 1)
    samples = np.clip(samples, 0, size - 1)
    before = samples.astype(np.intp)
    after = np.minimum(before + 1, size - 1)
    return before, after, (samples - before).astype(np.float32), inside
