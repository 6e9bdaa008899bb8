"""The checked training data of a coupled mapping: HR and LR embeddings of the same people."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.metrics.vectors import checked_rows


@dataclass(frozen=True)
class TrainingRows:
    """Rows of both resolutions, and the people they show.

    Attributes:
        hr: (n, E_hr) float64.
        lr: (m, E_lr) float64.
        people: (n + m,) int64, the person of each HR row, then of each LR row.
        counterparts: (n + m, E_hr) float64: each HR row itself, and for each LR row the mean of the person's HR
            rows.
    """

    hr: np.ndarray
    lr: np.ndarray
    people: np.ndarray
    counterparts: np.ndarray

    @property
    def of_hr(self) -> np.ndarray:
        """(n + m,) bool, True for HR rows."""
        return np.arange(len(self.people)) < len(self.hr)


def check_training_rows(hr: ArrayLike, hr_people: ArrayLike, lr: ArrayLike, lr_people: ArrayLike) -> TrainingRows:
    """Check the rows of both resolutions, and find the HR counterpart of each.

    Args:
        hr: (n, E_hr) real, finite.
        hr_people: (n,) names or numbers, at least two people.
        lr: (m, E_lr) real, finite.
        lr_people: (m,), of the same type; all of them must be in `hr_people`, but not the reverse.

    Returns:
        `TrainingRows`.

    Raises:
        ValueError: rows or people have the wrong shape or type, an LR person has no HR row, or all people have the
            same mean HR row.
    """
    hr, hr_people = checked_rows("hr", hr), np.asarray(hr_people)
    lr, lr_people = checked_rows("lr", lr), np.asarray(lr_people)
    for name, rows, people in (("hr_people", hr, hr_people), ("lr_people", lr, lr_people)):
        if people.shape != (len(rows),):
            raise ValueError(f"{name}: expected one person per row, {len(rows)}, got shape {people.shape}")
    if (hr_people.dtype.kind == "U") != (lr_people.dtype.kind == "U"):
        raise ValueError(f"lr_people: expected the type of hr_people, {hr_people.dtype}, got {lr_people.dtype}")
    names, hr_numbers = np.unique(hr_people, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"hr_people: expected at least two people, got {len(names)}")
    unknown = ~np.isin(lr_people, names)
    if unknown.any():
        raise ValueError(
            f"lr_people: expected people in hr_people, got {lr_people[unknown][0]} in row "
            f"{np.flatnonzero(unknown)[0]}"
        )
    lr_numbers = np.searchsorted(names, lr_people)
    means = np.stack([hr[hr_numbers == number].mean(axis=0) for number in range(len(names))])
    if np.allclose(means, means[0], rtol=1e-9, atol=0):
        raise ValueError("hr: expected rows that differ between people, got the same mean for all")
    return TrainingRows(hr, lr, np.concatenate([hr_numbers, lr_numbers]), np.concatenate([hr, means[lr_numbers]]))
