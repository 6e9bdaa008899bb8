"""Stress and its minimisation, compared with values derived by hand, naive loops and numerical gradients."""

import itertools

import numpy as np
import pytest

from cshml_tf.evaluation.scface.coupled_mappings.majorization import majorize, row_space, stress


class TestStress:
    def test_golden_value(self):
        """Points 0, 3 and 4i have distances 3, 4, 5; targets 1, 4, 7 at weights 1, 10, 2: 4 + 0 + 8."""
        images = np.array([[0.0, 0], [3, 0], [0, 4]])
        targets = np.array([[0.0, 1, 4], [1, 0, 7], [4, 7, 0]])
        weights = np.array([[0.0, 1, 10], [1, 0, 2], [10, 2, 0]])
        assert stress(images, weights, targets) == pytest.approx(12, abs=1e-12)

    @pytest.mark.parametrize("seed", range(3))
    def test_naive_loop(self, seed):
        random = np.random.default_rng(seed)
        images = random.normal(size=(9, 4))
        weights, targets = (np.abs(half + half.T) for half in random.normal(size=(2, 9, 9)))
        np.fill_diagonal(weights, 0)
        naive = sum(
            weights[i, j] * (np.linalg.norm(images[i] - images[j]) - targets[i, j]) ** 2
            for i, j in itertools.combinations(range(9), 2)
        )
        assert stress(images, weights, targets) == pytest.approx(naive, rel=1e-12)


def random_scaling(seed, rows=12, width=7, rank=None):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(rows, rank or width)) @ random.normal(size=(rank or width, width))
    weights, targets = (np.abs(half + half.T) for half in random.normal(size=(2, len(rows), len(rows))))
    np.fill_diagonal(weights, 0)
    return rows, weights, targets, random.normal(size=(width, 4))


class TestMajorize:
    @pytest.mark.parametrize("ridge", [0.0, 0.1, 5.0])
    @pytest.mark.parametrize("rank", [None, 3])
    @pytest.mark.parametrize("seed", range(3))
    def test_the_objective_never_rises(self, seed, rank, ridge):
        rows, weights, targets, start = random_scaling(seed, rank=rank)
        weights[np.random.default_rng(seed).random(weights.shape) < 0.3] = 0
        weights = np.minimum(weights, weights.T)
        _, objectives = majorize(rows, weights, targets, start, 0 * start, ridge, iterations=300, tolerance=0)
        assert np.all(np.diff(objectives) <= 1e-12 * objectives[0])
        assert objectives[-1] < 0.9 * objectives[0]
        assert objectives[0] >= stress(rows @ start, weights, targets) - 1e-9

    @pytest.mark.parametrize("ridge", [0.0, 0.3])
    def test_ends_where_the_gradient_is_zero(self, ridge):
        """By central differences of an objective written out here, against the gradient at the start."""
        rows, weights, targets, start = random_scaling(5)
        anchor = np.random.default_rng(6).normal(size=start.shape)
        matrix, objectives = majorize(
            rows, weights, targets, start, anchor, ridge, iterations=20000, tolerance=1e-15
        )
        laplacian = np.diag(weights.sum(axis=1)) - weights
        held = ridge * np.trace(rows.T @ laplacian @ rows) / rows.shape[1]

        def objective(candidate):
            return stress(rows @ candidate, weights, targets) + held * np.sum((candidate - anchor) ** 2)

        def slopes(at):
            steps = 1e-5 * np.eye(at.size).reshape(at.size, *at.shape)
            return np.array([(objective(at + step) - objective(at - step)) / 2e-5 for step in steps])

        assert objectives[-1] == pytest.approx(objective(matrix), rel=1e-12)
        assert np.max(np.abs(slopes(matrix))) < 1e-4 * np.max(np.abs(slopes(start)))

    def test_attainable_distances_are_attained(self):
        rows, weights, _, truth = random_scaling(7)
        images = rows @ truth
        targets = np.linalg.norm(images[:, None] - images, axis=-1)
        start = truth + 0.2 * np.random.default_rng(8).normal(size=truth.shape)
        matrix, objectives = majorize(rows, weights, targets, start, start, iterations=5000, tolerance=0)
        assert objectives[-1] < 1e-10 * objectives[0]
        found = np.linalg.norm((rows @ matrix)[:, None] - rows @ matrix, axis=-1)
        assert np.max(np.abs(found - targets)) < 1e-4

    def test_directions_that_the_rows_do_not_span_keep_the_anchor(self):
        rows, weights, targets, start = random_scaling(9, rank=3)
        anchor = np.random.default_rng(10).normal(size=start.shape)
        basis = row_space(rows)
        assert basis.shape == (3, 7)
        matrix, _ = majorize(rows, weights, targets, start, anchor, 0.5)
        outside = np.eye(7) - basis.T @ basis
        assert np.max(np.abs(outside @ (matrix - anchor))) < 1e-12
        assert np.max(np.abs(matrix - anchor)) > 0.1

    def test_coinciding_rows_do_no_harm(self):
        rows, weights, targets, start = random_scaling(11)
        rows[1] = rows[0]
        matrix, objectives = majorize(rows, weights, targets, start, start, 0.1, tolerance=0)
        assert np.isfinite(matrix).all() and np.all(np.diff(objectives) <= 1e-12 * objectives[0])

    def test_stops_by_tolerance(self):
        _, objectives = majorize(*random_scaling(12), np.zeros((7, 4)), tolerance=0.01)
        gains = -np.diff(objectives) / objectives[:-1]
        assert len(objectives) < 100 and gains[-1] <= 0.01 and np.all(gains[:-1] > 0.01)
