"""The training loop: from the newest checkpoint to the last step, with validation, logging and checkpoints."""

import dataclasses
import signal
import time
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, Self, TypedDict

import keras
import numpy as np

from cshml_tf.data.carriers import Stream
from cshml_tf.data.unreadable import Unreadable, UnreadableFace
from cshml_tf.files import check_content
from cshml_tf.settings.training import RunSettings
from cshml_tf.training.checkpoint import restore_checkpoint, save_checkpoint
from cshml_tf.training.cluster import Cluster
from cshml_tf.training.cluster.steps import Wishes, agree_on_step
from cshml_tf.training.devices import distribute
from cshml_tf.training.history import History, Window
from cshml_tf.training.no_history import NoHistory
from cshml_tf.training.run_folder import Run
from cshml_tf.training.schedule import CosineDecay, Schedule
from cshml_tf.training.step import Step, make_step
from cshml_tf.training.unread import TrainingDiverged, UnreadTerms


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a call of the loop ended.

    Attributes:
        steps: steps done since the run began.
        seconds: training time of this call.
        complete: whether the last step is done; otherwise a time limit or a signal came first.
        interrupted: whether a signal was received.
        unreadable: the images that were passed over since the run began, as "class/file".
        worker: the number of this worker; worker 0 wrote the model.
    """

    steps: int
    seconds: float
    complete: bool
    interrupted: bool = False
    unreadable: tuple[str, ...] = ()
    worker: int = 0


class _Notes(TypedDict, total=False):
    """What a checkpoint notes besides the variables.

    Attributes:
        window: the steps since the last row of the history.
        unreadable: the images passed over so far, as places in the source.
    """

    window: Window
    unreadable: list[int]


def run_steps(
    network: Any,
    optimizer: keras.Optimizer,
    schedule: Schedule | CosineDecay,
    settings: RunSettings,
    run: Run,
    strategy: Any,
    batches_from: Callable[[int], Stream],
    unreadable: Unreadable,
    validate: Callable[[int], Mapping[str, float]] | None = None,
    progress: bool = True,
    on_step: Callable[[int], None] | None = None,
    cluster: Cluster | None = None,
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
        unreadable: what reads the faces of these batches.
        validate: function of the number of steps done that returns figures by name, called every
            `validate_every_n_epochs` epochs; None for no validation.
        progress: whether to show a progress bar.
        on_step: function of the number of steps done, called after each step, whose loss terms may not have been
            read yet; or None.
        cluster: the workers that train together, of which only the chief writes; None for this process alone.

    Returns:
        Outcome. The newest checkpoint and the variables contain the final state, unless no step has been done.

    Raises:
        TrainingDiverged: a loss term is not finite.
        ValueError: a face cannot be read or is of another size; the message names its file.
    """
    with strategy.scope():
        optimizer.build(network.trainable_variables)
    state = network.variables + optimizer.variables
    cluster = cluster or Cluster()
    first_step, notes = _restore(run, state, unreadable, cluster)
    validates = cluster.share(validate is not None)
    last_step = last_step_of(settings, schedule)
    step_function = make_step(network, optimizer, settings.weight_decay, strategy, settings.xla)
    batches = distribute(batches_from(first_step), strategy)
    history = _open_history(run, first_step, last_step, settings, progress, notes, cluster)
    progressed = _Progress(first_step, run, state, step_function, history, unreadable, settings.log_every, cluster)
    stop, interrupted = _StopSignal(), False
    try:
        with stop:
            while progressed.step < last_step:
                step_started = time.perf_counter()
                wants_to_stop = stop.received or _time_is_up(settings, progressed.started)
                batch, failure = ({}, None) if wants_to_stop else _next_batch(batches)
                if cluster.count > 1 and batch:
                    step_function.prepare(batch)
                wants_to_save = _is_time_to_save(settings, progressed.saved_at)
                own = Wishes(wants_to_stop, stop.received, wants_to_save, failure)
                agreed = agree_on_step(cluster, progressed.step, own, unreadable)
                if agreed.stop:
                    interrupted = agreed.interrupted
                    break
                optimizer.learning_rate = rate = schedule.rate(progressed.step)
                step = progressed.take(batch, rate, step_started)
                if on_step is not None:
                    on_step(step)
                if agreed.save or step % (settings.checkpoint_steps or settings.epoch_size) == 0:
                    progressed.save()
                if validates and step % (settings.validate_every_n_epochs * settings.epoch_size) == 0:
                    progressed.synchronise()
                    history.scalars(step, validate(step) if validate else {})
        progressed.save_what_is_new()
    except (UnreadableFace, TrainingDiverged) as error:
        # All workers meet either at the same step.
        cluster.part()
        if isinstance(error, UnreadableFace):
            # The run continues here once the file is replaced.
            progressed.save_what_is_new()
        raise
    finally:
        history.close()
        batches.close()
    # A signal in the last step stops nothing here, but what would come next.
    return progressed.outcome(last_step, interrupted or stop.received)


class _Progress:
    """How far a run has come: the steps taken, and what of them is read and saved."""

    def __init__(
        self,
        first_step: int,
        run: Run,
        state: list[keras.Variable],
        step_function: Step,
        history: History,
        unreadable: Unreadable,
        log_every: int,
        cluster: Cluster,
    ) -> None:
        self.step = self._saved_step = first_step
        self.started = self.saved_at = time.monotonic()
        self._run, self._state, self._step_function = run, state, step_function
        self._history, self._unreadable, self._cluster = history, unreadable, cluster
        self._unread = UnreadTerms(history, log_every)

    def take(self, batch: dict[str, Any], rate: float, started: float) -> int:
        """Take a step that began at a time of `time.perf_counter`; return the number of steps done."""
        met = self._unreadable.count(self.step)
        terms = self._step_function(batch)
        self.step += 1
        self._unread.add(self.step, rate, terms, time.perf_counter() - started, met)
        return self.step

    def synchronise(self) -> None:
        """Read the terms, then write the state into the network's variables."""
        # The terms first: nothing after a step that diverged may be saved or measured.
        self._unread.read()
        self._step_function.write_back()

    def save(self) -> None:
        """Save a checkpoint, which the chief alone writes."""
        self.synchronise()
        if self._cluster.is_chief:
            noted: _Notes = {"window": self._history.window, "unreadable": self._unreadable.met}
            save_checkpoint(self._run.checkpoint_dir, self.step, self._state, noted)
        self.saved_at, self._saved_step = time.monotonic(), self.step

    def save_what_is_new(self) -> None:
        """Save a checkpoint unless the newest one is of this step."""
        if self.step > self._saved_step:
            self.save()

    def outcome(self, last_step: int, interrupted: bool) -> Outcome:
        """Return how the call ended."""
        seconds, names = time.monotonic() - self.started, tuple(self._unreadable.names)
        return Outcome(self.step, seconds, self.step >= last_step, interrupted, names, self._cluster.index)


def _restore(
    run: Run, state: list[keras.Variable], unreadable: Unreadable, cluster: Cluster
) -> tuple[int, _Notes]:
    """Restore the newest checkpoint, the chief's; return the number of steps done, and its notes."""
    restored = restore_checkpoint(run.checkpoint_dir, state) if cluster.is_chief else None
    first_step, noted = cluster.share(restored)
    if cluster.count > 1:
        values = cluster.share_arrays([np.asarray(variable) for variable in state])
        for variable, value in zip(state, values, strict=True):
            if not cluster.is_chief:
                variable.assign(value)
    check_content(f"{run.checkpoint_dir}, step {first_step}", noted, _Notes)
    notes: _Notes = noted  # pyright: ignore[reportAssignmentType]
    unreadable.resume(notes.get("unreadable", []))
    return first_step, notes


def last_step_of(settings: RunSettings, schedule: Schedule | CosineDecay) -> int:
    """Return the step at which a run ends: that of the settings or of the schedule, whichever is earlier."""
    return settings.last_step if schedule.stop_step is None else min(settings.last_step, schedule.stop_step)


def _next_batch(batches: Stream) -> tuple[dict[str, Any], str | None]:
    """Return the next batch, or why a face of it cannot be read."""
    try:
        return next(batches), None
    except UnreadableFace as error:
        return {}, str(error)


def _open_history(
    run: Run,
    first_step: int,
    last_step: int,
    settings: RunSettings,
    progress: bool,
    notes: _Notes,
    cluster: Cluster,
) -> History:
    """Open the history, which the chief alone writes."""
    window = notes.get("window")
    if not cluster.is_chief:
        return NoHistory(window)
    return History(
        run.log_dir, first_step, last_step, settings.log_every, settings.rows_per_step, progress, window
    )


def _is_time_to_save(settings: RunSettings, saved_at: float) -> bool:
    return time.monotonic() - saved_at > 60 * settings.checkpoint_minutes


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
