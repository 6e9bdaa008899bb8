"""Fit the two maps to terms on pairs of rows: initialisation, ridge, and the stacked matrix."""

from dataclasses import dataclass

import numpy as np

from cshml_tf.evaluation.scface.coupled_mappings.majorization import majorize, row_space
from cshml_tf.evaluation.scface.coupled_mappings.mapping import CoupledMapping
from cshml_tf.evaluation.scface.coupled_mappings.pair_terms import PairTerms
from cshml_tf.evaluation.scface.coupled_mappings.training_rows import TrainingRows

# Ridge of the least squares from LR rows to HR counterparts, relative to the mean square of the LR rows. It keeps
# the initial map from fitting noise.
_START_RIDGE = 1.0


@dataclass(frozen=True)
class Fitting:
    """Settings shared by all methods.

    The sources do not specify them for network embeddings; the defaults are ours.

    Attributes:
        dimensions: d, the dimension of the common space, 1 to the rank of the rows that initialise it, or None for
            the width of the HR rows. None starts from the identity, a number from that many principal directions.
        one_map: whether both resolutions share one matrix, which requires rows of equal width; False learns two.
        centred: whether to subtract from the rows of each resolution the mean of its training rows.
        ridge: strength of the ridge, as a multiple of the mean eigenvalue of the quadratic.
        anchored: whether the ridge pulls the matrix to its initial value, so that directions that the training
            rows do not span stay unchanged; False is the textbook ridge, which pulls to zero and so discards those
            directions.
        iterations: maximum number of iterations, 1 or more.
        tolerance: stop once an iteration improves the objective by no more than this share.
    """

    dimensions: int | None = None
    one_map: bool = True
    centred: bool = True
    ridge: float = 2.0
    anchored: bool = True
    iterations: int = 100
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        whole = isinstance(self.dimensions, (int, np.integer)) and not isinstance(self.dimensions, bool)
        if self.dimensions is not None and not (whole and self.dimensions >= 1):
            raise ValueError(f"dimensions: expected a whole number, 1 or more, or None, got {self.dimensions!r}")
        if not isinstance(self.iterations, (int, np.integer)) or self.iterations < 1:
            raise ValueError(f"iterations: expected a whole number, 1 or more, got {self.iterations!r}")
        check_weight("ridge", self.ridge)
        check_weight("tolerance", self.tolerance)


def check_weight(name: str, value: float) -> None:
    """Check that a number is finite and not negative.

    Args:
        name: name of the argument, for the error message.
        value: a real number.

    Raises:
        ValueError: the number is negative or not finite.
    """
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: expected a finite number, 0 or more, got {value}")


def fit_terms(training: TrainingRows, terms: PairTerms, fitting: Fitting) -> CoupledMapping:
    """Fit the maps to the terms of an objective.

    Args:
        training: the rows of both resolutions.
        terms: terms on pairs of these rows, HR rows first.
        fitting: the settings.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: one map is requested for rows of two widths, or more dimensions than the rank of the rows.
    """
    hr_width, lr_width = training.hr.shape[1], training.lr.shape[1]
    if fitting.one_map and hr_width != lr_width:
        raise ValueError(f"one_map: expected HR and LR rows of one width, got {hr_width} and {lr_width}")
    hr_mean, lr_mean = (rows.mean(axis=0) * fitting.centred for rows in (training.hr, training.lr))
    hr, lr = training.hr - hr_mean, training.lr - lr_mean
    start_hr, start_lr = _start(hr, lr, training.counterparts[len(hr) :] - hr_mean, fitting.dimensions)
    if fitting.one_map:
        rows, start = np.vstack([hr, lr]), start_hr
    else:
        # [x 0] and [0 y] times U stacked on V are x U and y V, so two maps are one map of padded rows.
        blank = np.zeros((len(hr), lr_width)), np.zeros((len(lr), hr_width))
        rows, start = np.block([[hr, blank[0]], [blank[1], lr]]), np.vstack([start_hr, start_lr])
    matrix, objectives = majorize(
        rows,
        terms.weights,
        terms.targets,
        start,
        start if fitting.anchored else np.zeros_like(start),
        fitting.ridge,
        fitting.iterations,
        fitting.tolerance,
        terms.constant,
    )
    parts = (matrix, matrix) if fitting.one_map else (matrix[:hr_width], matrix[hr_width:])
    return CoupledMapping(*parts, hr_mean, lr_mean, objectives)


def _start(
    hr: np.ndarray, lr: np.ndarray, counterparts: np.ndarray, dimensions: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the initial maps: one matrix for both, or least squares from LR to HR if the widths differ."""
    one_width = hr.shape[1] == lr.shape[1]
    if dimensions is None:
        start = np.eye(hr.shape[1])
    else:
        directions = row_space(np.vstack([hr, lr]) if one_width else hr)
        if dimensions > len(directions):
            raise ValueError(
                f"dimensions: expected 1 to {len(directions)}, the rank of the training rows, or None, "
                f"got {dimensions}"
            )
        start = directions[:dimensions].T
    if one_width:
        return start, start
    squares = lr.T @ lr
    ridge = _START_RIDGE * np.trace(squares) / len(squares)
    if not ridge:
        raise ValueError("lr: expected rows that differ, or centred=False, got identical rows")
    return start, np.linalg.solve(squares + ridge * np.eye(len(squares)), lr.T @ counterparts) @ start
