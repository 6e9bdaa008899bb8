"""Scores of a watched clip, derived by hand."""

from cshml_tf.data.clip_truth import KnownFace
from cshml_tf.gallery.decision import Answer
from cshml_tf.watch.scoring import TrackedFace, score_clip, score_lines


def seen(frame, name, left, width):
    return KnownFace(frame, frame / 10, name, (left, 50.0, width, width))


def found(frame, track, left, width):
    return TrackedFace(frame, track, (left, 50.0, width, width))


UNKNOWN = Answer("unknown", "12")


def named(name):
    return Answer("identified", "12", name)


def counts(row):
    return (row.faces, row.found, row.known, row.named, row.misnamed, row.strangers, row.alarms)


def test_a_clip_of_two_enrolled_people_and_two_strangers():
    """Ann comes from 10 to 20 pixels; Bo, 30 wide, gets Ann's name; of the strangers Cy gets Bo's, and Di none.

    Frame 1 was not looked at. Ann is missed at 10 pixels.
    """
    truth = [seen(0, "Ann", 0, 10), seen(1, "Ann", 0, 12), seen(2, "Ann", 0, 14), seen(3, "Ann", 0, 20)]
    truth += [seen(frame, "Bo", 100, 30) for frame in (0, 1)]
    truth += [seen(0, "Cy", 200, 30), seen(3, "Di", 300, 60)]
    faces = [
        found(2, 5, 1, 14),
        found(3, 5, 0, 20),
        found(0, 6, 101, 30),
        found(0, 7, 200, 28),
        found(3, 8, 300, 60),
    ]
    # Something in the background is a face to the detector.
    faces.append(found(3, 9, 500, 20))
    answers = {5: named("Ann"), 6: named("Ann"), 7: named("Bo"), 8: UNKNOWN, 9: named("Bo")}
    score = score_clip(truth, [0, 2, 3], faces, answers, {"Ann", "Bo", "Eve"})

    assert counts(score.widths[0]) == (0, 0, 0, 0, 0, 0, 0)
    assert counts(score.widths[8]) == (1, 0, 0, 0, 0, 0, 0)
    assert counts(score.widths[12]) == (1, 1, 0, 0, 0, 0, 0)
    # Ann's track counts at its widest, 20.
    assert counts(score.widths[16]) == (1, 1, 1, 1, 0, 0, 0)
    assert counts(score.widths[24]) == (2, 2, 1, 0, 1, 1, 1)
    assert counts(score.widths[48]) == (1, 1, 0, 0, 0, 1, 0)
    assert (score.known, score.named) == ({"Ann", "Bo"}, {"Ann"})
    assert (score.strangers, score.misnamed) == ({"Cy", "Di"}, {"Bo", "Cy"})
    assert (score.nobody, score.nobody_named) == (1, 1)


def test_boxes_belong_to_whom_they_overlap_most_and_at_least_three_tenths():
    """A box of 10 x 10 moved by d overlaps by (10 - d) / (10 + d): 5 gives 1/3, 6 gives 1/4."""
    truth = [seen(0, "Ann", 0, 10), seen(0, "Bo", 8, 10)]
    answers = {1: named("Bo")}
    # Moved by 5 from Ann and by 3 from Bo.
    assert score_clip(truth, [0], [found(0, 1, 5, 10)], answers, {"Ann", "Bo"}).named == {"Bo"}
    assert score_clip(truth[:1], [0], [found(0, 1, 5, 10)], {1: named("Ann")}, {"Ann"}).named == {"Ann"}
    far = score_clip(truth[:1], [0], [found(0, 1, 6, 10)], {1: named("Ann")}, {"Ann"})
    assert not far.named and far.nobody_named == 1 and far.widths[8].found == 0


def test_a_track_belongs_to_the_person_of_most_of_its_faces():
    truth = [seen(frame, "Ann", 0, 10) for frame in range(3)] + [seen(3, "Bo", 0, 40), seen(4, "Bo", 0, 40)]
    faces = [found(frame, 1, 0, truth[frame].box[2]) for frame in range(5)]
    score = score_clip(truth, range(5), faces, {1: UNKNOWN}, {"Ann"})
    assert counts(score.widths[8]) == (3, 3, 1, 0, 0, 0, 0)
    assert counts(score.widths[32]) == (2, 2, 0, 0, 0, 0, 0)
    assert not score.named and score.known == {"Ann"}


def test_two_boxes_on_one_face_find_it_once():
    truth = [seen(0, "Ann", 0, 10)]
    faces = [found(0, 1, 0, 10), found(0, 2, 1, 10)]
    score = score_clip(truth, [0], faces, {1: named("Ann"), 2: UNKNOWN}, {"Ann"})
    assert counts(score.widths[8]) == (1, 1, 2, 1, 0, 0, 0)


def test_a_rejected_or_uncalibrated_track_names_nobody():
    truth = [seen(0, "Ann", 0, 10)]
    for status in ("rejected", "uncalibrated"):
        score = score_clip(truth, [0], [found(0, 1, 0, 10)], {1: Answer(status, "12")}, {"Ann"})
        assert counts(score.widths[8]) == (1, 1, 1, 0, 0, 0, 0)


def test_the_lines_say_who_was_not_named_and_who_was_by_mistake():
    truth = [seen(0, "Ann", 0, 10), seen(0, "Bo", 100, 50), seen(0, "Cy", 200, 30)]
    faces = [found(0, 1, 0, 10), found(0, 2, 100, 50), found(0, 3, 200, 30)]
    answers = {1: UNKNOWN, 2: named("Bo"), 3: named("Bo")}
    lines = score_lines(score_clip(truth, [0], faces, answers, {"Ann", "Bo"}))
    assert [line.split() for line in lines[1:4]] == [
        ["8", "to", "12", "1", "1", "1", "0", "0", "0", "0"],
        ["24", "to", "32", "1", "1", "0", "0", "0", "1", "1"],
        ["48", "or", "more", "1", "1", "1", "1", "0", "0", "0"],
    ]
    assert lines[4:] == [
        "people enrolled: 2, named: 1 (not named: Ann)",
        "strangers: 1, given a name: 1 (namely: Cy)",
        "people enrolled who were given another name: 0",
        "tracks of nobody in the list: 0, given a name: 0",
    ]
