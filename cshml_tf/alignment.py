"""From a photograph to aligned face crops: detect, choose, warp, or fall back.

The result for one image, with no dependence on where images come from; `alignment_run` applies it to folders.
"""

import dataclasses

import cv2
import numpy as np

from cshml_tf.detector import rank_faces
from cshml_tf.geometry import check_image_size, similarity, template, warp
from cshml_tf.images import check_pixels

FALLBACKS = ("skip", "center")
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
        landmarks: (5, 2) x, y in pixels of `image`, in the order of `geometry.LANDMARKS`.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: `landmarks` are not five distinct, finite points, or an argument is of another kind.
    """
    return warp(image, similarity(landmarks, template(image_size)), image_size)


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
    part = image[top : top + part_height, left : left + part_width]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(part, (width, height), interpolation=interpolation)


def align_image(image, detector, image_size=(112, 96), detect_multiple_faces=False, fallback="skip"):
    """Find and align the face, or all faces, of one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: a `detector.Detector`, or anything with its `detect`.
        image_size: (height, width) of the crops, pixels.
        detect_multiple_faces: all faces instead of the one that FaceNet's rule chooses.
        fallback: where there is no face, "skip" gives no crop and "center" the middle of the image.

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
        faces = [AlignedFace(align_face(image, face.landmarks, image_size), face) for face in chosen]
        return Alignment(ALIGNED, len(detected), faces)
    if fallback == "center":
        return Alignment(CENTER, 0, [AlignedFace(center_crop(image, image_size), None)])
    return Alignment(NO_FACE, 0, [])
