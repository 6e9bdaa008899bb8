"""The cascade of MTCNN on one photograph: propose boxes, refine them, locate the landmarks.

Source: Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multitask cascaded convolutional
networks", 2016, section 2.1.
"""

import math
from collections.abc import Iterator

import numpy as np

from cshml_tf.alignment.boxes import corrected, cut_out, likeliest, squares
from cshml_tf.alignment.networks import Networks
from cshml_tf.alignment.pyramid import average_over_areas, level_scales

# Pixels between two windows of the first network, from one end of a window to the other, and before the first one.
_STRIDE, _EXTENT, _START = 2, 11, 1
_REFINED_SIDE, _LOCATED_SIDE = 24, 48
# Largest shares of overlap: within a copy, between copies, after the second network, and after the third.
_IN_COPY, _IN_COPIES, _REFINED, _LOCATED = 0.5, 0.7, 0.7, 0.7


def find_faces(
    image: np.ndarray, networks: Networks, thresholds: tuple[float, float, float], min_face: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the faces of a photograph.

    Args:
        image: (H, W, 3) uint8 RGB.
        networks: the three networks.
        thresholds: lowest scores after each of them, 0..1.
        min_face: width of the smallest face to find, at least 12; pixels.

    Returns:
        (boxes, scores, landmarks), float64, likeliest face first: (n, 4) left, top, right, bottom in pixels, which
        may lie outside the image; (n,) 0..1; (n, 5, 2) x, y in pixels.
    """
    floors = [_logit(threshold) for threshold in thresholds]
    boxes = squares(_proposals(image, networks, floors[0], min_face))
    if len(boxes):
        boxes = squares(_refined(boxes, networks.refine(cut_out(image, boxes, _REFINED_SIDE)), floors[1]))
    if not len(boxes):
        return np.empty((0, 4)), np.empty(0), np.empty((0, 5, 2))
    values = networks.locate(cut_out(image, boxes, _LOCATED_SIDE))
    likely = values[:, -1] > floors[2]
    boxes, values = boxes[likely], values[likely].astype(np.float64)
    landmarks = _landmarks(boxes, values[:, 4:14])
    boxes, logits = corrected(boxes, values[:, :4]), values[:, -1]
    kept = likeliest(boxes, logits, _LOCATED, of_smaller=True)
    return boxes[kept], 1 / (1 + np.exp(-logits[kept])), landmarks[kept]


def _proposals(image: np.ndarray, networks: Networks, floor: float, min_face: float) -> np.ndarray:
    """Return (n, 4) boxes from all copies of the photograph."""
    found = list(_by_copy(image, networks, floor, min_face))
    if not found:
        return np.empty((0, 4))
    boxes, logits = (np.concatenate(each) for each in zip(*found, strict=True))
    return boxes[likeliest(boxes, logits, _IN_COPIES)]


def _by_copy(
    image: np.ndarray, networks: Networks, floor: float, min_face: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (n, 4) boxes in pixels of the image and their (n,) logits, for each copy of it."""
    height, width = image.shape[:2]
    pixels = (image.astype(np.float32) - 127.5) / 128
    for scale in level_scales(min(height, width), min_face):
        shrunk = average_over_areas(pixels, int(height * scale), int(width * scale))
        values = networks.propose(shrunk[None])[0]
        rows, columns = np.nonzero(values[4] > floor)
        chosen = values[:, rows, columns].astype(np.float64)
        corners = np.stack([columns, rows], axis=1) * _STRIDE + _START
        windows = np.concatenate([corners, corners + _EXTENT], axis=1)
        boxes = (windows + chosen[:4].T * _EXTENT) / scale
        kept = likeliest(boxes, chosen[4], _IN_COPY)
        yield boxes[kept], chosen[4][kept]


def _refined(boxes: np.ndarray, values: np.ndarray, floor: float) -> np.ndarray:
    likely = values[:, -1] > floor
    values = values[likely].astype(np.float64)
    boxes = corrected(boxes[likely], values[:, :4])
    return boxes[likeliest(boxes, values[:, -1], _REFINED)]


def _landmarks(boxes: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    """Return (n, 5, 2) landmarks from (n, 10) fractions of the boxes: five x, five y."""
    sizes = boxes[:, 2:] - boxes[:, :2] + 1
    places = fractions.reshape(-1, 2, 5).transpose(0, 2, 1)
    return sizes[:, None] * places + boxes[:, None, :2] - 1


def _logit(probability: float) -> float:
    """Return the log of the odds; of 0 and of 1, minus and plus infinity."""
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability / (1 - probability))
