"""The terms of a scaling objective, combined into one weight and one target distance per pair of rows."""

import numpy as np
from scipy.spatial.distance import cdist

from cshml_tf.evaluation.scface.coupled_mappings.training_rows import TrainingRows


class PairTerms:
    """A sum of terms, each a weight times the mean of (q_ij - target_ij)^2 over some pairs of rows.

    Two squares of the same distance combine to one square and a constant: w (q - s)^2 + v (q - t)^2 =
    (w + v) (q - u)^2 + constant, where u is the weighted mean of s and t. So any number of terms is a single
    problem for `majorize`.

    Args:
        rows: number of rows, n.

    Attributes:
        weights: (n, n) float64, symmetric, zero on the diagonal.
    """

    def __init__(self, rows: int) -> None:
        self.weights = np.zeros((rows, rows))
        self._weighted_targets = np.zeros((rows, rows))
        self._squares = 0.0

    def add(self, weight: float, pairs: np.ndarray, targets: np.ndarray | float = 0.0) -> None:
        """Add a term; without any pair it has no effect.

        Args:
            weight: float, not negative.
            pairs: (n, n) bool, symmetric, False on the diagonal.
            targets: (n, n) float64, symmetric, or one number for all pairs.
        """
        if not pairs.any():
            return
        share = 2 * weight / pairs.sum() * pairs
        self.weights += share
        self._weighted_targets += share * targets
        self._squares += np.sum(share * np.square(targets)) / 2

    @property
    def targets(self) -> np.ndarray:
        """(n, n) float64, the target distance of each pair; 0 where no term includes the pair."""
        counted = self.weights > 0
        return np.divide(self._weighted_targets, self.weights, out=np.zeros_like(self.weights), where=counted)

    @property
    def constant(self) -> float:
        """The difference between the sum of the terms and the stress of their weights and targets."""
        return float(self._squares - np.sum(self.weights * self.targets**2) / 2)


def cross_pairs(training: TrainingRows) -> tuple[np.ndarray, np.ndarray]:
    """Find the pairs of one HR and one LR row, and the pairs that show the same person.

    Args:
        training: the rows of both resolutions.

    Returns:
        (crossing, same): (n + m, n + m) bool each; `same` is True on the diagonal.
    """
    crossing = training.of_hr[:, None] != training.of_hr
    return crossing, training.people[:, None] == training.people


def target_distances(training: TrainingRows, separation: float = 0.0) -> np.ndarray:
    """Compute target distances: those of the HR counterparts, increased for different people.

    Args:
        training: the rows of both resolutions.
        separation: distance added between different people, as a multiple of their mean distance.

    Returns:
        (n + m, n + m) float64, symmetric.
    """
    different = training.people[:, None] != training.people
    distances = cdist(training.counterparts, training.counterparts)
    return distances + separation * distances[different].mean() * different


def neighbour_pairs(training: TrainingRows, neighbours: int | None = None) -> np.ndarray:
    """Find the pairs of rows of the same resolution that are neighbours in their own space.

    Args:
        training: the rows of both resolutions.
        neighbours: k; a pair counts if one row is among the k nearest of the other. None counts all pairs.

    Returns:
        (n + m, n + m) bool, symmetric, False on the diagonal.
    """
    found = np.zeros((len(training.people),) * 2, bool)
    first = 0
    for rows in (training.hr, training.lr):
        block = np.s_[first : first + len(rows)]
        found[block, block] = _nearest(rows, neighbours)
        first += len(rows)
    np.fill_diagonal(found, False)
    return found


def _nearest(rows: np.ndarray, neighbours: int | None) -> np.ndarray:
    if neighbours is None or neighbours >= len(rows) - 1:
        return np.ones((len(rows),) * 2, bool)
    distances = cdist(rows, rows)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    found = np.zeros(distances.shape, bool)
    found[np.arange(len(rows))[:, None], nearest] = True
    return found | found.T
