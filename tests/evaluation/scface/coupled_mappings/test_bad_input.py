"""Coupled mappings: the errors for bad rows, people and options."""

import numpy as np
import pytest

from cshml_tf.evaluation.scface.coupled_mappings import fit_ldmds, fit_mds


class TestBadInput:
    HR, LR = np.eye(3), np.eye(3)[[0, 0, 1]]

    @pytest.mark.parametrize(
        ("hr", "hr_people", "lr", "lr_people", "message"),
        [
            (HR, "abc", LR, ["a", "a", "b"], r"hr_people: expected one person per row, 3, got shape \(\)"),
            (HR, [0, 1, 2], LR, [0, 1], r"lr_people: expected one person per row, 3, got shape \(2,\)"),
            (HR, [5, 5, 5], LR, [5, 5, 5], "hr_people: expected at least two people, got 1"),
            (HR, [0, 1, 2], LR, [0, 1, 7], "lr_people: expected people in hr_people, got 7 in row 2"),
            (
                HR,
                [0, 1, 2],
                LR,
                ["0", "1", "2"],
                "lr_people: expected the type of hr_people, int64, got <U1",
            ),
            (
                np.ones((3, 3)),
                [0, 1, 2],
                LR,
                [0, 1, 2],
                "hr: expected rows that differ between people, got the same mean",
            ),
            (HR[:0], [], LR, [0, 1, 2], r"hr: expected \(rows, E\) numbers, at least one row"),
            (HR, [0, 1, 2], LR[:0], [], r"lr: .* got float64 of shape \(0, 3\)"),
            (HR[0], [0, 1, 2], LR, [0, 1, 2], r"hr: .* of shape \(3,\)"),
            (HR, [0, 1, 2], np.full((3, 3), np.inf), [0, 1, 2], "lr: expected finite numbers, got inf in row 0"),
            (HR.astype(str), [0, 1, 2], LR, [0, 1, 2], "hr: expected .* numbers, .* got <U32"),
        ],
    )
    def test_rows_and_people(self, hr, hr_people, lr, lr_people, message):
        with pytest.raises(ValueError, match=message):
            fit_mds(hr, hr_people, lr, lr_people)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"balance": 0}, "balance: expected a number above 0 and at most 1, got 0"),
            ({"balance": 1.1}, "got 1.1"),
            ({"separation": -0.5}, "separation: expected a finite number, 0 or more, got -0.5"),
            ({"separation": np.inf}, "separation: .* got inf"),
            ({"consistency": -1}, "consistency: expected a finite number, 0 or more, got -1"),
            ({"neighbours": 0}, "neighbours: expected at least 1, or None, got 0"),
            ({"dimensions": 0}, "dimensions: expected a whole number, 1 or more, or None, got 0"),
            ({"dimensions": 2.0}, "dimensions: .* got 2.0"),
            ({"iterations": 0}, "iterations: expected a whole number, 1 or more, got 0"),
            ({"ridge": np.nan}, "ridge: expected a finite number, 0 or more, got nan"),
            ({"tolerance": -1e-3}, "tolerance: expected a finite number, 0 or more, got -0.001"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            fit_ldmds(self.HR, [0, 1, 2], self.LR, [0, 1, 2], **options)

    def test_unknown_option(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'momentum'"):
            fit_mds(self.HR, [0, 1, 2], self.LR, [0, 1, 2], momentum=1)

    def test_lr_rows_all_alike_cannot_start_a_map_of_another_width(self):
        with pytest.raises(ValueError, match="lr: expected rows that differ, or centred=False"):
            fit_mds(self.HR, [0, 1, 2], np.ones((2, 4)), [0, 1], one_map=False)
