"""What the fit needs of all features: sums per person and squares over everyone, computed once."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class PersonSums:
    """The sufficient statistics of centred features.

    Attributes:
        counts: (people, 2) int64, the numbers m of HR and n of LR features.
        sums: (2, people, d) float64, the sums of each person's HR and LR features.
        squares: (2, d, d) float64, the sum over all features of x x', each times its person's weight.
        weights: (people,) float64, above 0, how much each person counts.
    """

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    weights: np.ndarray

    @property
    def features(self) -> np.ndarray:
        """(2,) float64, the weighted numbers of HR and of LR features."""
        return self.weights @ self.counts


def person_sums(
    rows: tuple[np.ndarray, np.ndarray], people: tuple[np.ndarray, np.ndarray], weights: np.ndarray
) -> PersonSums:
    """Sum features.

    Args:
        rows: the HR features (m, d) and the LR features (n, d), centred.
        people: the person of each, numbers from 0 up.
        weights: (people,) above 0.

    Returns:
        `PersonSums`.
    """
    counts = np.stack([np.bincount(numbers, minlength=len(weights)) for numbers in people], axis=1)
    sums = np.zeros((2, len(weights), rows[0].shape[1]))
    for kind in (0, 1):
        np.add.at(sums[kind], people[kind], rows[kind])
    squares = [
        of_kind.T @ (of_kind * weights[numbers, None]) for of_kind, numbers in zip(rows, people, strict=True)
    ]
    return PersonSums(counts, sums, np.stack(squares), weights)
