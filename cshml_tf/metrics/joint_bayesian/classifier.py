"""The fitted classifier: embeddings in, log-likelihood ratios out."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.metrics.joint_bayesian.covariances import HR, LR, Covariances, Ratio
from cshml_tf.metrics.vectors import checked_rows


@dataclasses.dataclass(frozen=True, eq=False)
class JointBayesian:
    """A heterogeneous joint Bayesian classifier of embeddings.

    Attributes:
        means: (2, E) float64, the mean HR and the mean LR embedding, subtracted from those of their kind.
        basis: (E, d) float64 with orthonormal columns, the principal directions that are kept.
        covariances: the model of the features, which are the centred embeddings times `basis`.
    """

    means: np.ndarray
    basis: np.ndarray
    covariances: Covariances

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit together.

        Raises:
            ValueError: they do not.
        """
        if self.means.shape != (2, len(self.basis)) or self.basis.shape[1:] != (self.covariances.width,):
            raise ValueError(
                "joint Bayesian: expected means (2, E), a basis (E, d) and covariances of d directions, got "
                f"{self.means.shape}, {self.basis.shape} and {self.covariances.width}"
            )

    def features(self, rows: ArrayLike, kind: int) -> np.ndarray:
        """Return the features of embeddings of a kind, `HR` or `LR`.

        Args:
            rows: (n, E) real, finite.
            kind: `HR` or `LR`.

        Returns:
            (n, d) float64.

        Raises:
            ValueError: the rows have the wrong shape or type, or contain a number that is not finite.
        """
        return (checked_rows("rows", rows, len(self.basis)) - self.means[kind]) @ self.basis

    def score_pairs(self, first: ArrayLike, second: ArrayLike, kinds: tuple[int, int] = (HR, LR)) -> np.ndarray:
        """Score pairs of embeddings.

        Args:
            first: (pairs, E) real, finite.
            second: the same shape.
            kinds: the kind of each side; any two, such as (LR, LR).

        Returns:
            (pairs,) float64: log p(pair | one person) - log p(pair | two people), natural logarithms.

        Raises:
            ValueError: as for `features`.
        """
        sides = self.features(first, kinds[0]), self.features(second, kinds[1])
        return Ratio(self.covariances, *kinds).of_pairs(*sides)

    def similarity(self, lr_rows: ArrayLike, hr_rows: ArrayLike) -> np.ndarray:
        """Compare LR probes with an HR gallery, in the form that `cshml_tf.metrics.matching` takes.

        Args:
            lr_rows: (probes, E) real, finite.
            hr_rows: (gallery, E) real, finite.

        Returns:
            (probes, gallery) float64, the log-likelihood ratio of each pair.

        Raises:
            ValueError: as for `features`.
        """
        return Ratio(self.covariances, LR, HR).of_all(self.features(lr_rows, LR), self.features(hr_rows, HR))
