"""Progress of a run: a CSV history, TensorBoard scalars, and a progress bar."""

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
from tqdm import tqdm

if TYPE_CHECKING:
    import tensorflow as tf

HISTORY = "history.csv"

# A log file gets one progress line per minute, a terminal ten updates per second.
_SECONDS_BETWEEN_LOG_LINES = 60


class History:
    """Means of the loss terms over intervals of a few steps.

    Args:
        log_dir: folder of `history.csv` and, on the TensorFlow backend, of TensorBoard's events.
        first_step: number of steps already done; later rows, written by a killed process, are dropped.
        last_step: step at which the run ends.
        log_every: number of steps between two rows.
        batch_size: number of pairs per step, from which the speed is computed.
        show_progress: whether to show a progress bar on standard error.
    """

    def __init__(
        self,
        log_dir: str | Path,
        first_step: int,
        last_step: int,
        log_every: int,
        batch_size: int,
        show_progress: bool = True,
    ) -> None:
        self._path = Path(log_dir) / HISTORY
        self._rows = _rows_up_to(self._path, first_step)
        self._events = _event_writer(log_dir)
        self._log_every = log_every
        self._batch_size = batch_size
        self._window: list[Mapping[str, float]] = []
        self._window_seconds = 0.0
        self._last = first_step, 0.0
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            unit="step",
            disable=not show_progress,
            dynamic_ncols=True,
            mininterval=0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES,
        )
        self._rewrite()

    def record(self, step: int, learning_rate: float, terms: Mapping[str, float], seconds: float) -> None:
        """Record the loss terms of a completed step.

        Args:
            step: number of steps done, including this one.
            learning_rate: learning rate of this step.
            terms: loss terms by name.
            seconds: duration of the step.
        """
        self._window.append(terms)
        self._window_seconds += seconds
        self._bar.update(1)
        self._last = step, learning_rate
        if step % self._log_every == 0:
            self._flush()

    def _flush(self) -> None:
        """Write one row for the steps since the previous row."""
        step, learning_rate = self._last
        rate = len(self._window) * self._batch_size / self._window_seconds
        means = {name: _mean(row[name] for row in self._window) for name in self._window[0]}
        self._bar.set_postfix_str(f"loss {means['total']:.4f}, {rate:.1f} pairs/s", refresh=False)
        row: dict[str, float] = {"step": step, "learning_rate": learning_rate} | means | {"pairs_per_second": rate}
        self._append(row)
        self.scalars(step, {f"train/{name}": value for name, value in row.items() if name != "step"})
        self._window, self._window_seconds = [], 0.0

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars to TensorBoard."""
        if self._events is None:
            return
        import tensorflow as tf

        with self._events.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

    def close(self) -> None:
        """Write the steps since the last row, and close the progress bar."""
        if self._window:
            self._flush()
        if self._events is not None:
            self._events.close()
        self._bar.close()

    def _append(self, row: Mapping[str, float]) -> None:
        cells = {name: f"{value:.8g}" if isinstance(value, float) else value for name, value in row.items()}
        is_new = not self._path.exists() or self._path.stat().st_size == 0
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(cells))
            if is_new:
                writer.writeheader()
            writer.writerow(cells)

    def _rewrite(self) -> None:
        with open(self._path, "w", newline="", encoding="utf-8") as file:
            if self._rows:
                writer = csv.DictWriter(file, list(self._rows[0]))
                writer.writeheader()
                writer.writerows(self._rows)


def _rows_up_to(path: Path, step: int) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        # A killed process may have left an incomplete row, which lacks its last column.
        return [
            row for row in csv.DictReader(file) if row["pairs_per_second"] is not None and int(row["step"]) <= step
        ]


def _event_writer(log_dir: str | Path) -> "tf.summary.SummaryWriter | None":
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.summary.create_file_writer(str(log_dir))


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)
