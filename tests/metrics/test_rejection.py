"""Error-versus-reject curves, with values derived by hand."""

import itertools

import numpy as np
import pytest

from cshml_tf.metrics.rejection import error_reject_curve, predict_errors


def test_the_worst_go_first():
    """Qualities 1, 2, 3, 4, errors at 1 and 3: 2/4; without the worst 1/3; without two 1/2; the best alone 0."""
    curve = error_reject_curve([1, 0, 1, 0], [1, 2, 3, 4], [0, 0.25, 0.3, 0.5, 0.75])
    np.testing.assert_allclose(curve, [1 / 2, 1 / 3, 1 / 3, 1 / 2, 0])


def test_ties_are_the_mean_over_all_orders():
    """A naive loop over all orders of the tied probes."""
    errors, quality = np.array([1, 0, 0, 1, 0]), np.array([1.0, 1, 1, 2, 2])
    shares = [0, 0.2, 0.4, 0.6, 0.8]
    curves = []
    for low, high in itertools.product(itertools.permutations([0, 1, 2]), itertools.permutations([3, 4])):
        order = [*low, *high]
        curves.append([errors[order[gone:]].mean() for gone in range(5)])
    np.testing.assert_allclose(error_reject_curve(errors, quality, shares), np.mean(curves, axis=0))


def test_areas_of_a_figure_of_chance_and_of_the_oracle():
    """Four probes, half of them may go: curves at 0, 1 and 2 rejected.

    The figure: 1/2, 1/3, 1/2, mean 4/9. Chance: 1/2. The oracle: 1/2, 1/3, 0, mean 5/18. Gain: (1/18) / (4/18).
    """
    found = predict_errors([1, 0, 1, 0], [1, 2, 3, 4])
    assert (found.area, found.random, found.oracle) == pytest.approx((4 / 9, 1 / 2, 5 / 18))
    assert found.gain == pytest.approx(1 / 4)


def test_a_perfect_a_useless_and_a_reversed_figure():
    errors = np.random.default_rng(0).random(400) < 0.3
    perfect, useless, reversed_ = (predict_errors(errors, each) for each in (-1.0 * errors, 0 * errors, errors))
    assert perfect.gain == pytest.approx(1) and perfect.interval == pytest.approx((1, 1))
    assert useless.gain == pytest.approx(0) and useless.area == pytest.approx(useless.random)
    assert reversed_.gain < -0.5


def test_the_interval_covers_the_gain_and_resamples_people():
    """Ten probes of a person that are all alike say no more than one: the interval is wider than of 600 people."""
    random = np.random.default_rng(1)
    errors, noise = random.random(60) < 0.4, random.normal(size=60)
    quality = noise - 1.5 * errors
    people = np.repeat(np.arange(60), 10)
    together = predict_errors(np.repeat(errors, 10), np.repeat(quality, 10), people)
    apart = predict_errors(np.repeat(errors, 10), np.repeat(quality, 10))
    for found in (together, apart):
        assert found.interval[0] < found.gain < found.interval[1]
    assert np.ptp(together.interval) > 2 * np.ptp(apart.interval)


def test_without_errors_or_without_anything_else_there_is_no_gain():
    for errors in ([0, 0, 0], [1, 1, 1]):
        found = predict_errors(errors, [1, 2, 3])
        assert (found.gain, found.interval) == (None, None) and found.area == errors[0]


@pytest.mark.parametrize(
    ("errors", "quality", "rejected", "message"),
    [
        ([0, 1], [1], [0], r"got shapes \(2,\) and \(1,\)"),
        ([], [], [0], "at least one probe"),
        ([0, 2], [1, 2], [0], "expected shares of 0..1 and finite numbers"),
        ([0, 1], [1, np.nan], [0], "expected shares of 0..1 and finite numbers"),
        ([0, 1], [1, 2], [1.0], "rejected: expected shares from 0 to below 1"),
    ],
)
def test_bad_arguments(errors, quality, rejected, message):
    with pytest.raises(ValueError, match=message):
        error_reject_curve(errors, quality, rejected)
