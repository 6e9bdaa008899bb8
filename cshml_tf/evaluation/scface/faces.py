"""SCface's images as aligned faces, each with a note on how it was aligned."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cshml_tf.alignment.crops import align_face, center_crop
from cshml_tf.alignment.detector import Detector
from cshml_tf.alignment.small_faces import find_face
from cshml_tf.data.scface import ScFaceImage, image_name
from cshml_tf.images import UnreadableImage, read_image, write_image

LANDMARKS, MTCNN, NONE = ALIGNMENTS = ("landmarks", "mtcnn", "none")
ENLARGED, CENTER, UNREADABLE = "mtcnn, enlarged", "center", "unreadable"


class AlignedFaces(NamedTuple):
    """Aligned faces, in the order of their images.

    Attributes:
        images: the image of each face.
        people: (faces,) int64.
        pixels: (faces, height, width, 3) uint8.
        found: how each image was aligned, by image name: "landmarks", "mtcnn", "mtcnn, enlarged" (found in a
            padded and enlarged copy), "center" (the middle of the picture), "none" (already aligned), or
            "unreadable", which has no face here.
    """

    images: list[ScFaceImage]
    people: np.ndarray
    pixels: np.ndarray
    found: dict[str, str]


def align_images(
    images: Iterable[ScFaceImage],
    image_size: tuple[int, int],
    alignment: str = "landmarks",
    detector: Detector | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> AlignedFaces:
    """Align images by the data set's landmarks or by the detector; where one fails, the other is tried.

    Where both fail, the middle of the picture is cropped. Landmarks outside the picture were made for a different
    version of it, such as the uncropped photograph, and count as a failure.

    Args:
        images: the images.
        image_size: (height, width) of the crops, pixels.
        alignment: which to try first, "landmarks" or "mtcnn"; "none" for images that are already aligned crops.
        detector: the face detector; not needed for "none", nor for images whose landmarks are usable.
        progress: wraps the images, such as `tqdm`.

    Returns:
        `AlignedFaces`.

    Raises:
        ValueError: the alignment is unknown, it is "none" and an image has another size, or a detector is needed
            and missing.
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


def write_faces(faces: AlignedFaces, root: str | Path, output_dir: str | Path) -> None:
    """Write aligned faces as PNG in the data set's folder structure, to view or to read again as aligned images.

    Args:
        faces: the aligned faces.
        root: folder of the data set that the images come from.
        output_dir: created if it does not exist.
    """
    for image, pixels in zip(faces.images, faces.pixels, strict=True):
        path = Path(output_dir) / image.path.relative_to(root).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, pixels)


def _align(
    picture: np.ndarray,
    landmarks: np.ndarray | None,
    image_size: tuple[int, int],
    first: str,
    detector: Detector | None,
) -> tuple[np.ndarray, str]:
    order = (LANDMARKS, MTCNN) if first == LANDMARKS else (MTCNN, LANDMARKS)
    for method in order:
        if method == LANDMARKS and landmarks is not None and _are_usable(landmarks, picture):
            return align_face(picture, landmarks, image_size), LANDMARKS
        if method == MTCNN:
            if detector is None:
                raise ValueError(
                    "detector: expected a face detector, because the landmarks are unusable, got None"
                )
            face, enlarged = find_face(picture, detector)
            if face is not None:
                return align_face(picture, face.landmarks, image_size), ENLARGED if enlarged else MTCNN
    return center_crop(picture, image_size), CENTER


def _are_usable(landmarks: np.ndarray, picture: np.ndarray) -> bool:
    """Return whether the landmarks lie inside the picture with the eyes apart and the mouth below them."""
    height, width = picture.shape[:2]
    inside = (landmarks >= -0.5).all() and (landmarks <= [width - 0.5, height - 0.5]).all()
    left_eye, right_eye, _, mouth = landmarks
    return bool(inside and right_eye[0] - left_eye[0] > 1 and mouth[1] - (left_eye[1] + right_eye[1]) / 2 > 1)


def _check_size(picture: np.ndarray, image_size: tuple[int, int], path: Path) -> None:
    if picture.shape[:2] != tuple(image_size):
        height, width = image_size
        raise ValueError(
            f"{path}: expected an aligned face of {height} x {width} (height x width), got "
            f"{picture.shape[0]} x {picture.shape[1]}; alignment landmarks or mtcnn crops one"
        )
