"""The learning rate: by epoch, read from a file of FaceNet's form, or falling along a cosine.

A line is `epoch: rate`; `#` begins a comment; a rate of -1 ends the training. The epoch is step // epoch_size,
counted from 0, and the last line's rate holds for ever. FaceNet itself counts from 1 and crashes after the
last line and at the line that stops.
"""

import bisect
import dataclasses
import math
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A learning rate that changes at given epochs.

    Attributes:
        epochs: rising tuple of epochs, the first 0.
        rates: tuple of learning rates, one an epoch of `epochs`; -1 stops.
        epoch_size: steps an epoch.
    """

    epochs: tuple
    rates: tuple
    epoch_size: int

    def rate(self, step):
        """Give the learning rate of a step, counted from 0; -1 once training is to stop."""
        return self.rates[bisect.bisect_right(self.epochs, step // self.epoch_size) - 1]

    def as_json(self):
        """Give the schedule as a list of [epoch, rate]."""
        return [list(line) for line in zip(self.epochs, self.rates, strict=True)]

    @property
    def stop_step(self):
        """The first step at which training is to stop, or None."""
        stops = [epoch for epoch, rate in zip(self.epochs, self.rates, strict=True) if rate < 0]
        return stops[0] * self.epoch_size if stops else None


@dataclasses.dataclass(frozen=True)
class CosineDecay:
    """A learning rate that falls to 0 along half a cosine.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, without the
    restarts.

    Attributes:
        start: the first step's rate.
        stop_step: the step at which it would be 0, and training ends.
    """

    start: float
    stop_step: int

    def rate(self, step):
        """Give the learning rate of a step, counted from 0."""
        return 0.5 * self.start * (1.0 + math.cos(math.pi * min(step / self.stop_step, 1.0)))

    def as_json(self):
        """Give the schedule as a dict."""
        return {"cosine": [self.start, self.stop_step]}


# The paper's schedule, at FaceNet's 1000 steps an epoch.
PUBLISHED = {0: 0.1, 30: 0.01, 70: 0.001, 120: 0.0001}


def make_schedule(learning_rate, schedule_file, epoch_size, cosine_steps=None):
    """Choose the schedule as FaceNet does: a rate above 0 is constant, else the file's, else the paper's.

    Args:
        learning_rate: constant rate, or -1 for a schedule.
        schedule_file: path, or None for the paper's schedule.
        epoch_size: steps an epoch, positive.
        cosine_steps: steps in which the rate falls to 0 along a cosine, or None for a constant rate.

    Raises:
        ValueError: a rate that is neither positive nor -1, or a file that is no schedule.
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


def read_schedule_file(path):
    """Read a schedule file: a dict of epoch to rate.

    Raises:
        ValueError: a line that is no `epoch: rate`, an epoch twice, or no rate for epoch 0.
        OSError: the file cannot be read.
    """
    rates = {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, got {error.reason}") from error
    for number, line in enumerate(lines, start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        epoch_text, _, rate_text = content.partition(":")
        try:
            epoch, rate = int(epoch_text), float(rate_text)
        except ValueError:
            raise ValueError(f"{path}, line {number}: expected 'epoch: rate', got {content!r}") from None
        if epoch < 0 or epoch in rates or not (0 < rate < math.inf or rate == -1):
            raise ValueError(
                f"{path}, line {number}: expected a new epoch from 0 on and a positive rate or -1, got {content!r}"
            )
        rates[epoch] = rate
    if 0 not in rates or rates[0] == -1:
        raise ValueError(f"{path}: expected a rate for epoch 0, got {sorted(rates)[:1] or 'no line'}")
    return rates
