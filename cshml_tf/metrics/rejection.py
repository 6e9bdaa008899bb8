"""How well a quality figure predicts errors: the error rate of what is left once the worst is rejected.

Source: the error-versus-reject curve of Grother and Tabassi, "Performance of biometric quality measures", 2007.
Its area is compared with those of two others: rejection at random, which leaves the error rate as it is, and that
of an oracle, which rejects the errors first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# The largest share rejected that counts in an area: nobody who rejects more would use such a camera.
MOST_REJECTED = 0.5
_RESAMPLES = 400


@dataclass(frozen=True)
class Prediction:
    """How well a quality figure predicts errors.

    Attributes:
        area: mean error rate of what is left, over all shares rejected from 0 to `MOST_REJECTED`.
        random: the same for rejection at random: the error rate itself.
        oracle: the same if errors are rejected first.
        gain: (random - area) / (random - oracle): 1 for the oracle, 0 for chance, negative if the figure rejects
            what is right; None if nothing or everything is an error.
        interval: 95 % interval of the gain, from 400 resamples of the people; None if there is no gain in one.
    """

    area: float
    random: float
    oracle: float
    gain: float | None
    interval: tuple[float, float] | None


def error_reject_curve(errors: ArrayLike, quality: ArrayLike, rejected: Sequence[float]) -> np.ndarray:
    """Measure the error rate of what is left after rejecting the shares of lowest quality.

    Of equal qualities, any may go first: the curve is the mean over all orders.

    Args:
        errors: (probes,) bool, or the shares of errors.
        quality: (probes,) real, higher is better.
        rejected: shares, each 0 <= share < 1.

    Returns:
        (len(rejected),) float64, 0..1.

    Raises:
        ValueError: the lengths differ, there are no probes, a value is not finite, or a share is out of range.
    """
    rates = _rates_of_best(*_checked(errors, quality))
    shares = np.asarray(rejected, np.float64)
    if not ((shares >= 0) & (shares < 1)).all():
        raise ValueError(f"rejected: expected shares from 0 to below 1, got {list(rejected)}")
    return rates[_left(len(rates), shares) - 1]


def predict_errors(
    errors: ArrayLike, quality: ArrayLike, people: ArrayLike | None = None, seed: int = 0
) -> Prediction:
    """Measure how well a quality figure predicts errors.

    Args:
        errors: (probes,) bool, or the shares of errors.
        quality: (probes,) real, higher is better.
        people: (probes,) labels; probes of one person are resampled together, since they share a portrait. None
            takes every probe for a person.
        seed: of the resampling.

    Returns:
        `Prediction`.

    Raises:
        ValueError: as `error_reject_curve`.
    """
    errors, quality = _checked(errors, quality)
    area, oracle, gain = _areas(errors, quality)
    rows = np.arange(len(errors)) if people is None else np.asarray(people)
    members = [np.flatnonzero(rows == person) for person in np.unique(rows)]
    random, gains = np.random.default_rng(seed), []
    for _ in range(_RESAMPLES if gain is not None else 0):
        drawn = np.concatenate([members[place] for place in random.integers(0, len(members), len(members))])
        gains.append(_areas(errors[drawn], quality[drawn])[2])
    interval = None
    if gains and None not in gains:
        low, high = np.percentile(np.array(gains, np.float64), [2.5, 97.5])
        interval = float(low), float(high)
    return Prediction(area, float(errors.mean()), oracle, gain, interval)


def _areas(errors: np.ndarray, quality: np.ndarray) -> tuple[float, float, float | None]:
    """Return the area of a figure's curve and of the oracle's, and the figure's gain."""
    fewest = _left(len(errors), np.array([MOST_REJECTED]))[0]
    area, oracle = (float(_rates_of_best(errors, each)[fewest - 1 :].mean()) for each in (quality, -errors))
    random = float(errors.mean())
    return area, oracle, (random - area) / (random - oracle) if random - oracle > 1e-12 else None


def _rates_of_best(errors: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Return the error rates of the best 1, 2, ... probes: (probes,) float64."""
    _, groups, sizes = np.unique(-quality, return_inverse=True, return_counts=True)
    means = np.bincount(groups, errors) / sizes
    return np.cumsum(np.repeat(means, sizes)) / np.arange(1, len(errors) + 1)


def _left(probes: int, rejected: np.ndarray) -> np.ndarray:
    """Return how many probes are left once these shares are rejected, at least one."""
    return np.maximum(probes - np.floor(rejected * probes + 1e-9).astype(int), 1)


def _checked(errors: ArrayLike, quality: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    errors, quality = np.asarray(errors, np.float64), np.asarray(quality, np.float64)
    if errors.ndim != 1 or errors.shape != quality.shape or not errors.size:
        raise ValueError(
            "errors and quality: expected one value per probe in each and at least one probe, "
            f"got shapes {errors.shape} and {quality.shape}"
        )
    if not ((errors >= 0) & (errors <= 1)).all() or not np.isfinite(quality).all():
        raise ValueError("errors and quality: expected shares of 0..1 and finite numbers, got others")
    return errors, quality
