"""Faces are followed from frame to frame by their boxes."""

import numpy as np
import pytest

from cshml_tf.alignment.detector import Face
from cshml_tf.watch.tracks import Tracker


def face(x, y=50.0, size=20.0):
    return Face(x, y, size, size, 0.9, np.zeros((5, 2)))


def test_a_face_keeps_its_number_while_it_moves_and_grows():
    tracker = Tracker(1.0)
    walk = [tracker.follow([face(10.0 * step, size=20 * 1.1**step)], step / 5) for step in range(20)]
    assert walk == [[1]] * 20


def test_faces_that_pass_each_other_keep_their_numbers():
    # One goes right, the other left, at most 16 pixels apart in height: speed tells them apart where they meet.
    tracker = Tracker(1.0)
    seen = []
    for step in range(20):
        right, left = face(10.0 * step, 50), face(190 - 10.0 * step, 66)
        # The detector's order says nothing.
        pair = [right, left] if step % 2 else [left, right]
        numbers = tracker.follow(pair, step / 5)
        seen.append(tuple(numbers if step % 2 else numbers[::-1]))
    assert set(seen) == {seen[0]} and sorted(seen[0]) == [1, 2]


def test_a_face_elsewhere_or_of_another_size_begins_a_track():
    tracker = Tracker(1.0)
    assert tracker.follow([face(10)], 0.0) == [1]
    assert tracker.follow([face(100)], 0.2) == [2]
    assert tracker.follow([face(100, size=60)], 0.4) == [3]


def test_a_face_missed_for_a_moment_goes_on_and_a_longer_absence_ends_the_track():
    tracker = Tracker(1.0)
    tracker.follow([face(10), face(100)], 0.0)
    tracker.follow([face(12)], 0.5)
    assert tracker.end(1.0) == []
    assert tracker.follow([face(14), face(101)], 1.0) == [1, 2]
    assert tracker.end(2.5) == [1, 2] and not tracker.paths
    assert tracker.follow([face(14)], 2.6) == [3]


def test_somebody_who_stops_is_not_lost():
    tracker = Tracker(1.0)
    for step in range(5):
        tracker.follow([face(15.0 * step)], step / 5)
    assert tracker.follow([face(60)], 1.6) == [1]


def test_a_track_that_is_cut_goes_on_under_a_new_number():
    tracker = Tracker(1.0)
    tracker.follow([face(10)], 0.0)
    tracker.cut(1)
    assert tracker.follow([face(10)], 0.2) == [2]


def test_equal_times_and_boxes_without_size_are_no_fault():
    tracker = Tracker(1.0)
    assert tracker.follow([face(10)], 0.0) == [1]
    assert tracker.follow([face(11)], 0.0) == [1]
    assert tracker.follow([face(11, size=0)], 0.1) == [2]
    assert tracker.follow([], 0.2) == []


@pytest.mark.parametrize("count", [1, 7, 60])
def test_the_pairs_that_fit_best_in_all_are_chosen(count):
    rng = np.random.default_rng(count)
    places = 30.0 * np.arange(count)
    tracker = Tracker(1.0)
    numbers = tracker.follow([face(x) for x in places], 0.0)
    order = rng.permutation(count)
    moved = tracker.follow([face(places[row] + rng.uniform(-4, 4)) for row in order], 0.2)
    assert moved == [numbers[row] for row in order]
