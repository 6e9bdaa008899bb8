"""Fit the classifier to embeddings: the mean of each kind, principal directions, covariances."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.metrics.joint_bayesian.classifier import JointBayesian
from cshml_tf.metrics.joint_bayesian.covariances import Covariances
from cshml_tf.metrics.joint_bayesian.maximisation import maximise
from cshml_tf.metrics.joint_bayesian.person_sums import person_sums
from cshml_tf.metrics.vectors import checked_rows


@dataclasses.dataclass(frozen=True)
class Fit:
    """How the classifier is fitted; the sources state none of these values, and the defaults are ours.

    Attributes:
        dimensions: d, the principal directions kept; None keeps all that the embeddings span.
        ridge: variance added to every direction of the covariance of people's means, as a share of the features'
            mean variance.
        noise_ridge: the same of the covariances around the means. People whom the LR network was trained on have
            less noise than others, which this makes up for. None takes that of the means.
        one_mean: whether a person has one mean for both kinds, instead of two that are correlated.
        one_noise: whether both kinds have one noise covariance. With `one_mean`, this is the joint Bayesian
            classifier of features of one kind.
        iterations: maximum number of iterations of the expectation maximisation, 1 or more.
        tolerance: stop once an iteration raises the objective by no more than this, per person.
    """

    dimensions: int | None = None
    ridge: float = 0.01
    noise_ridge: float | None = None
    one_mean: bool = False
    one_noise: bool = False
    iterations: int = 100
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        """Refuse values out of range.

        Raises:
            ValueError: one is.
        """
        if self.dimensions is not None and self.dimensions < 1:
            raise ValueError(f"dimensions: expected 1 or more, or None, got {self.dimensions}")
        if self.iterations < 1:
            raise ValueError(f"iterations: expected 1 or more, got {self.iterations}")
        for name in ("ridge", "noise_ridge", "tolerance"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{name}: expected a finite number, 0 or more, got {value}")


def fit_joint_bayesian(
    hr: ArrayLike,
    hr_people: ArrayLike,
    lr: ArrayLike,
    lr_people: ArrayLike,
    fit: Fit | None = None,
    weights: Mapping[Any, float] | None = None,
) -> tuple[JointBayesian, np.ndarray]:
    """Fit the classifier to HR and LR embeddings of people.

    A person may have embeddings of both kinds or of one, any number of each.

    Args:
        hr: (m, E) real, finite, HR embeddings.
        hr_people: (m,) names or numbers.
        lr: (n, E) real, finite, LR embeddings.
        lr_people: (n,), of the same type.
        fit: how to fit; None for the defaults.
        weights: how much each person counts, above 0; people it lacks count 1. None counts everyone alike.

    Returns:
        (classifier, objectives): the classifier, and (iterations performed + 1,) float64, the objective of the
        expectation maximisation, which never falls.

    Raises:
        ValueError: rows or people have the wrong shape or type, nobody has embeddings of both kinds, more
            directions are asked for than the embeddings span, or the fit breaks down.
    """
    fit = fit or Fit()
    rows = checked_rows("hr", hr), checked_rows("lr", lr)
    if rows[0].shape[1] != rows[1].shape[1]:
        raise ValueError(f"lr: expected rows of the width of hr, {rows[0].shape[1]}, got {rows[1].shape[1]}")
    people, by_person = _numbered(hr_people, lr_people, (len(rows[0]), len(rows[1])), weights or {})
    of_row = tuple(by_person[numbers] for numbers in people)
    means = np.stack([weight @ of_kind / weight.sum() for weight, of_kind in zip(of_row, rows, strict=True)])
    centred = rows[0] - means[0], rows[1] - means[1]
    basis = _principal_directions(centred, of_row, fit.dimensions)
    statistics = person_sums((centred[0] @ basis, centred[1] @ basis), people, by_person)
    spread = statistics.squares / statistics.features[:, None, None]
    variance = float(np.mean(np.trace(spread, axis1=1, axis2=2))) / basis.shape[1]
    ridges = fit.ridge * variance, (fit.ridge if fit.noise_ridge is None else fit.noise_ridge) * variance
    start = _start(spread, ridges, fit)
    covariances, objectives = maximise(statistics, start, ridges, fit.one_noise, fit.iterations, fit.tolerance)
    return JointBayesian(means, basis, covariances), objectives


def _numbered(
    hr_people: ArrayLike, lr_people: ArrayLike, lengths: tuple[int, int], weights: Mapping[Any, float]
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Number the people of both kinds from 0 up, and return the weight of each."""
    named = np.asarray(hr_people), np.asarray(lr_people)
    for name, people, length in zip(("hr_people", "lr_people"), named, lengths, strict=True):
        if people.shape != (length,):
            raise ValueError(f"{name}: expected one person per row, {length}, got shape {people.shape}")
    if (named[0].dtype.kind == "U") != (named[1].dtype.kind == "U"):
        raise ValueError(f"lr_people: expected the type of hr_people, {named[0].dtype}, got {named[1].dtype}")
    names = np.unique(np.concatenate(named))
    numbers = np.searchsorted(names, named[0]), np.searchsorted(names, named[1])
    both = np.intersect1d(*numbers)
    if len(both) < 2:
        raise ValueError(f"lr_people: expected at least two people with rows of both kinds, got {len(both)}")
    by_person = np.array([weights.get(name, 1.0) for name in names.tolist()], np.float64)
    if not (np.isfinite(by_person).all() and (by_person > 0).all()):
        raise ValueError("weights: expected finite numbers above 0, got others")
    return numbers, by_person


def _principal_directions(
    rows: tuple[np.ndarray, ...], weights: tuple[np.ndarray, ...], dimensions: int | None
) -> np.ndarray:
    """Return the directions of largest variance of both kinds, each counting alike: (E, d)."""
    spread = np.zeros((rows[0].shape[1],) * 2)
    for of_kind, weight in zip(rows, weights, strict=True):
        spread += of_kind.T @ (of_kind * weight[:, None]) / weight.sum()
    values, vectors = np.linalg.eigh(spread)
    # The variance of directions that the rows do not span is a rounding error.
    rank = int(np.sum(values > 1e-10 * values[-1]))
    if not rank or (dimensions or 1) > rank:
        raise ValueError(
            f"dimensions: expected 1 to {rank}, the directions that the embeddings span, got {dimensions}"
        )
    return vectors[:, ::-1][:, : dimensions or rank]


def _start(spread: np.ndarray, ridges: tuple[float, float], fit: Fit) -> Covariances:
    """Start from features of which half the variance is the person's, and the two kinds' means are correlated."""
    mean, noise = (spread.mean(axis=0) / 2 + ridge * np.eye(spread.shape[-1]) for ridge in ridges)
    people = mean if fit.one_mean else np.block([[mean, mean / 2], [mean / 2, mean]])
    return Covariances(people, np.stack([noise, noise]))
