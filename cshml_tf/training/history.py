"""What a run tells while it goes: a CSV history, TensorBoard's scalars, and a progress bar."""

import csv
import sys
from pathlib import Path

import keras
from tqdm import tqdm

HISTORY = "history.csv"

# A log file gets a line of progress a minute, a terminal ten a second.
_SECONDS_BETWEEN_LOG_LINES = 60


class History:
    """Means of the loss terms over every few steps.

    Args:
        log_dir: folder of `history.csv` and, on the TensorFlow backend, TensorBoard's events.
        first_step: steps done before; later lines of an earlier, killed call are dropped.
        last_step: step at which the run ends.
        log_every: steps between two lines.
        batch_size: pairs a step, for the rate.
        show_progress: whether a bar is shown on standard error.
    """

    def __init__(self, log_dir, first_step, last_step, log_every, batch_size, show_progress=True):
        self._path = Path(log_dir) / HISTORY
        self._rows = _rows_up_to(self._path, first_step)
        self._events = _event_writer(log_dir)
        self._log_every = log_every
        self._batch_size = batch_size
        self._window = []
        self._window_seconds = 0.0
        self._last = None
        self._bar = tqdm(
            total=last_step,
            initial=first_step,
            unit="step",
            disable=not show_progress,
            dynamic_ncols=True,
            mininterval=0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES,
        )
        self._rewrite()

    def record(self, step, learning_rate, terms, seconds):
        """Take the loss terms of a step that is done.

        Args:
            step: steps done, this one included.
            learning_rate: of this step.
            terms: dict of floats.
            seconds: that the step took.
        """
        self._window.append(terms)
        self._window_seconds += seconds
        self._bar.update(1)
        self._last = step, learning_rate
        if step % self._log_every == 0:
            self._flush()

    def _flush(self):
        """Write the line of the steps since the last one."""
        step, learning_rate = self._last
        rate = len(self._window) * self._batch_size / self._window_seconds
        means = {name: _mean(row[name] for row in self._window) for name in self._window[0]}
        self._bar.set_postfix_str(f"loss {means['total']:.4f}, {rate:.1f} pairs/s", refresh=False)
        row = {"step": step, "learning_rate": learning_rate} | means | {"pairs_per_second": rate}
        self._append(row)
        self.scalars(step, {f"train/{name}": value for name, value in row.items() if name != "step"})
        self._window, self._window_seconds = [], 0.0

    def scalars(self, step, values):
        """Pass scalars to TensorBoard."""
        if self._events is None:
            return
        import tensorflow as tf

        with self._events.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

    def close(self):
        """Write what the last line does not hold yet, and end the bar."""
        if self._window:
            self._flush()
        if self._events is not None:
            self._events.close()
        self._bar.close()

    def _append(self, row):
        row = {name: f"{value:.8g}" if isinstance(value, float) else value for name, value in row.items()}
        is_new = not self._path.exists() or self._path.stat().st_size == 0
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)

    def _rewrite(self):
        with open(self._path, "w", newline="", encoding="utf-8") as file:
            if self._rows:
                writer = csv.DictWriter(file, list(self._rows[0]))
                writer.writeheader()
                writer.writerows(self._rows)


def _rows_up_to(path, step):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        # A killed call may have left half a line, which lacks its last column.
        return [
            row for row in csv.DictReader(file) if row["pairs_per_second"] is not None and int(row["step"]) <= step
        ]


def _event_writer(log_dir):
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.summary.create_file_writer(str(log_dir))


def _mean(values):
    values = list(values)
    return sum(values) / len(values)
