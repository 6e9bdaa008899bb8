"""Loss terms that stay on the device for several steps, so that training does not wait for each of them."""

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from cshml_tf.training.history import History

# The batches of more steps, queued on a device at once, could fill its memory.
_MOST = 100


class TrainingDiverged(ValueError):
    """A loss term is no longer finite; the message names the step and the term."""


class _Step(NamedTuple):
    number: int
    learning_rate: float
    terms: Mapping[str, Any]
    seconds: float
    unreadable: int | None


class UnreadTerms:
    """The steps whose loss terms have not been read; reading checks them, and gives them to the history.

    Args:
        history: where the terms are recorded, in the order of the steps.
        log_every: number of steps after which they are read.
    """

    def __init__(self, history: History, log_every: int) -> None:
        self._history = history
        self._log_every = log_every
        self._steps: list[_Step] = []

    def add(
        self, step: int, learning_rate: float, terms: Mapping[str, Any], seconds: float, unreadable: int | None
    ) -> None:
        """Add the terms of a step, and read all if it is time.

        Args:
            step: number of steps done, including this one.
            learning_rate: learning rate of this step.
            terms: loss terms by name, scalars on the device.
            seconds: time that it took to start the step.
            unreadable: as for `History.record`.

        Raises:
            TrainingDiverged: as `read`.
        """
        self._history.advance()
        self._steps.append(_Step(step, learning_rate, terms, seconds, unreadable))
        if step % self._log_every == 0 or len(self._steps) >= _MOST:
            self.read()

    def read(self) -> None:
        """Wait for the steps, and record their terms; the time spent waiting is shared evenly among them.

        Raises:
            TrainingDiverged: a term is not finite; the steps before are recorded.
        """
        steps, self._steps = self._steps, []
        started = time.perf_counter()
        read = [{name: float(value) for name, value in step.terms.items()} for step in steps]
        waited = time.perf_counter() - started
        for step, terms in zip(steps, read, strict=True):
            _check_finite(terms, step.number)
            seconds = step.seconds + waited / len(steps)
            self._history.record(step.number, step.learning_rate, terms, seconds, step.unreadable)


def _check_finite(terms: Mapping[str, float], step: int) -> None:
    for name, value in terms.items():
        if not math.isfinite(value):
            raise TrainingDiverged(
                f"step {step}: the loss term {name} is {value}; try a lower learning rate or, if an LR network "
                "diverges in its first steps, train the HR network for longer"
            )
