"""Finding a face that is too small for the detector, or fills the picture: pad, enlarge, look again."""

import dataclasses

import cv2

from cshml_tf.alignment.detector import rank_faces
from cshml_tf.images import check_pixels

# Pixels of the shorter side of the padded picture that is searched.
_ENLARGED = 320
# Of each side of the picture, on either end.
_PADDING = 0.5
_LARGEST_SCALE = 8


def find_face(image, detector):
    """Find the most prominent face of a picture, in an enlarged copy where there is none in the picture itself.

    MTCNN knows no face under 20 pixels, and loses those that touch the border. So the picture's own border pixels
    are continued on all sides, and the whole is enlarged bicubically.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: a `cshml_tf.alignment.detector.Detector`, or anything with its `detect`.

    Returns:
        (face, enlarged): a `cshml_tf.alignment.detector.Face` in pixels of `image`, or None; and whether it
        took the enlarged copy to find it.

    Raises:
        ValueError: the image is of another kind.
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
    moved = (_moved_back(face, scale, left, top) for face in faces)
    # The continued border can look like a face too.
    return next((face for face in moved if _is_inside(face, width, height)), None), True


def _is_inside(face, width, height):
    centre_x, centre_y = face.x + face.width / 2, face.y + face.height / 2
    return 0 <= centre_x <= width and 0 <= centre_y <= height


def _moved_back(face, scale, left, top):
    return dataclasses.replace(
        face,
        x=face.x / scale - left,
        y=face.y / scale - top,
        width=face.width / scale,
        height=face.height / scale,
        # Both pictures' coordinates count from the middle of the first pixel.
        landmarks=(face.landmarks + 0.5) / scale - 0.5 - [left, top],
    )
