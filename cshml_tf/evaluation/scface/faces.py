"""SCface's images as aligned faces, each with a note of how it was aligned."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from cshml_tf.alignment.crops import align_face, center_crop
from cshml_tf.alignment.small_faces import find_face
from cshml_tf.data.scface import image_name
from cshml_tf.images import UnreadableImage, read_image, write_image

LANDMARKS, MTCNN, NONE = ALIGNMENTS = ("landmarks", "mtcnn", "none")
ENLARGED, CENTER, UNREADABLE = "mtcnn, enlarged", "center", "unreadable"


class AlignedFaces(NamedTuple):
    """Faces in the order of the images they were made of.

    Attributes:
        images: list of the `cshml_tf.data.scface.ScFaceImage` of each face.
        people: (faces,) int64.
        pixels: (faces, height, width, 3) uint8.
        found: dict of every image's name to how it was aligned: "landmarks", "mtcnn", "mtcnn, enlarged" (in a
            padded and enlarged copy), "center" (the middle of the picture), "none" (it came aligned), or
            "unreadable", which has no face here.
    """

    images: list
    people: np.ndarray
    pixels: np.ndarray
    found: dict


def align_images(images, image_size, alignment="landmarks", detector=None, progress=iter):
    """Align images by the data set's own landmarks or by the detector; where one fails, the other is tried.

    Where both fail the middle of the picture is taken. Landmarks outside the picture belong to another one, such
    as a photograph before it was cropped, and count as failed.

    Args:
        images: list of `cshml_tf.data.scface.ScFaceImage`.
        image_size: (height, width) of the crops, pixels.
        alignment: "landmarks" or "mtcnn", which is tried first; "none" for images that are aligned crops.
        detector: a `cshml_tf.alignment.detector.Detector`, or anything with its `detect`; not needed for "none".
        progress: wraps the list of images, such as `tqdm`.

    Returns:
        `AlignedFaces`.

    Raises:
        ValueError: another alignment; or with "none", an image of another size.
    """
    if alignment not in ALIGNMENTS:
        raise ValueError(f"alignment: expected one of {', '.join(ALIGNMENTS)}, got {alignment!r}")
    aligned, pixels, found = [], [], {}
    for image in progress(images):
        name = image_name(image.person, image.camera, image.distance)
        try:
            picture = read_image(image.path)
        except UnreadableImage:
            found[name] = UNREADABLE
            continue
        if alignment == NONE:
            _check_size(picture, image_size, image.path)
            crop, found[name] = picture, NONE
        else:
            crop, found[name] = _align(picture, image.landmarks, image_size, alignment, detector)
        aligned.append(image)
        pixels.append(crop)
    empty = np.empty((0, *image_size, 3), np.uint8)
    people = np.array([image.person for image in aligned], np.int64)
    return AlignedFaces(aligned, people, np.stack(pixels) if pixels else empty, found)


def write_faces(faces, root, output_dir):
    """Write aligned faces as PNG in the folders of the data set, to look at or to read again as aligned.

    Args:
        faces: `AlignedFaces`.
        root: folder of the data set that the images come from.
        output_dir: made where it is absent.
    """
    for image, pixels in zip(faces.images, faces.pixels, strict=True):
        path = Path(output_dir) / image.path.relative_to(root).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, pixels)


def _align(picture, landmarks, image_size, first, detector):
    order = (LANDMARKS, MTCNN) if first == LANDMARKS else (MTCNN, LANDMARKS)
    for way in order:
        if way == LANDMARKS and _are_usable(landmarks, picture):
            return align_face(picture, landmarks, image_size), LANDMARKS
        if way == MTCNN:
            face, enlarged = find_face(picture, detector)
            if face is not None:
                return align_face(picture, face.landmarks, image_size), ENLARGED if enlarged else MTCNN
    return center_crop(picture, image_size), CENTER


def _are_usable(landmarks, picture):
    """Say whether landmarks lie within a picture, the eyes apart and the mouth below them."""
    if landmarks is None:
        return False
    height, width = picture.shape[:2]
    inside = (landmarks >= -0.5).all() and (landmarks <= [width - 0.5, height - 0.5]).all()
    left_eye, right_eye, _, mouth = landmarks
    return bool(inside and right_eye[0] - left_eye[0] > 1 and mouth[1] - (left_eye[1] + right_eye[1]) / 2 > 1)


def _check_size(picture, image_size, path):
    if picture.shape[:2] != tuple(image_size):
        height, width = image_size
        raise ValueError(
            f"{path}: expected an aligned face of {height} x {width} (height x width), got "
            f"{picture.shape[0]} x {picture.shape[1]}; alignment landmarks or mtcnn makes one"
        )
