"""The covariances of the model, and the log-likelihood ratio of two features under it."""

import dataclasses

import numpy as np
from scipy import linalg

# The kinds of features, in the order of everything that has one entry per kind.
HR, LR = 0, 1


@dataclasses.dataclass(frozen=True, eq=False)
class Covariances:
    """What is known of people and of noise.

    Attributes:
        people: (2 d, 2 d) float64, S, the covariance of a person's HR mean followed by the LR mean; or (d, d) if a
            person has one mean for both kinds.
        noises: (2, d, d) float64, T_x and T_y, the covariances of a person's HR and LR features around the means.
    """

    people: np.ndarray
    noises: np.ndarray

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit together.

        Raises:
            ValueError: they do not.
        """
        width = self.noises.shape[-1]
        if self.noises.shape != (2, width, width) or self.people.shape not in [(width,) * 2, (2 * width,) * 2]:
            raise ValueError(
                "covariances: expected people (2 d, 2 d) or (d, d), and noises (2, d, d), got "
                f"{self.people.shape} and {self.noises.shape}"
            )

    @property
    def width(self) -> int:
        """The length d of a feature."""
        return self.noises.shape[-1]

    @property
    def one_mean(self) -> bool:
        """Whether a person has one mean for both kinds."""
        return len(self.people) == self.width

    def place(self, kind: int) -> slice:
        """Return where a kind's mean stands in a person's vector of means."""
        start = 0 if self.one_mean else kind * self.width
        return slice(start, start + self.width)

    def of_means(self, first: int, second: int) -> np.ndarray:
        """Return the covariance of a person's means of two kinds: (d, d)."""
        return self.people[self.place(first), self.place(second)]

    def of_feature(self, kind: int) -> np.ndarray:
        """Return the covariance of the features of one kind, over all people: (d, d)."""
        return self.of_means(kind, kind) + self.noises[kind]

    def check(self) -> None:
        """Refuse covariances that are not covariances.

        Raises:
            ValueError: one of them is not finite, not symmetric or not positive definite.
        """
        named = {"people": self.people, "the noise of HR": self.noises[HR], "the noise of LR": self.noises[LR]}
        for name, matrix in named.items():
            scale = np.abs(matrix).max(initial=0)
            if not np.isfinite(scale) or np.abs(matrix - matrix.T).max(initial=0) > 1e-8 * scale:
                raise ValueError(f"covariance of {name}: expected a symmetric matrix of finite numbers")
            try:
                linalg.cholesky(matrix)
            except linalg.LinAlgError:
                raise ValueError(f"covariance of {name}: expected a positive definite matrix") from None


class Ratio:
    """log p(x, y | one person) - log p(x, y | two people) for features of two kinds, with its constant.

    Both are Gaussian, and differ only in the covariance of x with y. With the inverse [[P, Q], [Q', R]] of the
    joint covariance for one person, the ratio is half of
    x' (Cov(x)^-1 - P) x + y' (Cov(y)^-1 - R) y - 2 x' Q y + log|Cov(x)| + log|Cov(y)| - log|Cov(x, y)|.

    Args:
        covariances: the model.
        first: kind of x, `HR` or `LR`.
        second: kind of y.
    """

    def __init__(self, covariances: Covariances, first: int, second: int) -> None:
        of_first, of_second = covariances.of_feature(first), covariances.of_feature(second)
        crossed = covariances.of_means(first, second)
        joint = np.block([[of_first, crossed], [crossed.T, of_second]])
        inverse = linalg.inv(joint)
        width = covariances.width
        self._first = linalg.inv(of_first) - inverse[:width, :width]
        self._second = linalg.inv(of_second) - inverse[width:, width:]
        self._crossed = inverse[:width, width:]
        self._constant = _log_determinant(of_first) + _log_determinant(of_second) - _log_determinant(joint)

    def of_pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Score pairs: two (pairs, d) arrays -> (pairs,) float64."""
        crossed = np.einsum("nd,nd->n", first @ self._crossed, second)
        return (_squares(first, self._first) + _squares(second, self._second) - 2 * crossed + self._constant) / 2

    def of_all(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Score every x with every y: (n, d) and (m, d) -> (n, m) float64."""
        own = _squares(first, self._first)[:, None] + _squares(second, self._second)
        return (own - 2 * first @ self._crossed @ second.T + self._constant) / 2


def _squares(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows @ matrix, rows)


def _log_determinant(matrix: np.ndarray) -> float:
    return float(np.linalg.slogdet(matrix)[1])
