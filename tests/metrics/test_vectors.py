"""Rows scaled to unit length, against values worked out by hand."""

import numpy as np

from cshml_tf.metrics.vectors import unit_rows


class TestUnitRows:
    def test_golden_values(self):
        """3, 4 and 2, 3, 6 are sides of a rectangle and a box with diagonals 5 and 7; zero has no direction."""
        np.testing.assert_allclose(unit_rows([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]], atol=1e-15)
        box = unit_rows(np.array([[[2, 3, 6], [0, 0, -5]]]))
        np.testing.assert_allclose(box, [[[2 / 7, 3 / 7, 6 / 7], [0, 0, -1]]], atol=1e-15)

    def test_the_precision_stays_and_the_argument_too(self):
        for dtype, off in ((np.float32, 1e-6), (np.float64, 1e-14)):
            rows = np.random.default_rng(0).normal(size=(50, 8)).astype(dtype)
            kept = rows.copy()
            unit = unit_rows(rows)
            assert unit.dtype == dtype and np.array_equal(rows, kept)
            assert np.abs((unit.astype(float) ** 2).sum(axis=1) - 1).max() < off

    def test_a_broken_row_shows_and_leaves_the_others_alone(self):
        unit = unit_rows(np.array([[np.nan, 1.0], [0.0, 2.0]]))
        assert np.isnan(unit[0, 0]) and np.array_equal(unit[1], [0, 1])
