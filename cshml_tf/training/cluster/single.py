"""What a training process asks of the workers it trains with; here, of a process that trains alone."""

import contextlib
from collections.abc import Sequence
from typing import Any, Self

import numpy as np


class Cluster(contextlib.AbstractContextManager["Cluster"]):
    """One worker. `cshml_tf.training.cluster.joined.JoinedCluster` is several of them.

    Attributes:
        index: the number of this worker; worker 0 is the chief, which alone writes.
        count: the number of workers.
        addresses: "host:port" of each worker for the backend's own connections.
    """

    index: int = 0
    count: int = 1
    addresses: tuple[str, ...] = ()

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes checkpoints, logs and the model folder."""
        return self.index == 0

    def exchange(self, value: Any) -> list[Any]:
        """Give every worker the values of all; wait until each has given its own.

        Args:
            value: of JSON types.

        Returns:
            The values in the order of the workers, the same list on all.
        """
        return [value]

    def share(self, value: Any) -> Any:
        """Return the chief's value, of JSON types, on every worker."""
        return self.exchange(value if self.is_chief else None)[0]

    def share_arrays(self, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return the chief's arrays on every worker.

        Args:
            arrays: of the same shapes and dtypes on all workers.
        """
        return arrays

    def part(self) -> None:
        """Expect the other workers to end from here on: each has come to the same end by itself."""

    def __enter__(self) -> Self:
        """Return the cluster."""
        return self

    def __exit__(self, *error: object) -> None:
        """End this worker's part, without an error or with one."""
