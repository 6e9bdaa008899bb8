"""Intervals of accuracies and of their differences, and the share of the gap that is closed."""

import numpy as np
import pytest
from scipy.stats import binomtest

from cshml_tf.metrics import confidence


class TestAccuracyInterval:
    @pytest.mark.parametrize(("correct", "pairs"), [(0, 10), (10, 10), (5700, 6000), (1, 1), (3, 7)])
    def test_is_wilsons(self, correct, pairs):
        expected = binomtest(correct, pairs).proportion_ci(0.95, "wilson")
        assert confidence.accuracy_interval(correct, pairs) == pytest.approx(tuple(expected), abs=1e-12)

    def test_takes_halves_of_a_pair(self):
        low, high = confidence.accuracy_interval(2.5, 7)
        assert confidence.accuracy_interval(2, 7)[0] < low < confidence.accuracy_interval(3, 7)[0]
        assert low < 2.5 / 7 < high

    @pytest.mark.parametrize(("correct", "pairs"), [(0, 0), (-1, 5), (6, 5), (np.nan, 5)])
    def test_bad_counts(self, correct, pairs):
        with pytest.raises(ValueError, match="correct: expected 0 to"):
            confidence.accuracy_interval(correct, pairs)


class TestPairedDifference:
    def test_golden_value(self):
        """Of 10 pairs three are won and one is lost: with half a pair added to each of the four outcomes,
        (3.5 - 1.5) / 12 +- 1.96 sqrt(5 - 2^2 / 12) / 12.
        """
        correct = np.array([1, 1, 1, 0, 1, 1, 1, 1, 0, 0], bool)
        reference = np.array([0, 0, 0, 1, 1, 1, 1, 1, 0, 0], bool)
        difference, (low, high) = confidence.paired_difference(correct, reference)
        assert difference == pytest.approx(0.2, abs=1e-15)
        half = 1.959963984540054 * np.sqrt(5 - 4 / 12) / 12
        assert (low, high) == pytest.approx((2 / 12 - half, 2 / 12 + half), abs=1e-12)

    def test_covers_the_true_difference_about_95_times_in_100(self):
        random = np.random.default_rng(1)
        covered = 0
        for _ in range(1000):
            uniform = random.random(200)
            # Right with .8 and .7, and often for the same pairs: the true difference is .1.
            correct, reference = uniform < 0.8, (uniform < 0.65) | (uniform > 0.95)
            _, (low, high) = confidence.paired_difference(correct, reference)
            covered += low <= 0.1 <= high
        assert 930 <= covered <= 975

    def test_no_difference_still_has_a_width(self):
        difference, (low, high) = confidence.paired_difference([True] * 20, [True] * 20)
        assert difference == 0
        assert low < 0 < high

    @pytest.mark.parametrize(("correct", "reference"), [([], []), ([True], [True, False])])
    def test_bad_input(self, correct, reference):
        with pytest.raises(ValueError, match="one value per pair"):
            confidence.paired_difference(correct, reference)


class TestGapClosed:
    @pytest.mark.parametrize(
        ("hr_network", "lr_network", "expected"),
        [(0.54683, 0.90033, 0.796), (0.63467, 0.949, 0.882), (0.7975, 0.97183, 0.901), (0.90433, 0.9815, 0.890)],
    )
    def test_matches_the_published_table(self, hr_network, lr_network, expected):
        assert confidence.gap_closed(0.991, hr_network, lr_network) == pytest.approx(expected, abs=5e-4)

    def test_returns_none_without_a_gap(self):
        assert confidence.gap_closed(0.9, 0.9, 0.95) is None
        assert confidence.gap_closed(0.8, 0.9, 0.95) is None
