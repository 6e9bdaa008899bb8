"""From one image to crops, with a detector that finds what the test puts there."""

import numpy as np
import pytest

from cshml_tf.alignment.crops import align_face, align_image, box_crop, center_crop
from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template


class KnownFaces:
    """A detector that finds the same faces in every image."""

    def __init__(self, *faces):
        self.faces = list(faces)

    def detect(self, image):
        return self.faces


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (200, 240, 3)).astype(np.uint8)


def face_at(x, y, scale=1.0):
    """Return a face whose 112 x 96 crop begins at x, y of the image, at `scale` image pixels per crop pixel."""
    return Face(x, y, 96 * scale, 112 * scale, 0.9, template((112, 96)) * scale + [x, y])


def test_align_face_puts_landmarks_on_the_template(image):
    crop = align_face(image, template((112, 96)) + [50, 30], (112, 96))
    np.testing.assert_array_equal(crop, image[30:142, 50:146])


def test_align_face_turns_an_upside_down_face_upright(image):
    """A half turn of the template's crop takes (x, y) from (95 - x, 111 - y)."""
    crop = align_face(image, [95, 111] - template((112, 96)), (112, 96))
    np.testing.assert_array_equal(crop, image[:112, :96][::-1, ::-1])


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.ones((4, 2))])
def test_align_face_rejects_unusable_landmarks(image, landmarks):
    with pytest.raises(ValueError):
        align_face(image, landmarks)


def test_center_crop_takes_the_largest_part_of_the_crop_shape(image):
    """Of 200 x 240 at 112:96 the part is 200 x 171, from column (240 - 171) // 2 = 34."""
    image[:, :34], image[:, 205:] = 0, 0
    image[:, 34:205] = 200
    assert (center_crop(image, (112, 96)) == 200).all()
    wide = center_crop(image, (50, 240))  # 200 x 240 at 50:240 is 50 x 240, unscaled
    np.testing.assert_array_equal(wide, image[75:125])


def test_center_crop_grows_small_images():
    small = np.full((7, 6, 3), 77, np.uint8)
    np.testing.assert_array_equal(center_crop(small, (112, 96)), np.full((112, 96, 3), 77))


def test_box_crop_is_facenets(image):
    """Box 40 x 50 at (30, 20) with a margin of 20: columns 20 to 80, rows 10 to 80, within the image."""
    face = Face(30, 20, 40, 50, 0.9, template((112, 96)))
    np.testing.assert_array_equal(box_crop(image, face, 20, (70, 60)), image[10:80, 20:80])
    np.testing.assert_array_equal(box_crop(image, face, 80, (110, 110)), image[0:110, 0:110])
    (aligned,) = align_image(image, KnownFaces(face), (70, 60), box_margin=20).faces
    np.testing.assert_array_equal(aligned.crop, image[10:80, 20:80])


def test_box_crop_of_a_box_beyond_the_image(image):
    beyond = Face(400, 300, 40, 50, 0.9, template((112, 96)))
    assert (box_crop(image, beyond, 0, (4, 4)) == image[-1, -1]).all()


def test_one_face_is_chosen_by_the_rule(image):
    aside, central = face_at(0, 0), face_at(70, 40)
    result = align_image(image, KnownFaces(aside, central))
    assert (result.status, result.detected) == ("aligned", 2)
    (aligned,) = result.faces
    assert aligned.face is central
    np.testing.assert_array_equal(aligned.crop, image[40:152, 70:166])


def test_all_faces_come_most_prominent_first(image):
    aside, central = face_at(0, 0), face_at(70, 40)
    result = align_image(image, KnownFaces(aside, central), detect_multiple_faces=True)
    assert [aligned.face for aligned in result.faces] == [central, aside]
    np.testing.assert_array_equal(result.faces[1].crop, image[:112, :96])


def test_no_face(image):
    result = align_image(image, KnownFaces())
    assert (result.status, result.detected, result.faces) == ("no_face", 0, [])
    result = align_image(image, KnownFaces(), (50, 240), fallback="center")
    assert (result.status, result.detected) == ("center", 0)
    assert result.faces[0].face is None
    np.testing.assert_array_equal(result.faces[0].crop, image[75:125])


def test_unknown_fallback(image):
    with pytest.raises(ValueError, match="fallback: expected one of skip, center, got 'middle'"):
        align_image(image, KnownFaces(), fallback="middle")
