"""Faces too small for the detector, with a detector that finds white squares of at least a certain size."""

import numpy as np
import pytest

from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.small_faces import find_all_faces, find_face


class SquareDetector:
    """Finds white squares at least 40 pixels wide that do not touch the border."""

    def __init__(self):
        self.shapes = []

    def detect(self, image):
        self.shapes.append(image.shape[:2])
        rows, columns = np.nonzero(image[..., 0] > 127)
        if not len(rows):
            return []
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        if right - left < 40 or top == 0 or left == 0 or (bottom, right) == image.shape[:2]:
            return []
        corners = [(left, top), (right - 1, top), (left, bottom - 1), (right - 1, bottom - 1)]
        landmarks = np.array([*corners, ((left + right - 1) / 2, (top + bottom - 1) / 2)], float)
        return [Face(left, top, right - left, bottom - top, 0.9, landmarks)]


def picture(size, square):
    """Draw a black picture with a white square; `square` is (top, left, side)."""
    pixels = np.zeros((*size, 3), np.uint8)
    top, left, side = square
    pixels[top : top + side, left : left + side] = 255
    return pixels


def test_a_large_face_is_found_in_the_picture_itself():
    face, enlarged = find_face(picture((100, 90), (20, 30, 44)), SquareDetector())
    assert face is not None
    assert (face.x, face.y, face.width, enlarged) == (30, 20, 44, False)


def test_a_small_face_is_found_enlarged_and_returned_in_pixels_of_the_picture():
    detector = SquareDetector()
    face, enlarged = find_face(picture((40, 30), (12, 9, 10)), detector)
    assert enlarged and face is not None
    # Half of each side is added at either end, and the shorter side is enlarged to 320, or 8 times at most.
    assert detector.shapes == [(40, 30), (427, 320)]
    box = np.array([face.x, face.y, face.width, face.height])
    assert np.abs(box - [9, 12, 10, 10]).max() < 0.5
    # The centres of the corner pixels; an enlarged edge lies midway between the centres of two pixels.
    assert np.abs(face.landmarks[0] - [9, 12]).max() < 0.6
    assert np.abs(face.landmarks[4] - [13.5, 16.5]).max() < 0.1


def test_a_face_in_the_padding_is_ignored():
    class PaddingDetector:
        """Finds nothing in the picture, then one face in a corner of the padding and perhaps one in the middle."""

        def __init__(self, middle_too):
            self.faces = [Face(0, 0, 90, 90, 0.9, np.zeros((5, 2)))]
            self.faces += [Face(110, 110, 80, 80, 0.9, np.full((5, 2), 150.0))] if middle_too else []

        def detect(self, image):
            return self.faces if image.shape[0] == 320 else []

    square = np.zeros((40, 40, 3), np.uint8)
    assert find_face(square, PaddingDetector(middle_too=False)) == (None, True)
    face, _ = find_face(square, PaddingDetector(middle_too=True))
    assert face is not None
    # Four times enlarged, 20 pixels of padding.
    assert (face.x, face.width) == (7.5, 20) and np.abs(face.landmarks - 17.125).max() < 1e-9


def test_a_large_picture_is_shrunk_before_it_is_padded():
    """1600 x 1200 becomes 800 x 600 and, with half of each side at either end, 1600 x 1200 again."""

    class SecondLookDetector:
        def __init__(self):
            self.shapes = []

        def detect(self, image):
            self.shapes.append(image.shape[:2])
            found = Face(400, 500, 200, 240, 0.9, np.full((5, 2), 500.0))
            return [found] if len(self.shapes) == 2 else []

    detector = SecondLookDetector()
    face, enlarged = find_face(np.zeros((1600, 1200, 3), np.uint8), detector)
    assert enlarged and face is not None and detector.shapes == [(1600, 1200)] * 2
    # Padded by 300 and 400 pixels, and shrunk to half.
    assert (face.x, face.y, face.width, face.height) == (200, 200, 400, 480)
    np.testing.assert_allclose(face.landmarks, np.tile([400.5, 200.5], (5, 1)))


def test_no_face_and_bad_pictures():
    assert find_face(np.zeros((20, 20, 3), np.uint8), SquareDetector()) == (None, True)
    with pytest.raises(ValueError, match="image: expected"):
        find_face(np.zeros((20, 20), np.uint8), SquareDetector())


class BoxesByScale:
    """Finds a face of 30 x 30 pixels at a place of the original, where the picture it sees makes it that large."""

    def __init__(self, *faces):
        """Take (x, y, width, score) of the faces in pixels of the original picture."""
        self.faces = faces
        self.seen = []

    def detect(self, image):
        self.seen.append(image.shape)
        scale = 1 if image.shape[0] <= 100 else image.shape[0] / 200
        border = 0 if image.shape[0] <= 100 else 50
        return [
            Face(
                (x + border) * scale,
                (y + border) * scale,
                width * scale,
                width * scale,
                score,
                (np.tile([[x + border + 0.5, y + border + 0.5]], (5, 1))) * scale - 0.5,
            )
            for x, y, width, score in self.faces
            if width * scale >= 20
        ]


def test_all_faces_small_ones_in_an_enlarged_copy():
    """The picture of 100 x 100 is padded by 50 pixels per side and enlarged by 40 / 10 = 4: to 800 x 800."""
    detector = BoxesByScale((10, 20, 40, 0.9), (70, 60, 10, 0.95), (80, 5, 6, 0.99), (2, 80, 4, 0.99))
    faces = find_all_faces(np.zeros((100, 100, 3), np.uint8), detector, min_width=10)
    assert detector.seen == [(100, 100, 3), (800, 800, 3)]
    found = [(round(face.x, 6), round(face.y, 6), round(face.width, 6), face.score) for face in faces]
    assert found == [(80, 5, 6, 0.99), (70, 60, 10, 0.95), (10, 20, 40, 0.9)]
    np.testing.assert_allclose(faces[1].landmarks, np.tile([[70, 60]], (5, 1)))


def test_a_wide_min_width_needs_no_copy():
    detector = BoxesByScale((10, 20, 40, 0.9))
    assert len(find_all_faces(np.zeros((100, 100, 3), np.uint8), detector, min_width=40)) == 1
    assert detector.seen == [(100, 100, 3)]


def test_of_overlapping_boxes_the_likelier_one_stays():
    """Half of the smaller box of 30 x 30 lies in the other one; a third does not count as the same face."""
    image = np.zeros((100, 100, 3), np.uint8)
    same = find_all_faces(image, BoxesByScale((10, 10, 40, 0.8), (35, 10, 30, 0.9)), min_width=40)
    assert [face.score for face in same] == [0.9]
    apart = find_all_faces(image, BoxesByScale((10, 10, 40, 0.8), (40, 10, 30, 0.9)), min_width=40)
    assert [face.score for face in apart] == [0.9, 0.8]
