"""Expectation maximisation: covariances under which the training features are most likely.

The expectation step finds, for a person with m HR and n LR features, the distribution of the two means given the
features: covariance C = (S^-1 + diag(m T_x^-1, n T_y^-1))^-1 and mean u = C [T_x^-1 sum x; T_y^-1 sum y]. The
maximisation step sets S to the mean over people of u u' + C, and each T to the mean square of the features around
u, plus C. With one mean per person, both kinds stand in the same place of u.

The ridges r of S and q of each T add multiples of the identity to the new covariances. That is the maximum of the
likelihood times a prior that makes small covariances unlikely, whose logarithm is -1/2 (r people trace S^-1 + q
features trace T^-1). The objective includes it, and so never falls.
"""

import numpy as np
from scipy import linalg

from cshml_tf.metrics.joint_bayesian.covariances import Covariances
from cshml_tf.metrics.joint_bayesian.person_sums import PersonSums

# An objective that falls by more than this share of itself is no rounding error.
_ROUNDING = 1e-9


def maximise(
    statistics: PersonSums,
    start: Covariances,
    ridges: tuple[float, float] = (0.0, 0.0),
    one_noise: bool = False,
    iterations: int = 100,
    tolerance: float = 1e-3,
) -> tuple[Covariances, np.ndarray]:
    """Fit covariances by expectation maximisation.

    Args:
        statistics: the centred features.
        start: covariances to start from; they decide whether a person has one mean.
        ridges: variances added to every direction, 0 or more: to those of S and to those of each T.
        one_noise: whether both kinds have one noise covariance.
        iterations: maximum number of iterations, 1 or more.
        tolerance: stop once an iteration raises the objective by no more than this, per person.

    Returns:
        (covariances, objectives): (iterations performed + 1,) float64, the objective per person at the start and
        after each iteration: the log-likelihood of the features, plus the ridge's prior.

    Raises:
        ValueError: a covariance becomes singular, or the objective falls by more than rounding errors.
    """
    covariances, objectives = start, []
    while True:
        try:
            objective, following = _step(statistics, covariances, ridges, one_noise)
        except linalg.LinAlgError:
            raise ValueError(
                f"ridge: expected ones that keep covariances positive definite, got {_shown(ridges)}"
            ) from None
        if objectives and objective < objectives[-1] - _ROUNDING * abs(objectives[-1]):
            raise ValueError(
                f"joint Bayesian: expected an objective that never falls, got {objective} after {objectives[-1]} "
                f"in iteration {len(objectives)}; larger ridges than {_shown(ridges)} make it more exact"
            )
        objectives.append(objective)
        if len(objectives) > iterations or _settled(objectives, tolerance):
            return covariances, np.array(objectives)
        covariances = following


def _settled(objectives: list[float], tolerance: float) -> bool:
    return len(objectives) > 1 and objectives[-1] - objectives[-2] <= tolerance


def _shown(ridges: tuple[float, float]) -> str:
    return f"{ridges[0]:g} for people and {ridges[1]:g} for noises"


def _step(
    statistics: PersonSums, now: Covariances, ridges: tuple[float, float], one_noise: bool
) -> tuple[float, Covariances]:
    """Return the objective of the covariances, and those of the next iteration."""
    of_people, of_noises = ridges
    people_inverse, people_log = _inverse(now.people)
    inverses, noise_logs = zip(*map(_inverse, now.noises), strict=True)
    # T^-1 sum x, for each person, where its kind stands in the vector of means.
    pulls = np.zeros((len(statistics.weights), len(now.people)))
    for kind in (0, 1):
        pulls[:, now.place(kind)] += statistics.sums[kind] @ inverses[kind]
    scatter = np.zeros_like(now.people)
    residuals = statistics.squares.copy()
    total = 0.0
    kinds, group_of = np.unique(statistics.counts, axis=0, return_inverse=True)
    for group, counts in enumerate(kinds):
        # All people with the same numbers of features share C.
        rows = np.flatnonzero(group_of.ravel() == group)
        precision = people_inverse.copy()
        for kind in (0, 1):
            place = now.place(kind)
            precision[place, place] += counts[kind] * inverses[kind]
        posterior, precision_log = _inverse(precision)
        weights, means = statistics.weights[rows], pulls[rows] @ posterior
        weight = weights.sum()
        weighted = means * weights[:, None]
        scatter += means.T @ weighted + weight * posterior
        total += np.sum(weighted * pulls[rows]) - weight * precision_log
        for kind in (0, 1):
            place = now.place(kind)
            crossed = statistics.sums[kind][rows].T @ weighted[:, place]
            around = means[:, place].T @ weighted[:, place] + weight * posterior[place, place]
            residuals[kind] += counts[kind] * around - crossed - crossed.T
    features, everyone = statistics.features, statistics.weights.sum()
    for kind in (0, 1):
        total -= features[kind] * (noise_logs[kind] + now.width * np.log(2 * np.pi))
        total -= np.sum(statistics.squares[kind] * inverses[kind])
        total -= of_noises * features[kind] * np.trace(inverses[kind])
    total -= everyone * (people_log + of_people * np.trace(people_inverse))
    if one_noise:
        residuals[:] = residuals.sum(axis=0)
        features = np.full(2, features.sum())
    noises = np.stack([_ridged(residuals[kind] / features[kind], of_noises) for kind in (0, 1)])
    return total / (2 * everyone), Covariances(_ridged(scatter / everyone, of_people), noises)


def _ridged(matrix: np.ndarray, ridge: float) -> np.ndarray:
    """Return a symmetric matrix, free of rounding errors that are not, with the ridge added."""
    return (matrix + matrix.T) / 2 + ridge * np.eye(len(matrix))


def _inverse(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the inverse and the log-determinant of a positive definite matrix."""
    factor = linalg.cholesky(matrix, lower=True)
    inverse = linalg.cho_solve((factor, True), np.eye(len(matrix)))
    return (inverse + inverse.T) / 2, 2 * float(np.log(np.diag(factor)).sum())
