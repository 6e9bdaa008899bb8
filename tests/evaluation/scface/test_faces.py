"""SCface's images aligned: which method is tried first, and the fallbacks."""

import dataclasses

import numpy as np
import pytest

from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template, template_of_four
from cshml_tf.data.scface import ScFaceImage
from cshml_tf.evaluation.scface.faces import align_images, write_faces
from cshml_tf.images import read_image, write_image

SIZE = (48, 40)
# The four points of a picture that is already the crop.
IN_PLACE = template_of_four(SIZE)


class FakeDetector:
    """A detector that finds a face with the template's landmarks in pictures that are wide enough."""

    def __init__(self, least_width):
        self.least_width = least_width

    def detect(self, image):
        height, width = image.shape[:2]
        if width < self.least_width:
            return []
        landmarks = template(SIZE) * [width / SIZE[1], height / SIZE[0]]
        return [Face(0.25 * width, 0.25 * height, 0.5 * width, 0.5 * height, 0.9, landmarks)]


NOTHING_FOUND, ALL_FOUND, ENLARGED_FOUND = FakeDetector(10_000), FakeDetector(0), FakeDetector(100)


@pytest.fixture
def image(tmp_path):
    """A probe with its four points in place, of random pixels."""
    path = tmp_path / "distance_1" / "cam_1" / "007_cam1_1.jpg.png"
    path.parent.mkdir(parents=True)
    write_image(path, np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8))
    return ScFaceImage(7, 1, 1, path, IN_PLACE)


def found(image, alignment, detector):
    faces = align_images([image], SIZE, alignment, detector)
    assert faces.people.tolist() == [7] and faces.pixels.shape == (1, *SIZE, 3)
    return faces.found["007_cam1_1"]


def test_each_way_is_tried_first_and_falls_back_to_the_other(image):
    without = dataclasses.replace(image, landmarks=None)
    assert found(image, "landmarks", None) == "landmarks"
    assert found(without, "landmarks", ALL_FOUND) == "mtcnn"
    assert found(without, "landmarks", ENLARGED_FOUND) == "mtcnn, enlarged"
    assert found(image, "mtcnn", ALL_FOUND) == "mtcnn"
    assert found(image, "mtcnn", NOTHING_FOUND) == "landmarks"
    assert found(without, "mtcnn", NOTHING_FOUND) == "center"
    with pytest.raises(ValueError, match="detector: expected a face detector, .* got None"):
        align_images([without], SIZE)


def test_landmarks_in_place_leave_the_picture_unchanged(image):
    faces = align_images([image], SIZE)
    assert np.abs(faces.pixels[0].astype(int) - read_image(image.path)).max() <= 1


@pytest.mark.parametrize(
    "landmarks",
    [
        IN_PLACE + [30, 0],
        IN_PLACE - [0, 30],
        IN_PLACE[[1, 0, 2, 3]],
        np.full((4, 2), 10.0),
        # Upside down.
        [0, SIZE[0] - 1] + IN_PLACE * [1, -1],
    ],
)
def test_landmarks_of_another_picture_are_not_used(image, landmarks):
    assert found(dataclasses.replace(image, landmarks=landmarks), "landmarks", ALL_FOUND) == "mtcnn"


def test_aligned_faces_are_written_where_they_came_from_and_read_again(image, tmp_path):
    faces = align_images([image], SIZE)
    write_faces(faces, tmp_path, tmp_path / "crops")
    written = tmp_path / "crops" / "distance_1" / "cam_1" / "007_cam1_1.jpg.png"
    again = align_images([dataclasses.replace(image, path=written, landmarks=None)], SIZE, "none")
    assert np.array_equal(again.pixels, faces.pixels) and again.found == {"007_cam1_1": "none"}


def test_unreadable_and_odd_images(image, tmp_path):
    image.path.write_bytes(image.path.read_bytes()[:60])
    faces = align_images([image], SIZE)
    assert faces.found == {"007_cam1_1": "unreadable"} and faces.pixels.shape == (0, *SIZE, 3)
    write_image(tmp_path / "small.png", np.zeros((9, 9, 3), np.uint8))
    small = dataclasses.replace(image, path=tmp_path / "small.png")
    with pytest.raises(ValueError, match="small.png: expected an aligned face of 48 x 40 .* got 9 x 9"):
        align_images([small], SIZE, "none")
    with pytest.raises(ValueError, match="alignment: expected one of landmarks, mtcnn, none, got 'box'"):
        align_images([], SIZE, "box")
