"""From terms on pairs of rows to the two maps: the start, the ridge, and the stacked matrix."""

from dataclasses import dataclass

import numpy as np

from cshml_tf.evaluation.scface.coupled_mappings.majorization import majorize, row_space
from cshml_tf.evaluation.scface.coupled_mappings.mapping import CoupledMapping

# Least squares of HR counterparts on LR rows: this share of their mean square keeps it from fitting noise.
_START_RIDGE = 1.0


@dataclass(frozen=True)
class Fitting:
    """What all methods share. The sources leave these open for embeddings of a network: the defaults are ours.

    Attributes:
        dimensions: d, of the common space: 1 to the rank of the rows that start it, or None for the width of the
            HR rows. None begins with the embeddings as they are, a number with their leading principal directions.
        one_map: one matrix for both resolutions, which must then have one width; False learns two.
        centred: take the mean of the training rows of each resolution from its rows first.
        ridge: how strongly the matrix is held, as a multiple of the mean eigenvalue of the quadratic.
        anchored: the ridge holds the matrix to where it began, so that what 50 people do not show stays as the
            networks made it; False holds it to zero, the textbook ridge, and forgets whatever they do not span.
        iterations: at most so many, 1 or more.
        tolerance: stop where an iteration wins no more than this share of the objective.
    """

    dimensions: int | None = None
    one_map: bool = True
    centred: bool = True
    ridge: float = 2.0
    anchored: bool = True
    iterations: int = 100
    tolerance: float = 1e-5

    def __post_init__(self):
        whole = isinstance(self.dimensions, (int, np.integer)) and not isinstance(self.dimensions, bool)
        if self.dimensions is not None and not (whole and self.dimensions >= 1):
            raise ValueError(f"dimensions: expected a whole number from 1, or None, got {self.dimensions!r}")
        if not isinstance(self.iterations, (int, np.integer)) or self.iterations < 1:
            raise ValueError(f"iterations: expected a whole number from 1, got {self.iterations!r}")
        check_weight("ridge", self.ridge)
        check_weight("tolerance", self.tolerance)


def check_weight(name, value):
    """Refuse a number that is negative or not finite.

    Args:
        name: the argument that an error names.
        value: a real number.

    Raises:
        ValueError: a value that is not this.
    """
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: expected a finite number from 0, got {value}")


def fit_terms(training, terms, fitting):
    """Fit the maps to the terms.

    Args:
        training: `TrainingRows`.
        terms: `PairTerms` of these rows, HR rows first.
        fitting: `Fitting`.

    Returns:
        `CoupledMapping`.

    Raises:
        ValueError: one map for rows of two widths, or more dimensions than the rows can start.
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
        # [x 0] and [0 y] times U over V are x U and y V: two maps are one of stacked rows.
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


def _start(hr, lr, counterparts, dimensions):
    """Give the maps to begin with: one matrix for both, or least squares from LR to HR where widths differ."""
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
        raise ValueError("lr: expected rows that differ, or that are not centred, got the same in all")
    return start, np.linalg.solve(squares + ridge * np.eye(len(squares)), lr.T @ counterparts) @ start
