"""Find a face that is too small for the detector or fills the whole picture: pad, enlarge, detect again."""

import dataclasses

import cv2
import numpy as np

from cshml_tf.alignment.detector import Face, FaceDetector, rank_faces
from cshml_tf.images import check_pixels

# Pixels of the shorter side of the padded and enlarged picture.
_ENLARGED = 320
# Fraction of a side that is added at either end of it.
_PADDING = 0.5
_LARGEST_SCALE = 8


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
    check_pixels(image, "image")
    faces = rank_faces(detector.detect(image), *image.shape[:2])
    if faces:
        return faces[0], False
    height, width = image.shape[:2]
    top, left = round(_PADDING * height), round(_PADDING * width)
    padded = cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_REPLICATE)
    scale = min(max(_ENLARGED / min(padded.shape[:2]), 1.0), _LARGEST_SCALE)
    size = round(padded.shape[1] * scale), round(padded.shape[0] * scale)
    enlarged = cv2.resize(padded, size, interpolation=cv2.INTER_CUBIC)
    faces = rank_faces(detector.detect(enlarged), *enlarged.shape[:2])
    in_original = (_to_original(face, scale, left, top) for face in faces)
    # The padded border can look like a face too.
    return next((face for face in in_original if _is_inside(face, width, height)), None), True


def _is_inside(face: Face, width: int, height: int) -> bool:
    centre_x, centre_y = face.x + face.width / 2, face.y + face.height / 2
    return 0 <= centre_x <= width and 0 <= centre_y <= height


def _to_original(face: Face, scale: float, left: int, top: int) -> Face:
    """Convert a face of the padded and enlarged copy to pixels of the original picture."""
    return dataclasses.replace(
        face,
        x=face.x / scale - left,
        y=face.y / scale - top,
        width=face.width / scale,
        height=face.height / scale,
        # In both pictures, coordinates count from the centre of the first pixel.
        landmarks=(face.landmarks + 0.5) / scale - 0.5 - [left, top],
    )
