"""A coupled mapping: two linear maps into one space, where HR and LR embeddings are compared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from cshml_tf.metrics.vectors import checked_rows, unit_rows


@dataclass(frozen=True, eq=False)
class CoupledMapping:
    """Linear maps of HR and of LR embeddings.

    Attributes:
        hr: (E_hr, d) float64.
        lr: (E_lr, d) float64; equal to `hr` where one matrix was learned for both.
        hr_mean: (E_hr,) float64, subtracted from HR rows before mapping.
        lr_mean: (E_lr,) float64, subtracted from LR rows before mapping.
        objectives: (iterations + 1,) float64, the minimised objective at the start and after each iteration.
    """

    hr: np.ndarray
    lr: np.ndarray
    hr_mean: np.ndarray
    lr_mean: np.ndarray
    objectives: np.ndarray

    def map_hr(self, rows: ArrayLike) -> np.ndarray:
        """Map HR embeddings.

        Args:
            rows: (n, E_hr) real, finite.

        Returns:
            (n, d) float64.

        Raises:
            ValueError: the rows have the wrong shape or type, or contain a number that is not finite.
        """
        return (checked_rows("rows", rows, len(self.hr)) - self.hr_mean) @ self.hr

    def map_lr(self, rows: ArrayLike) -> np.ndarray:
        """Map LR embeddings.

        Args:
            rows: (n, E_lr) real, finite.

        Returns:
            (n, d) float64.

        Raises:
            ValueError: the rows have the wrong shape or type, or contain a number that is not finite.
        """
        return (checked_rows("rows", rows, len(self.lr)) - self.lr_mean) @ self.lr

    def similarity(self, lr_rows: ArrayLike, hr_rows: ArrayLike, cosine: bool = False) -> np.ndarray:
        """Compare LR probes with an HR gallery, in the form that `cshml_tf.metrics.matching` takes.

        Args:
            lr_rows: (probes, E_lr) real, finite.
            hr_rows: (gallery, E_hr) real, finite.
            cosine: whether to compare only the directions of the mapped rows, although the maps are fitted to
                distances.

        Returns:
            (probes, gallery) float64: the negative Euclidean distance of the mapped rows, or their cosine, which
            is 0 where a row is mapped to zero.

        Raises:
            ValueError: the rows have the wrong shape or type, or contain a number that is not finite.
        """
        probes, gallery = self.map_lr(lr_rows), self.map_hr(hr_rows)
        return unit_rows(probes) @ unit_rows(gallery).T if cosine else -cdist(probes, gallery)
