"""Small faces in large frames: found enlarged, once each, and searched for again only where a frame changed."""

import numpy as np
import pytest
from watch.conftest import STRANGER, Squares, draw

from cshml_tf.watch.finding import FaceFinder


def boxes(faces):
    """Return x, y, width of each face, by x, in whole pixels."""
    return sorted((round(face.x), round(face.y), round(face.width)) for face in faces)


def test_a_small_face_is_found_in_pixels_of_the_frame():
    # The detector finds nothing below 20 pixels.
    frame = draw((STRANGER, 100, 60, 10), (STRANGER, 30, 50, 40))
    assert boxes(Squares().detect(frame)) == [(30, 50, 40)]
    assert boxes(FaceFinder(Squares(), 10).find(frame)) == [(30, 50, 40), (100, 60, 10)]


@pytest.mark.parametrize("left", range(300, 420, 7))
def test_a_face_where_tiles_meet_is_found_once(left):
    # At four times the size, a tile holds 320 pixels of the frame.
    frame = draw((STRANGER, left, 100, 12), shape=(200, 720))
    assert boxes(FaceFinder(Squares(), 10).find(frame)) == [(left, 100, 12)]


@pytest.mark.parametrize("width", [12, 30, 47, 48, 49, 100, 180])
def test_a_face_of_any_width_is_found_once(width):
    frame = draw((STRANGER, 40, 30, width), shape=(300, 400))
    found = FaceFinder(Squares(), 10).find(frame)
    assert np.abs(np.array(boxes(found)) - [(40, 30, width)]).max() <= max(1, width // 40)


def test_what_stands_still_is_not_searched_again():
    detector = Squares()
    finder = FaceFinder(detector, 10)
    frame = draw((STRANGER, 40, 60, 12), (STRANGER, 600, 60, 12), shape=(240, 720))
    rng = np.random.default_rng(0)
    assert len(finder.find(frame)) == 2
    whole, detector.searched = detector.searched, 0
    # A camera's noise is no change.
    noisy = np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
    assert boxes(finder.find(noisy)) == [(40, 60, 12), (600, 60, 12)] and detector.searched == 0
    moved = draw((STRANGER, 40, 60, 12), (STRANGER, 590, 66, 12), shape=(240, 720))
    assert boxes(finder.find(moved)) == [(40, 60, 12), (590, 66, 12)]
    assert 0 < detector.searched < whole / 2


def test_a_face_that_has_gone_is_gone():
    finder = FaceFinder(Squares(), 10)
    assert len(finder.find(draw((STRANGER, 40, 60, 12)))) == 1
    assert finder.find(draw()) == []


def test_a_slow_change_is_noticed():
    # One grey level per frame is less than noise, but adds up.
    finder = FaceFinder(Squares(), 10)
    steps = [draw(((128, 128, 128 + level), 40, 60, 12)) for level in range(128)]
    assert [len(finder.find(frame)) for frame in steps[:90:30]] == [0, 0, 0]
    assert len([frame for frame in steps if finder.find(frame)]) > 10


def test_another_size_begins_anew():
    finder = FaceFinder(Squares(), 10)
    finder.find(draw((STRANGER, 40, 60, 12)))
    assert boxes(finder.find(draw((STRANGER, 20, 30, 12), shape=(120, 160)))) == [(20, 30, 12)]


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (240, 9)])
def test_tiny_frames_hold_no_face(shape):
    assert FaceFinder(Squares(), 10).find(draw(shape=shape)) == []


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="min_width: expected more than 0, got 0"):
        FaceFinder(Squares(), 0)
    with pytest.raises(ValueError, match="frame"):
        FaceFinder(Squares(), 8).find(np.zeros((5, 5)))
