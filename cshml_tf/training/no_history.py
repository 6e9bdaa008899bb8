"""The history of a worker that writes nothing."""

from collections.abc import Mapping

from cshml_tf.training.history import History, Window


class NoHistory(History):
    """Takes what a history takes, and writes nothing.

    Args:
        window: the steps since the last row; it stays as it is.
    """

    def __init__(self, window: Window | None) -> None:
        self._window = window or {"steps": 0, "learning_rate": 0.0, "seconds": 0.0, "sums": {}}

    def advance(self) -> None:
        """Do nothing."""

    def record(
        self,
        step: int,
        learning_rate: float,
        terms: Mapping[str, float],
        seconds: float,
        unreadable: int | None = None,
    ) -> None:
        """Do nothing."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
