"""Progress of a run: a CSV history, TensorBoard scalars, and a progress bar."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from tqdm import tqdm

from cshml_tf.training.events import Events
from cshml_tf.training.history_file import HistoryFile

# A log file gets one progress line per minute, a terminal ten updates per second.
_SECONDS_BETWEEN_LOG_LINES = 60


class Window(TypedDict):
    """The steps since the last row, as a checkpoint keeps them.

    Attributes:
        steps: their number.
        learning_rate: that of the last of them.
        seconds: their duration.
        sums: the sum of each loss term over them, by its name.
    """

    steps: int
    learning_rate: float
    seconds: float
    sums: dict[str, float]


class History:
    """Means of the loss terms over intervals of a few steps.

    Args:
        log_dir: folder of `history.csv` and, on the TensorFlow backend, of TensorBoard's events.
        first_step: number of steps already done; later rows, written by a killed process, are dropped.
        last_step: step at which the run ends.
        log_every: number of steps between two rows.
        batch_size: number of pairs per step, from which the speed is computed.
        show_progress: whether to show a progress bar on standard error.
        window: the steps since the last row, as `window` returned them at `first_step`; None for none.

    Raises:
        ValueError: `history.csv` is not a text file.
        OSError: it cannot be written.
    """

    def __init__(
        self,
        log_dir: str | Path,
        first_step: int,
        last_step: int,
        log_every: int,
        batch_size: int,
        show_progress: bool = True,
        window: Window | None = None,
    ) -> None:
        self._file = HistoryFile(log_dir, first_step, log_every)
        self._events = Events(log_dir)
        self._log_every = log_every
        self._batch_size = batch_size
        self._window = window or _empty()
        self._step = first_step
        self._unreadable: int | None = None
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            unit="step",
            disable=not show_progress,
            dynamic_ncols=True,
            mininterval=0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES,
        )

    @property
    def window(self) -> Window:
        """The steps since the last row."""
        return self._window

    def advance(self) -> None:
        """Move the progress bar on by a step, which is recorded later."""
        self._bar.update(1)

    def record(
        self,
        step: int,
        learning_rate: float,
        terms: Mapping[str, float],
        seconds: float,
        unreadable: int | None = None,
    ) -> None:
        """Record the loss terms of a completed step.

        Args:
            step: number of steps done, including this one.
            learning_rate: learning rate of this step.
            terms: loss terms by name.
            seconds: duration of the step.
            unreadable: number of unreadable images met so far; None if the run does not pass over them.
        """
        window = self._window
        # Sums in the order of the steps, so that those of an interrupted run are the same bit for bit.
        for name, value in terms.items():
            window["sums"][name] = window["sums"].get(name, 0.0) + value
        window["steps"] += 1
        window["seconds"] += seconds
        window["learning_rate"] = learning_rate
        self._step = step
        self._unreadable = unreadable
        if step % self._log_every == 0:
            self._flush()

    def _flush(self) -> None:
        """Write one row for the steps since the previous row."""
        window = self._window
        rate = window["steps"] * self._batch_size / window["seconds"]
        means = {name: value / window["steps"] for name, value in window["sums"].items()}
        self._bar.set_postfix_str(f"loss {means['total']:.4f}, {rate:.1f} pairs/s", refresh=False)
        row: dict[str, float] = {"step": self._step, "learning_rate": window["learning_rate"]}
        row |= means | {"pairs_per_second": rate}
        if self._unreadable is not None:
            row["unreadable"] = self._unreadable
        self._window = _empty()
        self._file.append(row)
        self.scalars(self._step, {f"train/{name}": value for name, value in row.items() if name != "step"})

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars to TensorBoard."""
        self._events.scalars(step, values)

    def close(self) -> None:
        """Write the steps since the last row, and close the progress bar."""
        try:
            if self._window["steps"]:
                self._flush()
        finally:
            self._events.close()
            self._bar.close()


def _empty() -> Window:
    return {"steps": 0, "learning_rate": 0.0, "seconds": 0.0, "sums": {}}
