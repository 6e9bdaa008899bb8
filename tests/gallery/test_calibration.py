"""Thresholds from strangers' scores, their intervals, and what a grown gallery does to them."""

import numpy as np
import pytest
from sqlalchemy import text

from cshml_tf.gallery.calibration import (
    Calibration,
    expected_rate,
    growth_note,
    rate_interval,
    read_calibrations,
    store_calibrations,
)

# One in ten passes a threshold of 0.95; two in ten one of 0.85.
SCORES = np.arange(10) / 10 + 0.05


def calibration(scores=SCORES, fpir=0.1, people=5, faces=10):
    return Calibration("12", fpir, np.asarray(scores), len(scores), people, faces)


def test_the_threshold_lets_the_stated_share_pass():
    threshold = calibration().at()
    assert (threshold.value, threshold.passed, threshold.probes) == (pytest.approx(0.95), 1, 10)
    assert calibration().at(0.2).value == pytest.approx(0.85)
    # Between two scores: three would be 30 %.
    assert 0.75 < calibration().at(0.25).value < 0.85 and calibration().at(0.25).passed == 2


def test_a_rate_below_what_the_probes_support_is_refused():
    assert calibration().least_rate == pytest.approx(0.1)
    message = "fpir: expected 0.1 or more for 12, the least rate that 10 strangers' probes can support, got 0.05"
    with pytest.raises(ValueError, match=message):
        calibration().at(0.05)


@pytest.mark.parametrize("fpir", [0, 1, -0.1, float("nan")])
def test_what_is_no_rate_is_refused(fpir):
    with pytest.raises(ValueError, match="fpir: expected a rate between 0 and 1"):
        calibration().at(fpir)


@pytest.mark.parametrize("passed", [0, 1, 4, 10])
def test_the_interval_leaves_two_and_a_half_percent_on_each_side(passed):
    """At the lower end `passed` or more have a chance of 2.5 %, at the upper end `passed` or fewer."""
    from math import comb

    def chance(rate, counts):
        return sum(comb(10, k) * rate**k * (1 - rate) ** (10 - k) for k in counts)

    low, high = rate_interval(passed, 10)
    if passed:
        assert chance(low, range(passed, 11)) == pytest.approx(0.025, abs=1e-6)
    if passed < 10:
        assert chance(high, range(passed + 1)) == pytest.approx(0.025, abs=1e-6)
    assert (low == 0) == (passed == 0) and (high == 1) == (passed == 10)


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="passed: expected 0 to 10, of at least 1 probe, got 11"):
        rate_interval(11, 10)


def test_the_interval_covers_the_rate_of_a_threshold_set_on_the_same_scores():
    """The promise of the module: in 95 % of trials or more, although the scores themselves chose the threshold."""
    random, inside = np.random.default_rng(0), 0
    for _ in range(400):
        threshold = Calibration("HR", 0.05, random.random(100), 100, 1, 1).at()
        low, high = threshold.interval
        inside += low <= 1 - threshold.value <= high
    assert inside >= 0.95 * 400


def test_twice_the_comparisons_are_two_chances():
    """Of 1 % at 100 comparisons, 200 make 1 - 0.99^2 = 1.99 %, and 50 make 1 - 0.99^0.5."""
    assert expected_rate(0.01, 100, 200) == pytest.approx(0.0199)
    assert expected_rate(0.01, 100, 50) == pytest.approx(1 - 0.99**0.5)
    assert expected_rate(0.01, 100, 100) == pytest.approx(0.01)
    assert (expected_rate(0, 7, 1000), expected_rate(1, 7, 1000), expected_rate(1, 7, 0)) == (0, 1, 0)
    with pytest.raises(ValueError, match="rate and comparisons: expected"):
        expected_rate(0.01, 0, 10)


def test_the_expected_rate_bounds_that_of_strangers_who_differ():
    """Half of the strangers match an enrolled face with chance 0.1 %, half never: F(100) and F(1000) by hand."""
    then, now = (0.5 * (1 - 0.999**n) for n in (100, 1000))
    assert expected_rate(then, 100, 1000) >= now
    then, now = (0.5 * (1 - 0.999**n) for n in (1000, 100))
    assert expected_rate(then, 1000, 100) <= now


def test_a_grown_gallery_says_what_to_expect():
    found = calibration(np.arange(100) / 100, 0.01, people=50, faces=100)
    threshold = found.at()
    assert growth_note(found, threshold, "best", 50, 100) is None
    note = growth_note(found, threshold, "best", 60, 200)
    assert note is not None and "calibrated with 50 people and 100 faces, now 60 and 200" in note
    assert "at most about 2 % (up to 11 %) instead of 1 %" in note
    # The mean compares people, who are 20 % more.
    assert "at most about 1.2 %" in (growth_note(found, threshold, "mean", 60, 200) or "")
    assert "at least about 0.5 %" in (growth_note(found, threshold, "best", 50, 50) or "")


def test_calibrations_are_stored_with_the_gallerys_size(gallery, new_face):
    gallery.add_faces([new_face("Ann", 1), new_face("Ann", 2), new_face("Bo", 3)])
    store_calibrations(gallery, {"HR": SCORES, "12": SCORES / 2}, 7, 0.1)
    store_calibrations(gallery, {"12": SCORES / 4}, 8, 0.2)
    found = read_calibrations(gallery)
    assert {kind: each.at().value for kind, each in found.items()} == {
        "HR": pytest.approx(0.95),
        "12": pytest.approx(0.85 / 4),
    }
    sizes = [(each.people, each.faces, each.strangers) for each in (found["HR"], found["12"])]
    assert sizes == [(2, 3, 7), (2, 3, 8)]


@pytest.mark.parametrize(
    ("scores", "fpir", "message"),
    [
        ({"HR": SCORES, "16": SCORES}, 0.1, "expected faces and the view 16"),
        ({"HR": SCORES, "12": SCORES}, 0.01, "fpir: expected 0.1 or more"),
        ({"HR": SCORES, "12": []}, 0.1, "scores: expected at least one finite number, got 0"),
        ({"HR": SCORES, "12": [np.nan] * 10}, 0.1, "scores: expected at least one finite number"),
    ],
)
def test_bad_scores_store_nothing(file_gallery, new_face, scores, fpir, message):
    file_gallery.add_faces([new_face("Ann", 1)])
    with pytest.raises(ValueError, match=message):
        store_calibrations(file_gallery, scores, 10, fpir)
    assert read_calibrations(file_gallery) == {}


def test_an_empty_gallery_is_not_calibrated(file_gallery):
    with pytest.raises(ValueError, match="expected faces and the view HR, got 0 faces"):
        store_calibrations(file_gallery, {"HR": SCORES}, 10, 0.1)
    with file_gallery.database.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM log")) == 1
