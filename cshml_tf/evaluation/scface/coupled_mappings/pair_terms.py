"""The terms of a scaling objective, gathered into one weight and one target distance a pair of rows."""

import numpy as np
from scipy.spatial.distance import cdist


class PairTerms:
    """A sum of terms, each a weight times the mean of (q_ij - target_ij)^2 over some pairs of rows.

    Two squares of the same distance are one square and a constant: w (q - s)^2 + v (q - t)^2 =
    (w + v) (q - u)^2 + constant, where u is the weighted mean of s and t. So any number of terms is one problem of
    `majorize`.

    Attributes:
        weights: (n, n) float64, symmetric, zero on the diagonal.
        constant: float, what the sum of the terms is above the stress.
    """

    def __init__(self, rows):
        """Begin with no term, for so many rows."""
        self.weights = np.zeros((rows, rows))
        self._weighted_targets = np.zeros((rows, rows))
        self._squares = 0.0

    def add(self, weight, pairs, targets=0.0):
        """Add a term; of no pairs it adds nothing.

        Args:
            weight: float, not negative.
            pairs: (n, n) bool, symmetric, False on the diagonal.
            targets: (n, n) float64, symmetric, or one number for all.
        """
        if not pairs.any():
            return
        share = 2 * weight / pairs.sum() * pairs
        self.weights += share
        self._weighted_targets += share * targets
        self._squares += np.sum(share * np.square(targets)) / 2

    @property
    def targets(self):
        """(n, n) float64, the distance that each pair is drawn to; 0 where no term counts the pair."""
        counted = self.weights > 0
        return np.divide(self._weighted_targets, self.weights, out=np.zeros_like(self.weights), where=counted)

    @property
    def constant(self):
        """What the sum of the terms is above the stress of their weights and targets."""
        return self._squares - np.sum(self.weights * self.targets**2) / 2


def cross_pairs(training):
    """Which pairs are of one HR and one LR row, and which rows show one person.

    Args:
        training: `TrainingRows`.

    Returns:
        (crossing, same): (n + m, n + m) bool each; a row is the same person as itself.
    """
    crossing = training.of_hr[:, None] != training.of_hr
    return crossing, training.people[:, None] == training.people


def target_distances(training, separation=0.0):
    """How far apart two rows should be: as their HR counterparts are, and different people further.

    Args:
        training: `TrainingRows`.
        separation: what is added where the people differ, as a multiple of the mean distance of such rows.

    Returns:
        (n + m, n + m) float64, symmetric.
    """
    different = training.people[:, None] != training.people
    distances = cdist(training.counterparts, training.counterparts)
    return distances + separation * distances[different].mean() * different


def neighbour_pairs(training, neighbours=None):
    """Which pairs of rows of one resolution are neighbours in their own space.

    Args:
        training: `TrainingRows`.
        neighbours: a pair counts where one is among so many nearest of the other; None counts all pairs.

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


def _nearest(rows, neighbours):
    if neighbours is None or neighbours >= len(rows) - 1:
        return np.ones((len(rows),) * 2, bool)
    distances = cdist(rows, rows)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    found = np.zeros(distances.shape, bool)
    found[np.arange(len(rows))[:, None], nearest] = True
    return found | found.T
