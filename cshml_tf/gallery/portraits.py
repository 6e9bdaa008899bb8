"""From photographs to the faces to enrol or to identify, or the reason why there is none."""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cshml_tf.alignment.crops import align_face
from cshml_tf.alignment.detector import SMALLEST_FACE, Face, FaceDetector
from cshml_tf.alignment.geometry import similarity, template
from cshml_tf.alignment.small_faces import find_all_faces
from cshml_tf.files import read_bytes
from cshml_tf.images import UnreadableImage, decode_image
from cshml_tf.layers import fit_to_size

# A larger file is no photograph.
_MOST_BYTES = 2**30


class Refused(ValueError):
    """A photograph that yields no portrait; the message is the reason, without the path."""


@dataclass(frozen=True)
class CroppedFace:
    """A face of a picture, cut out for the networks.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, the networks' size.
        width: of the crop, in pixels of the picture.
        detector_score: 0..1; None for a picture that was a crop already.
        box: (x, y, width, height) of the detector's box in pixels of the picture; the whole picture for a crop.
    """

    pixels: np.ndarray
    width: float
    detector_score: float | None
    box: tuple[float, float, float, float]


def read_photograph(path: str | os.PathLike[str]) -> tuple[np.ndarray, str]:
    """Read a photograph.

    Returns:
        (pixels, digest): (H, W, 3) uint8 RGB, and the SHA-256 of the file in hexadecimal.

    Raises:
        Refused: it cannot be read.
    """
    try:
        content = read_bytes(path, _MOST_BYTES)
        return decode_image(content), hashlib.sha256(content).hexdigest()
    except UnreadableImage as error:
        raise Refused(str(error)) from None
    except OSError as error:
        raise Refused(f"cannot open: {error.strerror}") from None
    except ValueError as error:
        # Its message names the file, which the caller does too.
        raise Refused(str(error).partition(": ")[2] or str(error)) from None


def crop_faces(
    image: np.ndarray, image_size: tuple[int, int], detector: FaceDetector | None, min_width: float | None = None
) -> list[CroppedFace]:
    """Cut out every face of a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: (height, width) of the crops.
        detector: None if the picture is a crop already.
        min_width: width in pixels of the smallest crop to look for, by enlarging the picture before detection as
            far as that needs; None detects in the picture as it is.

    Returns:
        The faces, the highest detector's score first. Narrower ones than `min_width` may be among them.
    """
    if detector is None:
        (fitted,) = np.asarray(fit_to_size(image[None], image_size))
        pixels = np.clip(np.rint(fitted), 0, 255).astype(np.uint8)
        height, width = image.shape[:2]
        return [CroppedFace(pixels, float(width), None, (0.0, 0.0, float(width), float(height)))]
    if min_width is None:
        faces = detector.detect(image) if min(image.shape[:2]) >= SMALLEST_FACE else []
    else:
        faces = find_all_faces(image, detector, min_width)
    return [cut_out(image, face, image_size) for face in faces]


def cut_out(image: np.ndarray, face: Face, image_size: tuple[int, int]) -> CroppedFace:
    """Cut out a face that the detector found.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: in pixels of `image`.
        image_size: (height, width) of the crop.
    """
    matrix = similarity(face.landmarks, template(image_size))
    width = image_size[1] / math.hypot(matrix[0, 0], matrix[1, 0])
    box = face.x, face.y, face.width, face.height
    return CroppedFace(align_face(image, face.landmarks, image_size), width, face.score, box)


def one_portrait(
    image: np.ndarray, image_size: tuple[int, int], detector: FaceDetector | None, min_width: float
) -> CroppedFace:
    """Cut out the one face of a portrait.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: (height, width) of the crop.
        detector: None if the picture is a crop already.
        min_width: the smallest width of a portrait's crop, pixels.

    Raises:
        Refused: there is no face, more than one, or too small a one.
    """
    faces = crop_faces(image, image_size, detector)
    if len(faces) != 1:
        raise Refused("no face found" if not faces else f"{len(faces)} faces found, expected one")
    if faces[0].width < min_width:
        raise Refused(f"the face is {faces[0].width:.1f} pixels wide, expected {min_width:g} or more")
    return faces[0]


def in_batches(items: Sequence, size: int) -> Iterator[Sequence]:
    """Yield consecutive parts of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))
