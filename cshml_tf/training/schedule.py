"""The learning rate: by epoch, read from a schedule file in FaceNet's format, or decaying along a cosine.

Each line reads `epoch: rate`; `#` starts a comment; a rate of -1 ends the training. The epoch is
step // epoch_size, counted from 0, and the rate of the last line applies to all later epochs. FaceNet itself
counts from 1 and crashes after the last line and at a line with -1.
"""

import bisect
import dataclasses
import math
from pathlib import Path

from cshml_tf.files import read_lines
from cshml_tf.settings.checks import MOST, SCHEDULED_RATE


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A learning rate that changes at given epochs.

    Attributes:
        epochs: epochs in ascending order, the first 0.
        rates: learning rates, one per entry of `epochs`; -1 stops the training.
        epoch_size: number of steps per epoch.
    """

    epochs: tuple[int, ...]
    rates: tuple[float, ...]
    epoch_size: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0; -1 once training should stop."""
        return self.rates[bisect.bisect_right(self.epochs, step // self.epoch_size) - 1]

    def as_json(self) -> list[list[float]]:
        """Return the schedule as a list of [epoch, rate]."""
        return [list(line) for line in zip(self.epochs, self.rates, strict=True)]

    @property
    def stop_step(self) -> int | None:
        """The first step at which training should stop, or None."""
        stops = [epoch for epoch, rate in zip(self.epochs, self.rates, strict=True) if rate < 0]
        return stops[0] * self.epoch_size if stops else None


@dataclasses.dataclass(frozen=True)
class CosineDecay:
    """A learning rate that decays to 0 along a half cosine.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, without the
    restarts.

    Attributes:
        start: learning rate of the first step.
        stop_step: the step at which the rate reaches 0 and training ends.
    """

    start: float
    stop_step: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return 0.5 * self.start * (1.0 + math.cos(math.pi * min(step / self.stop_step, 1.0)))

    def as_json(self) -> dict[str, list[float]]:
        """Return the schedule as a dict."""
        return {"cosine": [self.start, self.stop_step]}


# The paper's schedule, for FaceNet's 1000 steps per epoch.
PUBLISHED: dict[int, float] = {0: 0.1, 30: 0.01, 70: 0.001, 120: 0.0001}


def make_schedule(
    learning_rate: float, schedule_file: str | Path | None, epoch_size: int, cosine_steps: int | None = None
) -> Schedule | CosineDecay:
    """Choose the schedule as FaceNet does: a positive rate if given, else the file's schedule, else the paper's.

    Args:
        learning_rate: constant or initial rate, or -1 for a schedule by epoch.
        schedule_file: schedule file, or None for the paper's schedule.
        epoch_size: number of steps per epoch, positive.
        cosine_steps: number of steps in which a positive rate decays to 0 along a cosine, or None to keep it
            constant.

    Returns:
        The schedule.

    Raises:
        ValueError: the rate is neither positive nor -1, or the file is not a schedule.
    """
    if learning_rate > 0 and cosine_steps is not None:
        return CosineDecay(learning_rate, cosine_steps)
    if learning_rate > 0:
        return Schedule((0,), (learning_rate,), epoch_size)
    if learning_rate != -1:
        raise ValueError(f"learning_rate: expected a positive rate, or -1 for a schedule, got {learning_rate}")
    rates = read_schedule_file(schedule_file) if schedule_file else PUBLISHED
    epochs = tuple(sorted(rates))
    return Schedule(epochs, tuple(rates[epoch] for epoch in epochs), epoch_size)


def read_schedule_file(path: str | Path) -> dict[int, float]:
    """Read a schedule file: a dict of epoch to rate.

    Raises:
        ValueError: a line does not read `epoch: rate`, an epoch is listed twice, or epoch 0 has no positive rate.
        OSError: the file cannot be read.
    """
    rates: dict[int, float] = {}
    for number, line in enumerate(read_lines(path), start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        epoch_text, _, rate_text = content.partition(":")
        try:
            epoch, rate = int(epoch_text), float(rate_text)
        except ValueError:
            raise ValueError(f"{path}, line {number}: expected 'epoch: rate', got {content!r}") from None
        if epoch < 0 or epoch in rates or not SCHEDULED_RATE.holds(rate):
            raise ValueError(
                f"{path}, line {number}: expected a new epoch of at least 0 and a positive rate or -1, at most "
                f"{MOST}, got {content!r}"
            )
        rates[epoch] = rate
    if 0 not in rates or rates[0] == -1:
        first = f"'{min(rates)}: {rates[min(rates)]:g}' as the first epoch" if rates else "no lines"
        raise ValueError(f"{path}: expected a positive rate for epoch 0, got {first}")
    return rates
