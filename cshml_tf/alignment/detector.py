"""Find faces and their five landmarks with MTCNN.

Source: Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multitask cascaded convolutional
networks", 2016; the weights are those of the `mtcnn` package, and so are the results, see
`benchmarks/alignment.py`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from cshml_tf.alignment.cascade import find_faces
from cshml_tf.alignment.networks import load_networks
from cshml_tf.alignment.pyramid import WINDOW
from cshml_tf.images import check_pixels

# Pixels of the smallest face that is looked for by default, as in the `mtcnn` package.
SMALLEST_FACE = 20


@dataclasses.dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the image in which it was found.

    Attributes:
        x: left edge of the box.
        y: top edge of the box.
        width: width of the box.
        height: height of the box.
        score: probability given by the last network, 0..1.
        landmarks: (5, 2) float64 x, y: image-left eye, image-right eye, nose tip, image-left and
            image-right corner of the mouth.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: np.ndarray


class FaceDetector(Protocol):
    """Any object that finds faces in an image: `Detector`, or a stand-in for it."""

    def detect(self, image: np.ndarray) -> Sequence[Face]:
        """Return the faces of an (H, W, 3) uint8 RGB image."""
        ...


def rank_faces(faces: Sequence[Face], image_height: int, image_width: int) -> list[Face]:
    """Sort faces so that the most likely subject of the photograph comes first.

    FaceNet's rule: the largest area of the box minus twice the squared distance between the centres of box and
    image.

    Args:
        faces: the `Face`s of one image.
        image_height: height of that image, pixels.
        image_width: width of that image, pixels.

    Returns:
        A new list.
    """

    def prominence(face: Face) -> float:
        offset_x = face.x + face.width / 2 - image_width / 2
        offset_y = face.y + face.height / 2 - image_height / 2
        return face.width * face.height - 2 * (offset_x**2 + offset_y**2)

    return sorted(faces, key=prominence, reverse=True)


class Detector:
    """MTCNN, one image at a time, which keeps an image's result independent of all others.

    Args:
        thresholds: lowest accepted score of each of the three networks, 0..1.
        longest_side: larger images are shrunk to this before detection, which bounds time and memory;
            pixels.
        min_face: width of the smallest face that is looked for, in pixels of the (shrunk) image. Detection takes
            less time with a larger one; at 40 about a quarter of that at 20.
        threads: number of threads; None takes one per core. The result does not depend on it.

    Raises:
        ValueError: `longest_side` is below `SMALLEST_FACE`, `min_face` is below 12, or the package with the
            weights is missing.
    """

    def __init__(
        self,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        longest_side: int = 1600,
        min_face: float = SMALLEST_FACE,
        threads: int | None = None,
    ) -> None:
        if longest_side < SMALLEST_FACE:
            raise ValueError(f"longest_side: expected {SMALLEST_FACE} or more, got {longest_side}")
        if not min_face >= WINDOW:
            raise ValueError(f"min_face: expected {WINDOW} or more, got {min_face}")
        self.longest_side = longest_side
        self.thresholds = thresholds
        self.min_face = min_face
        self._networks = load_networks(threads)

    def detect(self, image: np.ndarray) -> list[Face]:
        """Find the faces of one image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            List of `Face`, highest score first; empty if no face is found.

        Raises:
            ValueError: `image` has the wrong shape or type.
        """
        check_pixels(image, "image")
        height, width = image.shape[:2]
        shrunk = _bound_sides(image, self.longest_side)
        rows, columns = shrunk.shape[:2]
        if min(rows, columns) < SMALLEST_FACE:
            return []
        boxes, scores, landmarks = find_faces(shrunk, self._networks, self.thresholds, self.min_face)
        # As the package, boxes end at the border; landmarks may lie beyond it.
        boxes = np.clip(boxes, 0, [columns - 1, rows - 1] * 2)
        enlargement = np.array([width / columns, height / rows])
        corners, sizes = (boxes[:, :2] + 0.5) * enlargement - 0.5, (boxes[:, 2:] - boxes[:, :2]) * enlargement
        landmarks = (landmarks + 0.5) * enlargement - 0.5
        return [
            Face(*map(float, (*corner, *size, score)), landmarks=marks)
            for corner, size, score, marks in zip(corners, sizes, scores, landmarks, strict=True)
        ]


def _bound_sides(image: np.ndarray, longest_side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
