"""Verification reports: figures, the table, and looking up thresholds."""

import copy
import json

import numpy as np
import pytest

from cshml_tf.evaluation import report as reports
from cshml_tf.metrics import confidence


def scored(seed=0, pairs=200, lift=1.5):
    random = np.random.default_rng(seed)
    same = np.arange(pairs) % 2 == 0
    return np.tanh(random.normal(0, 0.5, pairs) + lift * same), same, np.arange(pairs) // (pairs // 5)


@pytest.fixture(scope="module")
def report():
    def part(lift):
        return reports.verification_figures(*scored(lift=lift))[0]

    return {
        "HR": part(2.0),
        "12": {
            "HL": part(1.5),
            "HL_fused": part(1.6) | {"weight": 0.5},
            "HL_hjb": part(1.7),
            "HL_hjb_fused": part(1.8) | {"weight": 0.25},
            "LL": part(1.4),
            "LL_hjb": part(1.3),
            "HL_hr_network": part(0.5),
            "LL_hr_network": part(0.7),
        }
        | {"gap_closed": 0.875, "HL_gain": {"difference": 0.25, "interval": [0.2, 0.31]}}
        | {"HL_fused_gain": {"difference": 0.0625, "interval": [-0.01, 0.125]}}
        | {"HL_hjb_gain": {"difference": 0.125, "interval": [0.05, 0.2]}}
        | {"LL_hjb_gain": {"difference": -0.0125, "interval": [-0.1, 0.075]}}
        | {"HL_hjb_fused_gain": {"difference": 0.15, "interval": [0.125, 0.1875]}}
        | {"HL_fused_gap_closed": 0.9, "HL_hjb_gap_closed": 0.925, "HL_hjb_fused_gap_closed": 0.95},
        "14x12": {"HL_hr_network": part(0.5), "LL_hr_network": part(0.7)},
        "protocol": {
            "pairs": 200,
            "folds": 5,
            "threshold": "chosen on the other folds",
            "options": {"flip": False, "subtract_mean": False, "average_orders": True},
            "degradation": {"12": "antialias", "14x12": "plain"},
        },
    }


class TestVerificationFigures:
    def test_tar_is_taken_at_the_thresholds(self):
        scores, same, folds = scored()
        figures, _ = reports.verification_figures(scores, same, folds, fars=(0.1, 0.01, 1e-5))
        assert list(figures["thresholds"]) == list(figures["tar"]) == ["0.1", "0.01", "1e-05"]
        for far in (0.1, 0.01):
            threshold = figures["thresholds"][f"{far:g}"]
            assert np.mean(scores[~same] >= threshold) == far
            assert figures["tar"][f"{far:g}"] == np.mean(scores[same] >= threshold)
        assert figures["thresholds"]["1e-05"] is None and figures["tar"]["1e-05"] is None

    def test_correct_is_shared_between_the_orders_of_a_pair(self):
        """Pair 0 is right in its first order only; the other five in both."""
        scores = np.array([0.9, 0.8, 0.9, 0.1, 0.2, 0.1, 0.0, 0.8, 0.9, 0.1, 0.2, 0.1])
        same = np.array([True] * 3 + [False] * 3 + [True] * 3 + [False] * 3)
        figures, correct = reports.verification_figures(scores, same, np.zeros(12), orders=2)
        np.testing.assert_array_equal(correct, [0.5, 1, 1, 1, 1, 1])
        assert figures["pairs"] == 6
        assert figures["accuracy"] == 11 / 12
        assert figures["interval"] == list(confidence.accuracy_interval(5.5, 6))

    def test_each_fold_is_scored_by_its_own_row(self):
        """The rows for folds 0 and 1 match the kinds only in their own fold."""
        same = np.array([True, False, True, False])
        rows = np.array([[0.9, 0.1, 0.4, 0.3], [0.0, 1.0, 0.8, 0.2]])
        np.testing.assert_array_equal(reports.held_out_scores(rows, [3, 3, 7, 7]), [0.9, 0.1, 0.8, 0.2])
        figures, _ = reports.verification_figures(rows, same, [3, 3, 7, 7])
        assert figures["auc"] == 1


class TestFormatTable:
    def test_every_figure_of_the_report_is_there(self, report):
        text = reports.format_lfw_table(report)
        lines = text.splitlines()
        starts = [
            "HR ",
            "12 HL  LR",
            "12 HL  second",
            "12 HL  joint",
            "12 HL  second score, joint",
            "12 LL  LR",
            "12 LL  joint",
            "12 HL  HR",
            "12 LL  HR",
            "14x12 HL  HR",
            "14x12 LL  HR",
        ]
        parts = [report["HR"], *(report["12"][condition] for condition in reports._CONDITIONS)]
        parts += [report["14x12"][mode] for mode in ("HL_hr_network", "LL_hr_network")]
        for line, start, figures in zip(lines[1:12], starts, parts, strict=True):
            assert line.startswith(start)
            assert f"{100 * figures['accuracy']:.2f} ± {100 * figures['std']:.2f}" in line
            assert f"{100 * figures['interval'][0]:.2f} to {100 * figures['interval'][1]:.2f}" in line
            assert f"{figures['auc']:.4f}" in line and f"{100 * figures['eer']:.2f}" in line
            assert line.endswith("*")
        assert "+25.00 points (95 % interval +20.00 to +31.00)" in text
        second = "12 HL: second score (HL with 0.5 LL) minus plain HL +6.25 points (95 % interval -1.00 to +12.50)"
        assert second in lines
        assert "12 HL: joint Bayesian minus cosine +12.50 points (95 % interval +5.00 to +20.00)" in lines
        assert "12 LL: joint Bayesian minus cosine -1.25 points (95 % interval -10.00 to +7.50)" in lines
        second = "12 HL: second score by joint Bayesian (HL with 0.25 LL) minus plain HL"
        assert f"{second} +15.00 points (95 % interval +12.50 to +18.75)" in lines
        assert "12 gap closed: 87.5 %" in lines
        assert "12 gap closed by the second score: 90.0 %" in lines
        assert "12 gap closed by joint Bayesian: 92.5 %" in lines
        assert "12 gap closed by the second score, joint Bayesian: 95.0 %" in lines
        assert lines[-1] == (
            "200 pairs, 5 fold(s), threshold chosen on the other folds; flip averaging off; "
            "mean subtraction off; both orders on; degradation antialias, plain"
        )

    def test_columns_are_aligned(self, report):
        lines = reports.format_lfw_table(report).splitlines()[:8]
        assert len({line.index(" ± ") for line in lines[1:]}) == 1
        assert len({line.index(" to ") for line in lines[1:]}) == 1

    def test_a_gap_of_more_than_the_whole_has_a_note(self, report):
        """HR is no better than HL: the rate says nothing of the network."""
        changed = copy.deepcopy(report)
        changed["12"]["gap_closed"] = 1.538
        text = reports.format_lfw_table(changed)
        assert "12 gap closed: 153.8 %; above 100 %: HL is above HR itself, as happens near chance" in text
        changed["12"]["gap_closed"] = 1.0
        assert "above 100 %" not in reports.format_lfw_table(changed)

    def test_folds_that_the_list_does_not_state_are_told(self, report):
        changed = copy.deepcopy(report)
        changed["protocol"]["folds_by"] = "contiguous tenths of the list"
        assert "200 pairs, 5 fold(s) (contiguous tenths of the list), threshold" in reports.format_lfw_table(
            changed
        )
        changed["protocol"]["folds_by"] = "stated by the list"
        assert "200 pairs, 5 fold(s), threshold" in reports.format_lfw_table(changed)

    def test_no_gap(self, report):
        changed = copy.deepcopy(report)
        changed["12"]["gap_closed"] = None
        assert "12 gap closed: not defined, HR is not above HL" in reports.format_lfw_table(changed)

    def test_one_fold_is_called_optimistic(self, report):
        changed = copy.deepcopy(report)
        changed["protocol"] |= {"folds": 1, "threshold": "chosen on the same fold"}
        assert "chosen on the same fold (optimistic)" in reports.format_lfw_table(changed)


class TestReadThreshold:
    def test_survives_json(self, report):
        again = json.loads(json.dumps(report, allow_nan=False))
        assert reports.read_threshold(again, "HR", None, 0.1) == report["HR"]["thresholds"]["0.1"]
        assert reports.read_threshold(again, "HL", 12, 0.01) == report["12"]["HL"]["thresholds"]["0.01"]
        expected = report["14x12"]["LL_hr_network"]["thresholds"]["0.1"]
        assert reports.read_threshold(again, "LL_hr_network", "14x12", 0.1) == expected
        assert reports.read_threshold(again, "LL_hr_network", (14, 12), 0.1) == expected

    @pytest.mark.parametrize(
        ("mode", "resolution", "far", "message"),
        [
            ("HL", "8", 0.1, "expected an entry 8 HL, got HR, 12 HL, .*, 14x12 LL_hr_network"),
            ("LL", "14x12", 0.1, "expected an entry 14x12 LL"),
            ("XY", "12", 0.1, "expected an entry 12 XY"),
            ("HL", None, 0.1, r"expected r or \(h, w\)"),
            ("HR", None, 0.2, "expected a threshold for HR at FAR 0.2, got thresholds at 0.1, 0.01, 0.001"),
            ("HL", "12", 0.001, "expected a threshold for 12 HL at FAR 0.001, got too few pairs for one"),
        ],
    )
    def test_absent(self, report, mode, resolution, far, message):
        with pytest.raises(ValueError, match=message):
            reports.read_threshold(report, mode, resolution, far)

    def test_scores_computed_differently(self, report):
        changed = copy.deepcopy(report)
        changed["protocol"]["options"]["flip"] = True
        with pytest.raises(
            ValueError,
            match="expected thresholds for embeddings without flip averaging, got ones for embeddings with",
        ):
            reports.read_threshold(changed, "HR", None, 0.1)
        assert reports.read_threshold(changed, "HR", None, 0.1, flip=True) is not None
        changed["protocol"]["options"]["subtract_mean"] = True
        with pytest.raises(ValueError, match="mean subtracted"):
            reports.read_threshold(changed, "HR", None, 0.1, flip=True)

    def test_not_a_report(self):
        with pytest.raises(ValueError, match="report: expected an entry HR"):
            reports.read_threshold({}, "HR")
