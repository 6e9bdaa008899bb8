"""Find a face that is too small for the detector or fills the whole picture: pad, enlarge, detect again."""

import dataclasses
from collections.abc import Iterable

import cv2
import numpy as np

from cshml_tf.alignment.detector import Face, FaceDetector, rank_faces
from cshml_tf.images import check_pixels

# Pixels of the shorter side of the padded and enlarged picture.
_ENLARGED = 320
# Fraction of a side that is added at either end of it.
_PADDING = 0.5
LARGEST_SCALE = 8
# Pixels of a crop's width at which the detector finds nearly every face.
EASILY_FOUND = 40
_LONGEST_PADDING = 50
# Part of the smaller of two boxes from which both are taken for one face.
_SAME_FACE = 0.5
# Pixels of the longest side before padding, which quadruples the area.
_LONGEST_SIDE = 800


def find_face(image: np.ndarray, detector: FaceDetector) -> tuple[Face | None, bool]:
    """Find the most prominent face of a picture; if there is none, search an enlarged copy.

    MTCNN finds no face smaller than 20 pixels and misses faces that touch the border. The copy is therefore
    padded with the picture's own border pixels on all sides and enlarged bicubically.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: a `cshml_tf.alignment.detector.Detector`, or any object with the same `detect` method.

    Returns:
        (face, enlarged): a `cshml_tf.alignment.detector.Face` in pixels of `image`, or None; and whether the
        enlarged copy was searched.

    Raises:
        ValueError: the image has the wrong shape or type.
    """
    faces, enlarged = find_faces(image, detector)
    return (faces[0] if faces else None), enlarged


def find_faces(image: np.ndarray, detector: FaceDetector) -> tuple[list[Face], bool]:
    """Find all faces of a picture as `find_face` does, the most prominent one first.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: see `find_face`.

    Returns:
        (faces, enlarged): list of `cshml_tf.alignment.detector.Face` in pixels of `image`; and whether the
        enlarged copy was searched.

    Raises:
        ValueError: the image has the wrong shape or type.
    """
    check_pixels(image, "image")
    faces = rank_faces(detector.detect(image), *image.shape[:2])
    if faces:
        return faces, False
    shrinkage = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
    if shrinkage == 1:
        return _find_enlarged(image, detector), True
    size = max(1, round(image.shape[1] * shrinkage)), max(1, round(image.shape[0] * shrinkage))
    faces = _find_enlarged(cv2.resize(image, size, interpolation=cv2.INTER_AREA), detector)
    return [to_original(face, shrinkage, 0, 0) for face in faces], True


def _find_enlarged(image: np.ndarray, detector: FaceDetector) -> list[Face]:
    height, width = image.shape[:2]
    top, left = round(_PADDING * height), round(_PADDING * width)
    padded = cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_REPLICATE)
    scale = min(max(_ENLARGED / min(padded.shape[:2]), 1.0), LARGEST_SCALE)
    size = round(padded.shape[1] * scale), round(padded.shape[0] * scale)
    enlarged = cv2.resize(padded, size, interpolation=cv2.INTER_CUBIC)
    faces = rank_faces(detector.detect(enlarged), *enlarged.shape[:2])
    in_original = [to_original(face, scale, left, top) for face in faces]
    # The padded border can look like a face too.
    return [face for face in in_original if _is_inside(face, width, height)]


def _is_inside(face: Face, width: int, height: int) -> bool:
    centre_x, centre_y = face.x + face.width / 2, face.y + face.height / 2
    return 0 <= centre_x <= width and 0 <= centre_y <= height


def to_original(face: Face, scale: float, left: int, top: int) -> Face:
    """Convert a face of a padded and enlarged copy to pixels of the original picture.

    Args:
        face: in pixels of the copy.
        scale: of the copy.
        left: pixels added at the left before enlarging; negative if pixels were cut off.
        top: the same at the top.
    """
    return dataclasses.replace(
        face,
        x=face.x / scale - left,
        y=face.y / scale - top,
        width=face.width / scale,
        height=face.height / scale,
        # In both pictures, coordinates count from the centre of the first pixel.
        landmarks=(face.landmarks + 0.5) / scale - 0.5 - [left, top],
    )


def find_all_faces(image: np.ndarray, detector: FaceDetector, min_width: float) -> list[Face]:
    """Find every face of a picture, small ones in an enlarged copy.

    The copy is padded as in `find_face`, and enlarged so far that a face of `min_width` is easily found.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: a `cshml_tf.alignment.detector.Detector`, or any object with the same `detect` method.
        min_width: width in pixels of the smallest face to look for.

    Returns:
        List of `Face` in pixels of `image`, highest score first; of two boxes that overlap, the one with the
        higher score.

    Raises:
        ValueError: the image has the wrong shape or type.
    """
    check_pixels(image, "image")
    found = list(detector.detect(image))
    scale = min(EASILY_FOUND / min_width, LARGEST_SCALE)
    if scale > 1:
        height, width = image.shape[:2]
        top, left = (min(round(_PADDING * side), _LONGEST_PADDING) for side in (height, width))
        padded = cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_REPLICATE)
        size = round(padded.shape[1] * scale), round(padded.shape[0] * scale)
        enlarged = cv2.resize(padded, size, interpolation=cv2.INTER_CUBIC)
        in_original = (to_original(face, scale, left, top) for face in detector.detect(enlarged))
        found += [face for face in in_original if _is_inside(face, width, height)]
    return distinct(found)


def distinct(faces: Iterable[Face]) -> list[Face]:
    """Return faces without doubles, highest score first; of two boxes that overlap, the higher score stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda each: -each.score):
        if all(_overlap(face, other) < _SAME_FACE for other in kept):
            kept.append(face)
    return kept


def _overlap(face: Face, other: Face) -> float:
    """Return the area that two boxes share, as a part of the smaller one: 0..1."""
    across = min(face.x + face.width, other.x + other.width) - max(face.x, other.x)
    down = min(face.y + face.height, other.y + other.height) - max(face.y, other.y)
    smaller = min(face.width * face.height, other.width * other.height)
    return max(across, 0.0) * max(down, 0.0) / smaller if smaller > 0 else 0.0
