"""From one photograph to aligned face crops: detect the faces, choose among them, and warp or cut them out.

Nothing here depends on where the image comes from; `cshml_tf.alignment.folder` applies it to whole folders.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from cshml_tf.alignment.detector import Face, FaceDetector, rank_faces
from cshml_tf.alignment.geometry import (
    FOUR_LANDMARKS,
    check_image_size,
    similarity,
    template,
    template_of_four,
    warp,
)
from cshml_tf.images import check_pixels

FALLBACKS = ("skip", "center")
CROPS = ("landmarks", "box")
ALIGNED, CENTER, NO_FACE, UNREADABLE = STATUSES = ("aligned", "center", "no_face", "unreadable")


@dataclasses.dataclass(frozen=True)
class AlignedFace:
    """One crop and the face it shows.

    Attributes:
        crop: (height, width, 3) uint8 RGB.
        face: the `detector.Face` in the coordinates of the image; None for a central crop.
    """

    crop: np.ndarray
    face: Face | None


@dataclasses.dataclass(frozen=True)
class Alignment:
    """The outcome for one image.

    Attributes:
        status: "aligned", "center" (no face found: the middle of the image) or "no_face".
        detected: number of faces found; `faces` may contain fewer.
        faces: list of `AlignedFace`, the most likely subject first; empty for "no_face".
    """

    status: str
    detected: int
    faces: list[AlignedFace]


def align_face(image: np.ndarray, landmarks: np.ndarray, image_size: Sequence[int] = (112, 96)) -> np.ndarray:
    """Warp a face so that its landmarks fall on those of the template.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (5, 2) x, y in pixels of `image`, in the order of `geometry.LANDMARKS`; or (4, 2), in the order
            of `geometry.FOUR_LANDMARKS`.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: `landmarks` has the wrong shape or non-finite values, all landmarks coincide, or another
            argument has the wrong shape or type.
    """
    target = template_of_four(image_size) if len(landmarks) == len(FOUR_LANDMARKS) else template(image_size)
    return warp(image, similarity(landmarks, target), image_size)


def box_crop(image: np.ndarray, face: Face, margin: float, image_size: Sequence[int] = (160, 160)) -> np.ndarray:
    """Cut out the detector's box plus a margin, as FaceNet does: without rotation, ignoring the landmarks.

    Args:
        image: (H, W, 3) uint8.
        face: a `detector.Face`.
        margin: pixels of the image added to the box's width and to its height, half on each side.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8: the part of the enlarged box that lies inside the image, stretched to this size.
    """
    check_pixels(image, "image")
    left, top = max(face.x - margin / 2, 0), max(face.y - margin / 2, 0)
    right = min(face.x + face.width + margin / 2, image.shape[1])
    bottom = min(face.y + face.height + margin / 2, image.shape[0])
    # At least one pixel, even if the detector placed the box outside the image.
    left, top = min(int(left), image.shape[1] - 1), min(int(top), image.shape[0] - 1)
    part = image[top : max(int(bottom), top + 1), left : max(int(right), left + 1)]
    return _stretch(part, image_size)


def center_crop(image: np.ndarray, image_size: Sequence[int] = (112, 96)) -> np.ndarray:
    """Resize the largest centred part of an image that has the crop's aspect ratio.

    Args:
        image: (H, W, 3) uint8.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8; averaged over areas when shrunk, bicubic when enlarged.
    """
    check_pixels(image, "image")
    height, width = check_image_size(image_size)
    scale = max(height / image.shape[0], width / image.shape[1])
    part_height, part_width = max(1, round(height / scale)), max(1, round(width / scale))
    top, left = (image.shape[0] - part_height) // 2, (image.shape[1] - part_width) // 2
    return _stretch(image[top : top + part_height, left : left + part_width], (height, width))


def align_image(
    image: np.ndarray,
    detector: FaceDetector,
    image_size: Sequence[int] = (112, 96),
    detect_multiple_faces: bool = False,
    fallback: str = "skip",
    box_margin: float | None = None,
) -> Alignment:
    """Find and align one face, or all faces, of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: a `detector.Detector`, or any object with the same `detect` method.
        image_size: (height, width) of the crops, pixels.
        detect_multiple_faces: whether to align all faces, not only the one chosen by FaceNet's rule.
        fallback: what to do if no face is found: "skip" returns no crop, "center" the middle of the image.
        box_margin: None aligns by landmarks; a number cuts out the box plus that margin, see `box_crop`.

    Returns:
        An `Alignment`.

    Raises:
        ValueError: an argument has the wrong shape, type or value.
    """
    if fallback not in FALLBACKS:
        raise ValueError(f"fallback: expected one of {', '.join(FALLBACKS)}, got {fallback!r}")
    detected = rank_faces(detector.detect(image), *image.shape[:2])
    if detected:
        chosen = detected if detect_multiple_faces else detected[:1]
        if box_margin is None:
            crops = [align_face(image, face.landmarks, image_size) for face in chosen]
        else:
            crops = [box_crop(image, face, box_margin, image_size) for face in chosen]
        return Alignment(ALIGNED, len(detected), list(map(AlignedFace, crops, chosen)))
    if fallback == "center":
        return Alignment(CENTER, 0, [AlignedFace(center_crop(image, image_size), None)])
    return Alignment(NO_FACE, 0, [])


def _stretch(part: np.ndarray, image_size: Sequence[int]) -> np.ndarray:
    """Resize by area averaging if both sides shrink, otherwise bicubically."""
    height, width = check_image_size(image_size)
    shrinks = height < part.shape[0] and width < part.shape[1]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
