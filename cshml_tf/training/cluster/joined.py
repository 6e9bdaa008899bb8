"""Several workers that train one network together, connected through the chief."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from cshml_tf.training.cluster.abort import catching_aborts
from cshml_tf.training.cluster.connection import SILENCE_SECONDS, Connection, wait_for_the_end
from cshml_tf.training.cluster.meeting import free_port, go_to_chief, wait_for_others
from cshml_tf.training.cluster.place import Place
from cshml_tf.training.cluster.single import Cluster

WORKER_LOST = 3


def join(place: Place) -> Cluster:
    """Meet the other workers.

    From then on, the loss of any of them ends this process with one line and exit code 3.

    Args:
        place: this worker's place, as `cshml_tf.training.cluster.place.read_place` returns it.

    Returns:
        The cluster, to be used as a context that ends with training.

    Raises:
        ValueError: the workers disagree on who they are, or do not come together.
        OSError: the chief's port cannot be used.
    """
    return Cluster() if place.count == 1 else JoinedCluster(place)


def end_process(line: str) -> None:
    """Print a line on standard error and end the process at once, whatever its other threads wait for."""
    from tqdm import tqdm

    with contextlib.suppress(OSError):
        for bar in list(getattr(tqdm, "_instances", ())):
            # Its lock may be held by a thread that will never run again.
            bar.clear(nolock=True)
        print(line, file=sys.stderr, flush=True)
    os._exit(WORKER_LOST)


class JoinedCluster(Cluster):
    """Workers connected as a star around the chief; see `Cluster`.

    Args:
        place: this worker's place.
        end: what ends this process with a line; for tests.
        silence: seconds without a sign of life after which a worker is lost.
    """

    def __init__(
        self, place: Place, end: Callable[[str], None] = end_process, silence: float = SILENCE_SECONDS
    ) -> None:
        self.index, self.count = place.index, place.count
        self._end, self._silence = end, silence
        self._parted = False
        self._others: list[Connection] = []
        self._restore_abort = contextlib.ExitStack()
        if self.is_chief:
            self._let_in(place)
        else:
            self._others = [self._connect(go_to_chief(place), f"worker 0 ({place.meeting[0]})")]
        self.addresses = tuple(self.share(self.addresses))

    def _let_in(self, place: Place) -> None:
        let_in = []
        try:
            came = wait_for_others(place, let_in)
        except ValueError as error:
            self.part()
            for connected in let_in:
                refused = self._connect(connected, "a worker")
                refused.fail(str(error))
                refused.close()
            raise
        host = place.meeting[0]
        chosen = [f"{_bracketed(host)}:{free_port(came[0][0].getsockname()[0])}"]
        for connected, hello in came:
            other = connected.getpeername()[0].removeprefix("::ffff:")
            chosen.append(f"{_bracketed(other)}:{hello['port']}")
            self._others.append(self._connect(connected, f"worker {hello['index']} ({other})"))
        self.addresses = place.addresses or tuple(chosen)

    def _connect(self, connected: Any, name: str) -> Connection:
        return Connection(connected, name, self._lost, self._failed, self._silence)

    def exchange(self, value: Any) -> list[Any]:
        """Give every worker the values of all; see `Cluster.exchange`."""
        if not self.is_chief:
            self._others[0].send(value)
            return self._others[0].receive()
        values = [value, *(other.receive() for other in self._others)]
        for other in self._others:
            other.send(values)
        return values

    def share_arrays(self, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return the chief's arrays on every worker; see `Cluster.share_arrays`."""
        if not self.is_chief:
            content = [self._others[0].receive() for _ in arrays]
            return [
                np.frombuffer(data, array.dtype).reshape(array.shape)
                for data, array in zip(content, arrays, strict=True)
            ]
        for array in arrays:
            content = memoryview(np.ascontiguousarray(array).tobytes())
            for other in self._others:
                other.send_bytes(content)
        return arrays

    def part(self) -> None:
        """Expect the other workers to end from here on; see `Cluster.part`."""
        self._parted = True

    def __enter__(self) -> Self:
        """Watch over this process's aborts, too: a backend that loses a worker may end the process."""
        self._restore_abort.enter_context(catching_aborts(self._wait_for_loss))
        return self

    def __exit__(self, *error: object) -> None:
        """Say good-bye, or tell the others why this worker ends."""
        kind, raised = error[:2]
        if isinstance(raised, Exception) and not isinstance(raised, (ValueError, OSError)):
            # Perhaps the backend has noticed first that a worker is gone.
            self._wait_for_loss()
        self._restore_abort.close()
        if kind is not None and not isinstance(raised, Exception):
            # Interrupted: the others see the sockets close.
            return
        text = f"worker {self.index} has failed: {' '.join(str(raised).split())}"
        is_alone, self._parted = raised is not None and not self._parted, True
        for other in self._others:
            if is_alone:
                other.fail(text)
            other.close()

    def _wait_for_loss(self) -> None:
        """Give the connections the time in which they notice the loss of a worker, which ends the process."""
        time.sleep(self._silence + 5)

    def _lost(self, connection: Connection, reason: str) -> None:
        if not self._parted:
            self._end_all(f"{connection.name} is lost: it {reason}")

    def _failed(self, text: str) -> None:
        if not self._parted:
            self._end_all(text)

    def _end_all(self, text: str) -> None:
        """End this process and, if it is the chief, every other."""
        self._parted = True
        if self.is_chief:
            for other in self._others:
                other.fail(text)
        self._end(f"error: {text}; the same command, on every worker, continues the run")
        wait_for_the_end()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
