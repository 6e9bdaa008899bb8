"""From five landmarks to an aligned face: templates, least-squares similarity transform, antialiased warp.

Sources: the 112 x 96 template of SphereFace (Liu et al., 2017); the 112 x 112 template of InsightFace, which
is the same with 8 added to x; Umeyama, "Least-squares estimation of transformation parameters between
two point patterns", 1991.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from cshml_tf.images import LONGEST_SIDE, check_pixels

LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
# Some data sets provide these four: the centre of the mouth instead of its corners.
FOUR_LANDMARKS = ("left_eye", "right_eye", "nose", "mouth")

_TEMPLATE_112X96 = np.array(
    [
        [30.2946, 51.6963],
        [65.5318, 51.5014],
        [48.0252, 71.7366],
        [33.5493, 92.3655],
        [62.7299, 92.2041],
    ]
)
_TEMPLATE_112X112 = _TEMPLATE_112X96 + [8.0, 0.0]


def template(image_size: Sequence[int] = (112, 96)) -> np.ndarray:
    """Return the positions of the five landmarks in an aligned crop.

    A square crop scales the 112 x 112 template, a 7:6 crop (such as 112 x 96) the 112 x 96 one. In any
    other crop the 112 x 112 template fills the largest centred square.

    Args:
        image_size: (height, width) of the crop, pixels.

    Returns:
        (5, 2) float64 x, y in pixels of the crop: image-left eye, image-right eye, nose tip,
        image-left and image-right corner of the mouth.
    """
    height, width = check_image_size(image_size)
    if 6 * height == 7 * width:
        return _TEMPLATE_112X96 * (height / 112)
    side = min(height, width)
    return _TEMPLATE_112X112 * (side / 112) + [(width - side) / 2, (height - side) / 2]


def template_of_four(image_size: Sequence[int] = (112, 96)) -> np.ndarray:
    """Return the positions of `FOUR_LANDMARKS` in an aligned crop: (4, 2) float64 x, y.

    The centre of the mouth is the midpoint of its corners in `template`.
    """
    five = template(image_size)
    return np.vstack([five[:3], five[3:].mean(axis=0)])


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Compute the rotation, uniform scale and translation that best map `source` to `target`.

    With the points centred and read as complex numbers, the least-squares solution is one division,
    target = (a + ib) source, which cannot contain a reflection.

    Args:
        source: (N, 2) x, y, at least two distinct points.
        target: (N, 2) x, y.

    Returns:
        (2, 3) float64 matrix M: target = M[:, :2] @ source + M[:, 2].

    Raises:
        ValueError: the shapes differ, a value is not finite, or the points do not determine a transform.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(f"source, target: expected two (N, 2) arrays, got {source.shape} and {target.shape}")
    # Beyond this, squares overflow.
    if not (np.abs(source) < 1e100).all() or not (np.abs(target) < 1e100).all():
        raise ValueError("source, target: expected finite coordinates below 1e100, got others")
    if len(source) < 2 or _is_one_position(source):
        raise ValueError("source: expected at least two distinct points, got a single position")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    x, y = (source - source_mean).T
    u, v = (target - target_mean).T
    spread, target_spread = np.sum(x * x + y * y), np.sum(u * u + v * v)
    cosine, sine = np.sum(x * u + y * v), np.sum(x * v - y * u)
    # A mirror image without a best rotation cancels out.
    if _is_one_position(target) or np.hypot(cosine, sine) <= 1e-9 * np.sqrt(spread * target_spread):
        raise ValueError(
            "target: expected roughly source turned, scaled and shifted, got a single position or a mirror image"
        )
    linear = np.array([[cosine, -sine], [sine, cosine]]) / spread
    return np.column_stack([linear, target_mean - linear @ source_mean])


def warp(image: np.ndarray, matrix: np.ndarray, image_size: Sequence[int] = (112, 96)) -> np.ndarray:
    """Warp an image into a crop by a similarity transform, with bilinear interpolation.

    A face larger than the crop is first drawn at a whole multiple of the crop's size, large enough that
    no pixel of the image is skipped, then averaged over areas down to the crop's size: nothing aliases and
    nothing is blurred twice. Positions outside the image are black.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3), maps x, y of the image to x, y of the crop, as `similarity` returns it.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: an argument has the wrong shape or type, or a value of `matrix` is not finite.
    """
    check_pixels(image, "image")
    height, width = check_image_size(image_size)
    matrix = np.asarray(matrix, np.float64)
    if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
        raise ValueError(f"matrix: expected a finite (2, 3) matrix, got {matrix.tolist()}")
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    # If the whole image covers only a speck of the crop, a larger multiple would only waste memory.
    longest = max(height, width)
    largest = max(1, min(2 * math.ceil(max(image.shape[:2]) / longest), LONGEST_SIDE // longest))
    multiple = min(largest, math.ceil(1 / scale - 1e-9)) if scale > 0 else 1
    # Pixel centres are at whole numbers, so x + 1/2 is multiplied, not x.
    fine = multiple * matrix
    fine[:, 2] += (multiple - 1) / 2
    fine_size = (multiple * width, multiple * height)
    crop = cv2.warpAffine(image, fine, fine_size, flags=cv2.INTER_LINEAR)
    return cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)


def check_image_size(image_size: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) as two positive ints.

    Raises:
        ValueError: `image_size` is not two positive whole numbers.
    """
    size = tuple(np.atleast_1d(image_size).tolist())
    if len(size) != 2 or any(side != int(side) or side < 1 for side in size):
        raise ValueError(f"image_size: expected (height, width) in pixels, got {image_size}")
    return int(size[0]), int(size[1])


def _is_one_position(points: np.ndarray) -> bool:
    """Return whether (N, 2) points differ by no more than rounding errors of their coordinates."""
    return bool(np.ptp(points, axis=0).max() <= 1e-9 * np.abs(points).max())
