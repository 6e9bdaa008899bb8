"""MTCNN on drawn faces, whose landmarks are known."""

import dataclasses
import os
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest

from cshml_tf.alignment.detector import Detector, Face, rank_faces
from cshml_tf.data.synthetic import draw_photograph


@pytest.fixture(scope="module")
def detector():
    return Detector()


def landmark_error(face, landmarks):
    """Return the mean distance as a fraction of the distance between the eyes."""
    distances = np.linalg.norm(face.landmarks - landmarks, axis=1)
    return distances.mean() / np.linalg.norm(landmarks[0] - landmarks[1])


def test_faces_are_found_without_tensorflow_and_keras():
    code = (
        "import sys\n"
        "sys.modules.update(tensorflow=None, keras=None)\n"
        "from cshml_tf.alignment.detector import Detector\n"
        "from cshml_tf.data.synthetic import draw_photograph\n"
        "assert len(Detector().detect(draw_photograph(3, 1).pixels)) == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "KERAS_BACKEND": "jax"})


@pytest.fixture(scope="module")
def crowd():
    """Four drawn faces of different widths, and noise, in 451 x 533 pixels."""
    canvas = np.random.default_rng(0).integers(0, 255, (451, 533, 3)).astype(np.uint8)
    for number, (side, top, left) in enumerate(((250, 0, 0), (180, 251, 20), (120, 40, 300), (60, 330, 400))):
        face = draw_photograph(number, 1).pixels
        canvas[top : top + side, left : left + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return canvas


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the package needs TensorFlow")
def test_faces_are_those_of_the_package(detector, crowd):
    """The package's choice among boxes with equal scores depends on the machine; nearly all faces have none."""
    from mtcnn import MTCNN

    package, distances = MTCNN(), []
    photographs = [draw_photograph(identity, 1).pixels for identity in range(8)]
    for pixels in (*photographs, crowd, photographs[0][:, 11:198]):
        rows = package.detect_faces([pixels.astype(np.float32)], output_type="numpy", threshold_onet=0.7)
        rows = rows[np.argsort(-rows[:, 5], kind="stable")]
        faces = detector.detect(pixels)
        assert len(faces) == len(rows)
        for face, row in zip(faces, rows, strict=True):
            np.testing.assert_allclose([face.x, face.y, face.width, face.height], row[1:5], atol=5)
            assert abs(face.score - row[5]) < 0.02
            distances.append(np.linalg.norm(face.landmarks - row[6:16].reshape(2, 5).T, axis=1).mean())
    assert len(distances) >= 10 and np.mean(distances) < 0.5 and np.median(distances) < 0.01


def test_the_number_of_threads_decides_nothing(detector, crowd):
    faces, same_faces = (Detector(threads=threads).detect(crowd) for threads in (1, 3))
    assert len(faces) >= 3 and len(faces) == len(same_faces)
    for face, same_face in zip(faces, same_faces, strict=True):
        np.testing.assert_array_equal(face.landmarks, same_face.landmarks)
        assert dataclasses.astuple(face)[:5] == dataclasses.astuple(same_face)[:5]


def test_smaller_faces_than_min_face_are_left_out(detector, crowd):
    widths = sorted(face.width for face in detector.detect(crowd))
    larger = sorted(face.width for face in Detector(min_face=50).detect(crowd))
    assert widths[0] < 40 < widths[-1]
    np.testing.assert_allclose(larger, [width for width in widths if width > 50], atol=6)
    for wrong in (11, 0, float("nan")):
        with pytest.raises(ValueError, match="min_face: expected 12 or more, got"):
            Detector(min_face=wrong)


def test_finds_drawn_faces_and_their_landmarks(detector):
    found = 0
    for identity in range(12):
        photograph = draw_photograph(identity, 1)
        faces = detector.detect(photograph.pixels)
        found += len(faces) == 1 and landmark_error(faces[0], photograph.landmarks) < 0.12
    assert found >= 9


def test_face_is_in_pixels_of_the_image(detector):
    """A face enlarged twice and shifted by (40, 60) is found there, whatever the longest side of detection."""
    photograph = draw_photograph(3, 1)
    canvas = np.full((620, 700, 3), 127, np.uint8)
    canvas[60:560, 40:540] = cv2.resize(photograph.pixels, (500, 500), interpolation=cv2.INTER_CUBIC)
    landmarks = 2 * (photograph.landmarks + 0.5) - 0.5 + [40, 60]
    bounded = Detector(longest_side=300)
    for one in (detector, bounded):
        (face,) = one.detect(canvas)
        assert landmark_error(face, landmarks) < 0.12
        assert face.x < landmarks[:, 0].min() and face.x + face.width > landmarks[:, 0].max()
        assert face.y < landmarks[:, 1].min() and face.y + face.height > landmarks[:, 1].max()
        assert 0.7 < face.score <= 1


def test_detection_does_not_depend_on_what_came_before(detector):
    pictures = [draw_photograph(identity, 2).pixels for identity in range(4)]
    first = [detector.detect(picture) for picture in pictures]
    again = [detector.detect(picture) for picture in reversed(pictures)][::-1]
    for faces, same_faces in zip(first, again, strict=True):
        assert [face.score for face in faces] == [face.score for face in same_faces]
        for face, same_face in zip(faces, same_faces, strict=True):
            np.testing.assert_array_equal(face.landmarks, same_face.landmarks)


@pytest.mark.parametrize("shape", [(250, 250), (1, 1), (11, 200), (12, 12), (20, 20), (20, 5000), (25, 30)])
def test_no_face(detector, shape):
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


@pytest.mark.parametrize(
    "image",
    [
        "photograph.jpg",
        None,
        np.zeros((50, 50), np.uint8),
        np.zeros((50, 50, 4), np.uint8),
        np.zeros((50, 50, 3), np.float32),
        np.full((50, 50, 3), np.nan),
        np.zeros((0, 50, 3), np.uint8),
    ],
)
def test_other_input_is_an_error(detector, image):
    """For most of these, the package itself returns no face and raises no error."""
    with pytest.raises(ValueError, match=r"image: expected an \(H, W, 3\) uint8 array, got"):
        detector.detect(image)


def make_face(x, y, side):
    return Face(x, y, side, side, 0.9, np.zeros((5, 2)))


def test_rank_faces_by_hand():
    """In 200 x 100: 400 - 2 x 0; 900 - 2 x 15 x 15; 1600 - 2 x (80 x 80 + 30 x 30)."""
    central, larger, corner = make_face(90, 40, 20), make_face(100, 35, 30), make_face(0, 0, 40)
    assert rank_faces([corner, central, larger], image_height=100, image_width=200) == [larger, central, corner]
    nearer = make_face(86, 35, 30)  # 900 - 2 x 1
    assert rank_faces([larger, nearer], 100, 200) == [nearer, larger]
