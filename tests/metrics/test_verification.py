"""Verification metrics compared with values derived by hand and with naive loops."""

import numpy as np
import pytest

from cshml_tf.metrics import verification as metrics


def noisy_scores(seed, pairs=60, decimals=1):
    """Scores rounded so that many are tied, and the kind of each pair."""
    random = np.random.default_rng(seed)
    same = np.arange(pairs) % 2 == 0
    return np.round(random.normal(size=pairs) + same, decimals), same


def naive_best_accuracy(scores, same):
    thresholds = [*scores, max(scores) + 1]
    return max(
        sum((score >= threshold) == kind for score, kind in zip(scores, same, strict=True))
        for threshold in thresholds
    ) / len(scores)


class TestRoc:
    def test_golden_values(self):
        """Strictest first: .9 is same, .7 different, .5 one of each."""
        curve = metrics.roc([0.5, 0.9, 0.7, 0.5], [True, True, False, False])
        np.testing.assert_array_equal(curve.far, [0, 0, 0.5, 1])
        np.testing.assert_array_equal(curve.tar, [0, 0.5, 0.5, 1])
        np.testing.assert_array_equal(curve.thresholds[1:], [0.9, 0.7, 0.5])
        assert 0.9 < curve.thresholds[0] < 0.9 + 1e-12

    @pytest.mark.parametrize("seed", range(3))
    def test_rates_are_those_of_the_thresholds(self, seed):
        scores, same = noisy_scores(seed)
        curve = metrics.roc(scores, same)
        for far, tar, threshold in zip(curve.far, curve.tar, curve.thresholds, strict=True):
            assert far == np.mean(scores[~same] >= threshold)
            assert tar == np.mean(scores[same] >= threshold)

    @pytest.mark.parametrize(
        ("scores", "same", "message"),
        [
            ([], [], "at least one pair"),
            ([0.1, 0.2], [True], r"\(2,\) and \(1,\)"),
            ([[0.1], [0.2]], [[True], [False]], "one value per pair"),
            ([0.1, np.nan], [True, False], "got nan for pair 1"),
            ([np.inf, 0.1], [True, False], "got inf for pair 0"),
            ([0.1, 0.2], [True, True], "got 2 of the same person only"),
            ([0.1, 0.2], [False, False], "got 2 of different people only"),
        ],
    )
    @pytest.mark.parametrize("function", [metrics.roc, metrics.area_under_curve, metrics.equal_error_rate])
    def test_bad_input(self, function, scores, same, message):
        with pytest.raises(ValueError, match=message):
            function(scores, same)


class TestAreaUnderCurve:
    def test_golden_value(self):
        """Of the 9 combinations of a same and a different pair only (.4, .7) is ranked wrongly: 8/9."""
        scores = [0.9, 0.8, 0.4, 0.7, 0.3, 0.2]
        assert metrics.area_under_curve(scores, [True] * 3 + [False] * 3) == pytest.approx(8 / 9, abs=1e-15)

    @pytest.mark.parametrize("seed", range(3))
    def test_counts_couples_with_ties_one_half(self, seed):
        scores, same = noisy_scores(seed)
        won = 0.0
        for positive in scores[same]:
            for negative in scores[~same]:
                won += 1.0 if positive > negative else 0.5 if positive == negative else 0.0
        couples = same.sum() * (~same).sum()
        assert metrics.area_under_curve(scores, same) == pytest.approx(won / couples, abs=1e-12)

    def test_equal_scores_carry_no_information(self):
        assert metrics.area_under_curve(np.full(6, 0.3), [True, False] * 3) == 0.5


class TestEqualErrorRate:
    def test_golden_value_at_a_point(self):
        """At threshold .7 one of three different pairs is accepted, one of three same pairs rejected."""
        scores = [0.9, 0.8, 0.4, 0.7, 0.3, 0.2]
        assert metrics.equal_error_rate(scores, [True] * 3 + [False] * 3) == pytest.approx(1 / 3, abs=1e-15)

    def test_golden_value_between_points(self):
        """From (far 0, frr 2/3) to (far 1/2, frr 0): they meet where far is 2/7."""
        scores = [0.9, 0.5, 0.5, 0.5, 0.1]
        assert metrics.equal_error_rate(scores, [True] * 3 + [False] * 2) == pytest.approx(2 / 7, abs=1e-15)

    def test_perfect_and_reversed(self):
        assert metrics.equal_error_rate([0.9, 0.1], [True, False]) == 0
        assert metrics.equal_error_rate([0.1, 0.9], [True, False]) == 1


class TestBestThreshold:
    @pytest.mark.parametrize("seed", range(5))
    def test_is_as_good_as_any(self, seed):
        scores, same = noisy_scores(seed)
        threshold = metrics.best_threshold(scores, same)
        assert np.mean((scores >= threshold) == same) == naive_best_accuracy(scores, same)

    def test_lies_half_way(self):
        assert metrics.best_threshold([0.25, 0.75], [False, True]) == 0.5

    def test_of_equally_good_ones_takes_the_middle(self):
        """Different at 0 and 2, same at 1 and 3: .5 and 2.5 are both right thrice; then a third, 4.5."""
        assert metrics.best_threshold([0, 1, 2, 3], [False, True, False, True]) == 0.5
        kinds = [False, True, False, True, False, True]
        assert metrics.best_threshold([0, 1, 2, 3, 4, 5], kinds) == 2.5

    def test_one_kind_only_is_accepted_or_rejected_whole(self):
        scores = np.array([0.2, 0.4])
        assert (scores >= metrics.best_threshold(scores, [True, True])).all()
        assert not (scores >= metrics.best_threshold(scores, [False, False])).any()

    def test_separates_adjacent_numbers(self):
        low = 0.1
        high = np.nextafter(low, 1)
        assert metrics.best_threshold([low, high], [False, True]) == high


class TestKFoldAccuracy:
    scores = np.array([0.9, 0.8, 0.1, 0.2, 0.6, 0.52, 0.4, 0.55])
    same = np.array([True, True, False, False, True, True, False, False])
    folds = np.array([0, 0, 0, 0, 1, 1, 1, 1])

    def test_golden_values(self):
        """Fold 1 chooses between .46 and .575, equally good, the lower: right on all of fold 0.

        Fold 0 chooses .5, half way from .2 to .8: right on fold 1 but for the different pair at .55.
        """
        result = metrics.kfold_accuracy(self.scores, self.same, self.folds)
        np.testing.assert_array_equal(result.fold_accuracies, [1.0, 0.75])
        np.testing.assert_allclose(result.thresholds, [0.46, 0.5], rtol=0, atol=1e-15)
        assert (result.mean, result.std, result.same_fold) == (0.875, 0.125, False)
        np.testing.assert_array_equal(result.correct, [True] * 7 + [False])

    def test_order_of_pairs_and_fold_numbers_do_not_matter(self):
        order = np.random.default_rng(0).permutation(8)
        result = metrics.kfold_accuracy(self.scores[order], self.same[order], 7 + self.folds[order])
        np.testing.assert_array_equal(result.fold_accuracies, [1.0, 0.75])
        np.testing.assert_array_equal(result.correct, (np.arange(8) != 7)[order])

    def test_a_single_fold_chooses_its_own_threshold_and_is_marked(self):
        result = metrics.kfold_accuracy(self.scores[4:], self.same[4:], np.zeros(4))
        assert result.same_fold
        assert (result.mean, result.std) == (0.75, 0.0)

    def test_a_row_of_scores_for_each_fold(self):
        """The second row is reversed, so the threshold for fold 1 is chosen only from that row."""
        rows = np.stack([self.scores, 1 - self.scores])
        expected = metrics.kfold_accuracy(1 - self.scores, self.same, self.folds).fold_accuracies[1]
        result = metrics.kfold_accuracy(rows, self.same, self.folds)
        np.testing.assert_array_equal(result.fold_accuracies, [1.0, expected])
        assert expected != 0.75

    def test_a_held_out_fold_does_not_affect_its_threshold(self):
        changed = self.scores.copy()
        changed[:4] = [-5, 5, 7, -7]
        threshold = metrics.kfold_accuracy(changed, self.same, self.folds).thresholds[0]
        assert threshold == metrics.kfold_accuracy(self.scores, self.same, self.folds).thresholds[0]

    def test_bad_input(self):
        with pytest.raises(ValueError, match=r"folds: expected shape \(8,\)"):
            metrics.kfold_accuracy(self.scores, self.same, self.folds[:4])
        with pytest.raises(ValueError, match="expected 2 rows"):
            metrics.kfold_accuracy(np.stack([self.scores] * 3), self.same, self.folds)
        with pytest.raises(ValueError, match="got nan for pair 2"):
            metrics.kfold_accuracy(np.where(np.arange(8) == 2, np.nan, 0.5), self.same, self.folds)


class TestThresholdAtFar:
    tenths = np.arange(1, 11) / 10

    @pytest.mark.parametrize(("far", "expected"), [(0.1, 1.0), (0.2, 0.9), (0.25, 0.85), (0.9, 0.2)])
    def test_golden_values(self, far, expected):
        """Of .1 to 1. two are at or above .9; a rate of .25 lies half way from there to .8."""
        assert metrics.threshold_at_far(self.tenths, far) == pytest.approx(expected, abs=1e-12)

    def test_a_rate_below_one_pair_cannot_be_measured(self):
        assert metrics.threshold_at_far(self.tenths, 0.0999) is None
        assert metrics.threshold_at_far(np.arange(1000.0), 1e-3) == 999.0

    @pytest.mark.parametrize("seed", range(5))
    def test_never_exceeds_the_rate_however_scores_are_tied(self, seed):
        scores, _ = noisy_scores(seed)
        for far in (0.02, 0.05, 0.11, 0.5, 0.97):
            threshold = metrics.threshold_at_far(scores, far)
            accepted = np.mean(scores >= threshold)
            lower = scores[scores < threshold].max()
            assert accepted <= far < np.mean(scores >= lower)

    def test_ties_at_the_top_are_all_rejected(self):
        threshold = metrics.threshold_at_far([0.5, 0.5, 0.5, 0.1], 0.7)
        assert 0.5 < threshold < 0.5 + 1e-12

    @pytest.mark.parametrize("far", [0, 1, -0.1, np.nan])
    def test_bad_rate(self, far):
        with pytest.raises(ValueError, match="far: expected a rate between 0 and 1"):
            metrics.threshold_at_far(self.tenths, far)

    def test_no_scores(self):
        with pytest.raises(ValueError, match="at least one pair"):
            metrics.threshold_at_far([], 0.1)


def test_tar_at_far():
    """The threshold at one of four different pairs is .8, itself; two of three same pairs are above."""
    scores, same = [0.9, 0.85, 0.3, 0.8, 0.2, 0.1, 0.0], [True] * 3 + [False] * 4
    assert metrics.tar_at_far(scores, same, 0.25) == pytest.approx(2 / 3, abs=1e-15)
    assert metrics.tar_at_far(scores, same, 0.01) is None


class TestKFoldVal:
    def test_golden_values(self):
        """Different pairs of fold 1: .4, .2; at rate .5 the threshold for fold 0 is .4, and from fold 0 .3.

        Fold 0 has same pairs at .9 and .35 (one passes .4) and different ones at .3 and .1 (none does).
        Fold 1 has same pairs at .8 and .7 (both pass .3) and different ones at .4 and .2 (one does).
        """
        scores = [0.9, 0.35, 0.3, 0.1, 0.8, 0.7, 0.4, 0.2]
        same = [True, True, False, False] * 2
        result = metrics.kfold_val(scores, same, [0] * 4 + [1] * 4, far=0.5)
        assert (result.val, result.std, result.far_measured) == (0.75, 0.25, 0.25)
        assert result.resolved

    def test_too_few_pairs_for_the_rate(self):
        """The threshold for fold 0 is just above .4, fold 1's highest different pair, and so on."""
        scores = [0.9, 0.4, 0.3, 0.1, 0.8, 0.31, 0.4, 0.2]
        result = metrics.kfold_val(scores, [True, True, False, False] * 2, [0] * 4 + [1] * 4)
        assert (result.val, result.far_measured, result.resolved) == (0.75, 0.25, False)

    def test_against_a_naive_staircase(self):
        random = np.random.default_rng(5)
        same = np.arange(400) % 2 == 0
        folds = np.arange(400) // 40
        scores = random.normal(size=400) + 2 * same
        far = 0.0125  # of 180 different pairs: 2.25
        expected = []
        for fold in range(10):
            descending = sorted(scores[(folds != fold) & ~same], reverse=True)
            threshold = descending[1] + 0.25 * (descending[2] - descending[1])
            expected.append(np.mean(scores[(folds == fold) & same] >= threshold))
        result = metrics.kfold_val(scores, same, folds, far)
        assert result.val == pytest.approx(np.mean(expected), abs=1e-12)
        assert result.std == pytest.approx(np.std(expected), abs=1e-12)

    def test_folds_of_one_kind_are_left_out_of_that_mean(self):
        result = metrics.kfold_val([0.9, 0.8, 0.1, 0.7, 0.2], [True, True, False, True, False], [0, 0, 1, 2, 2])
        assert result.val == 1.0

    def test_pairs_of_one_kind_only(self):
        with pytest.raises(ValueError, match="expected pairs of both kinds"):
            metrics.kfold_val([0.9, 0.8], [True, True], [0, 1])
