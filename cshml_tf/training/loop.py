"""The training loop: from the newest checkpoint to the last step, with validation, logging and checkpoints."""

import dataclasses
import math
import signal
import time
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, Self

import keras

from cshml_tf.data.carriers import Stream
from cshml_tf.settings.training import RunSettings
from cshml_tf.training.checkpoint import restore_checkpoint, save_checkpoint
from cshml_tf.training.devices import distribute
from cshml_tf.training.history import History
from cshml_tf.training.run_folder import Run
from cshml_tf.training.schedule import CosineDecay, Schedule
from cshml_tf.training.step import make_step


class TrainingDiverged(ValueError):
    """A loss term is no longer finite; the message names the step and the term."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a call of the loop ended.

    Attributes:
        steps: steps done since the run began.
        seconds: training time of this call.
        complete: whether the last step is done; otherwise a time limit or a signal came first.
        interrupted: whether a signal was received.
    """

    steps: int
    seconds: float
    complete: bool
    interrupted: bool = False


def run_steps(
    network: Any,
    optimizer: keras.Optimizer,
    schedule: Schedule | CosineDecay,
    settings: RunSettings,
    run: Run,
    strategy: Any,
    batches_from: Callable[[int], Stream],
    validate: Callable[[int], Mapping[str, float]] | None = None,
    progress: bool = True,
    on_step: Callable[[int], None] | None = None,
) -> Outcome:
    """Train from the newest checkpoint on.

    Args:
        network: `HrNetwork` or `TwoBranchNetwork`, created within the strategy's scope.
        optimizer: created within the strategy's scope.
        schedule: the learning rate of each step.
        settings: when to log, to save, to validate and to stop.
        run: the folders to write to.
        strategy: as returned by `cshml_tf.training.devices.choose_strategy`.
        batches_from: function of a step that returns the stream of batches that begins there.
        validate: function of the number of steps done that returns figures by name, called every
            `validate_every_n_epochs` epochs; None for no validation.
        progress: whether to show a progress bar.
        on_step: function of the number of steps done, called after each step is logged; or None.

    Returns:
        Outcome. The newest checkpoint contains the final state, unless no step has been done.

    Raises:
        TrainingDiverged: a loss term is not finite.
        ValueError: a face cannot be read or is of another size; the message names its file.
    """
    with strategy.scope():
        optimizer.build(network.trainable_variables)
    state = network.variables + optimizer.variables
    first_step, last_step = restore_checkpoint(run.checkpoint_dir, state), last_step_of(settings, schedule)
    step_function = make_step(network, optimizer, settings.weight_decay, strategy)
    batches = distribute(batches_from(first_step), strategy)
    history = History(
        run.log_dir, first_step, last_step, settings.log_every, settings.batch_size, show_progress=progress
    )
    started = saved_at = time.monotonic()
    step = first_step
    stop = _StopSignal()
    try:
        with stop:
            while step < last_step and not stop.received and not _time_is_up(settings, started):
                step_started = time.perf_counter()
                rate = schedule.rate(step)
                optimizer.learning_rate = rate
                terms = {name: float(value) for name, value in step_function(next(batches)).items()}
                step += 1
                _check_finite(terms, step)
                history.record(step, rate, terms, time.perf_counter() - step_started)
                if on_step is not None:
                    on_step(step)
                if _checkpoint_is_due(settings, step, saved_at):
                    save_checkpoint(run.checkpoint_dir, step, state)
                    saved_at = time.monotonic()
                if validate and step % (settings.validate_every_n_epochs * settings.epoch_size) == 0:
                    history.scalars(step, validate(step))
        if step > first_step:
            save_checkpoint(run.checkpoint_dir, step, state)
    finally:
        history.close()
        batches.close()
    return Outcome(step, time.monotonic() - started, step >= last_step, stop.received)


def last_step_of(settings: RunSettings, schedule: Schedule | CosineDecay) -> int:
    """Return the step at which a run ends: that of the settings or of the schedule, whichever is earlier."""
    return settings.last_step if schedule.stop_step is None else min(settings.last_step, schedule.stop_step)


def _check_finite(terms: Mapping[str, float], step: int) -> None:
    for name, value in terms.items():
        if not math.isfinite(value):
            raise TrainingDiverged(
                f"step {step}: the loss term {name} is {value}; try a lower learning rate or, if an LR network "
                "diverges in its first steps, train the HR network for longer"
            )


def _checkpoint_is_due(settings: RunSettings, step: int, saved_at: float) -> bool:
    steps = settings.checkpoint_steps or settings.epoch_size
    return step % steps == 0 or time.monotonic() - saved_at > 60 * settings.checkpoint_minutes


def _time_is_up(settings: RunSettings, started: float) -> bool:
    return settings.max_minutes is not None and time.monotonic() - started > 60 * settings.max_minutes


class _StopSignal:
    """Let the first Ctrl-C or SIGTERM end training after the current step."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._previous = {number: signal.signal(number, self._note) for number in self._SIGNALS}
        except ValueError:  # Only the main thread can install signal handlers.
            self._previous = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        # A second signal acts at once.
        signal.signal(number, self._previous[number])
