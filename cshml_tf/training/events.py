"""TensorBoard's events: a record beside the history that never ends a training."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras


class Events:
    """Scalars for TensorBoard; on other backends than TensorFlow, and once writing has failed, nothing is written.

    Args:
        log_dir: folder of the event file.
    """

    def __init__(self, log_dir: str | Path) -> None:
        self._log_dir = log_dir
        self._writer: Any = None
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            with _Guard(self):
                self._writer = tf.summary.create_file_writer(str(log_dir))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars under their names."""
        if self._writer is None:
            return
        import tensorflow as tf

        with _Guard(self), self._writer.as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)

    def close(self) -> None:
        """Write what is buffered."""
        if self._writer is not None:
            with _Guard(self):
                self._writer.close()

    def give_up(self, error: object) -> None:
        """Print a warning, and write nothing from now on."""
        self._writer = None
        # TensorFlow frames its message with the operation that failed.
        reason = re.sub(r"\{\{.*?\}\} | \[Op:.*", "", " ".join(str(error).split()))
        print(f"warning: {self._log_dir}: TensorBoard's events cannot be written: {reason}", file=sys.stderr)


class _Guard:
    """Turn an error of TensorFlow's writer, such as that of a full disk, into the end of the events."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        import tensorflow as tf

        if isinstance(error, tf.errors.OpError):
            self._events.give_up(error)
            return True
        return False
