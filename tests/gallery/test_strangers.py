"""Strangers whose faces are small in their pictures, and what can never calibrate a gallery."""

import cv2
import numpy as np
import pytest
from drawn import SIZE

from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template
from cshml_tf.gallery.enrolment import Entry, enrol
from cshml_tf.gallery.strangers import check_strangers, read_strangers, score_native_strangers, score_strangers

RED, GREEN, BLUE, ORANGE = (230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 60, 20)


def paint(path, colour, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.tile(np.uint8(colour[::-1]), (*size, 1)))
    return path


def cosine(one, other):
    one, other = ((np.array(each) - 127.5) / 128 for each in (one, other))
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


@pytest.fixture
def enrolled(file_gallery, networks, tmp_path):
    """A gallery of Ann, who is red."""
    entries = [Entry("Ann", paint(tmp_path / "ann.png", RED))]
    assert [each.status for each in enrol(file_gallery, networks, entries, None, 20)] == ["enrolled"]
    return file_gallery


def test_each_face_is_scored_at_the_view_that_its_width_suits(enrolled, networks, tmp_path):
    """Of 40, 12, 11 (nearest to 12), 8 and 5 pixels; the last is too narrow."""
    entries = [
        Entry("Cem", paint(tmp_path / "sharp.png", ORANGE)),
        Entry("Cem", paint(tmp_path / "12.png", GREEN, (14, 12))),
        Entry("Dora", paint(tmp_path / "11.png", BLUE, (13, 11))),
        Entry("Eve", paint(tmp_path / "8.png", ORANGE, (10, 8))),
        Entry("Eve", paint(tmp_path / "5.png", ORANGE, (6, 5))),
        Entry("Ann", paint(tmp_path / "other.png", RED, (10, 8))),
    ]
    found = score_native_strangers(enrolled, networks, entries, None, 7)
    expected = {
        "HR": [cosine(ORANGE, RED)],
        "8": [cosine(ORANGE, RED)],
        "12": [cosine(GREEN, RED), cosine(BLUE, RED)],
    }
    for kind, scores in expected.items():
        np.testing.assert_allclose(found.scores[kind], scores, atol=0.01)
    assert (found.people, found.people_of) == (3, {"HR": 1, "8": 1, "12": 2})
    assert [reason for _, reason in found.left_out] == [
        "the face is 5.0 pixels wide, expected 7 or more",
        "this person is enrolled",
    ]
    # The same photographs as sharp ones: each counts at every view, or is too narrow.
    reduced = score_strangers(enrolled, networks, entries, None, 20)
    assert [len(scores) for scores in reduced.scores.values()] == [1, 1, 1]


class TwoFaces:
    """A detector that finds two faces of 12 pixels in a picture of 100, and in an enlarged copy of it."""

    def detect(self, image):
        zoom = image.shape[1] / 100
        return [
            Face(zoom * x, zoom * x, zoom * 12, zoom * 14.4, 0.9, (template(SIZE) * 0.3 + [x, x]) * zoom)
            for x in (5, 50)
        ]


def test_all_faces_of_a_picture_are_used(enrolled, networks, tmp_path):
    entries = [Entry("Cem", paint(tmp_path / "two.png", GREEN, (100, 100)))]
    found = score_native_strangers(enrolled, networks, entries, TwoFaces(), 7)
    assert {kind: len(scores) for kind, scores in found.scores.items()} == {"HR": 0, "8": 0, "12": 2}
    assert found.people == 1


def test_only_kinds_with_faces_enough_are_calibrated(enrolled, networks, tmp_path):
    entries = [Entry(str(n), paint(tmp_path / f"{n}.png", (9 * n, 90, 90), (14, 12))) for n in range(4)]
    found = score_native_strangers(enrolled, networks, entries, None, 7)
    scores, lines = found.supporting(0.25)
    assert set(scores) == {"12"} and len(lines) == 2
    with pytest.raises(
        ValueError, match="fpir: expected a rate that the strangers' faces support, got 0.2; .*25.00%"
    ):
        found.supporting(0.2)


def test_a_folder_of_photographs_shows_one_stranger_each(tmp_path):
    paint(tmp_path / "camera" / "a.png", RED)
    paint(tmp_path / "camera" / "b.png", GREEN)
    (tmp_path / "camera" / ".cache").mkdir()
    folder = tmp_path / "camera"
    assert read_strangers(folder) == [Entry("a.png", folder / "a.png"), Entry("b.png", folder / "b.png")]
    # macOS writes letters and their accents apart; the gallery has them together.
    picture = tmp_path / "people" / "Jose\u0301" / "1.png"
    paint(picture, RED)
    assert read_strangers(tmp_path / "people") == [Entry("Jos\u00e9", picture)]
    with pytest.raises(ValueError, match="expected a folder with a folder per person, or a CSV with the heading"):
        read_strangers(picture)


def test_what_can_never_calibrate_is_refused_before_any_face_is_searched_for(enrolled, tmp_path, file_gallery):
    """The files do not even exist."""
    entries = [Entry("Ann", tmp_path / "0.png"), *(Entry(str(n), tmp_path / f"{n}.png") for n in range(1, 5))]
    check_strangers(enrolled, entries, 0.25)
    with pytest.raises(
        ValueError, match="fpir: expected 0.25 or more, .* 4 photographs of .*; for 0.2, 5 are needed"
    ):
        check_strangers(enrolled, entries, 0.2)
    enrolled.remove("Ann")
    with pytest.raises(ValueError, match="expected enrolled people, whom strangers are compared with, got none"):
        check_strangers(enrolled, entries, 0.5)
