"""From a photograph to aligned face crops: detect, choose, warp, or fall back.

The result for one image, with no dependence on where images come from; `alignment_run` applies it to folders.
"""

import dataclasses

import cv2
import numpy as np

from cshml_tf.alignment.detector import rank_faces
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
    """One crop, and the face it shows.

    Attributes:
        crop: (height, width, 3) uint8 RGB.
        face: the `detector.Face` in the coordinates of the image; None for a central crop.
    """

    crop: np.ndarray
    face: object


@dataclasses.dataclass(frozen=True)
class Alignment:
    """What became of one image.

    Attributes:
        status: "aligned", "center" (no face: the middle of the image) or "no_face".
        detected: number of faces found, of which `faces` may be fewer.
        faces: list of `AlignedFace`, most likely subject first; empty for "no_face".
    """

    status: str
    detected: int
    faces: list


def align_face(image, landmarks, image_size=(112, 96)):
    """Warp a face so that its landmarks come to lie on the template's.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (5, 2) x, y in pixels of `image`, in the order of `geometry.LANDMARKS`; or (4, 2) in that of
            `geometry.FOUR_LANDMARKS`.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: `landmarks` are not that many distinct, finite points, or an argument is of another kind.
    """
    target = template_of_four(image_size) if len(landmarks) == len(FOUR_LANDMARKS) else template(image_size)
    return warp(image, similarity(landmarks, target), image_size)


def box_crop(image, face, margin, image_size=(160, 160)):
    """Cut out the detector's box with a margin, as FaceNet does: no rotation, and no regard to the landmarks.

    Args:
        image: (H, W, 3) uint8.
        face: a `detector.Face`.
        margin: pixels of the image by which the crop is wider, and taller, than the box; half on each side.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8; what is stretched is the part of the widened box inside the image.
    """
    check_pixels(image, "image")
    left, top = max(face.x - margin / 2, 0), max(face.y - margin / 2, 0)
    right = min(face.x + face.width + margin / 2, image.shape[1])
    bottom = min(face.y + face.height + margin / 2, image.shape[0])
    # At least one pixel, also of a box that the detector put beyond the image.
    left, top = min(int(left), image.shape[1] - 1), min(int(top), image.shape[0] - 1)
    part = image[top : max(int(bottom), top + 1), left : max(int(right), left + 1)]
    return _stretch(part, image_size)


def center_crop(image, image_size=(112, 96)):
    """Resize the largest centred part of an image that has the crop's shape.

    Args:
        image: (H, W, 3) uint8.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8; averaged over areas where it shrinks, bicubic where it grows.
    """
    check_pixels(image, "image")
    height, width = check_image_size(image_size)
    scale = max(height / image.shape[0], width / image.shape[1])
    part_height, part_width = max(1, round(height / scale)), max(1, round(width / scale))
    top, left = (image.shape[0] - part_height) // 2, (image.shape[1] - part_width) // 2
    return _stretch(image[top : top + part_height, left : left + part_width], (height, width))


def align_image(
    image, detector, image_size=(112, 96), detect_multiple_faces=False, fallback="skip", box_margin=None
):
    """Find and align the face, or all faces, of one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: a `detector.Detector`, or anything with its `detect`.
        image_size: (height, width) of the crops, pixels.
        detect_multiple_faces: all faces instead of the one that FaceNet's rule chooses.
        fallback: where there is no face, "skip" gives no crop and "center" the middle of the image.
        box_margin: None aligns by landmarks; a number cuts out the box with that margin, see `box_crop`.

    Returns:
        An `Alignment`.

    Raises:
        ValueError: an argument is of another kind.
    """
    if fallback not in FALLBACKS:
        raise ValueError(f"fallback: expected one of {FALLBACKS}, got {fallback!r}")
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


def _stretch(part, image_size):
    """Resize by areas where both sides shrink, else bicubically."""
    height, width = check_image_size(image_size)
    shrinks = height < part.shape[0] and width < part.shape[1]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
