"""What runs inside a worker of a Dask cluster: one function for each run, made once, one task at a time."""

import asyncio
import collections
import dataclasses
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from cshml_tf.workers.fitness import Expected, check_fitness

# Functions that a worker keeps: each may hold hundreds of megabytes.
_MOST_RUNS = 2


@dataclasses.dataclass(frozen=True)
class Run:
    """One call of `on_cluster`, as its workers see it.

    Attributes:
        name: tells it from every other run.
        make_function: returns the function to apply to each task.
        expected: what a worker must have and see.
    """

    name: str
    make_function: Callable[[], Callable[[Any], Any]]
    expected: Expected


class _Place:
    """The runs that this process works for, and their functions."""

    def __init__(self) -> None:
        # Neither the detector nor a network is promised to be safe in several threads.
        self.lock = threading.Lock()
        self.running: str | None = None
        self.functions: collections.OrderedDict[str, Callable[[Any], Any]] = collections.OrderedDict()
        self.ended: collections.deque[str] = collections.deque(maxlen=1000)

    def function_of(self, run: Run) -> Callable[[Any], Any]:
        """Return a run's function, made at its first task."""
        if run.name not in self.functions:
            # Runs whose command was killed never end here.
            while len(self.functions) >= _MOST_RUNS:
                self.functions.popitem(last=False)
            self.functions[run.name] = _made(run)
        self.functions.move_to_end(run.name)
        return self.functions[run.name]


_place = _Place()


def apply(run: Run, task: Any) -> Any:
    """Apply a run's function to a task; the function is made at the run's first task here.

    Returns:
        What the function returns.

    Raises:
        ChildProcessError: this worker is unfit, or the function cannot be made.
    """
    with _place.lock:
        # First of all: `end` looks at what is running after it has said that the run is over.
        _place.running = run.name
        try:
            if run.name in _place.ended:
                return None  # Nobody waits for it.
            return _place.function_of(run)(task)
        finally:
            _place.running = None


async def end(name: str, seconds: float) -> None:
    """Return once this worker no longer works for a run, or when the seconds are over; free what it held."""
    _place.ended.append(name)
    deadline = time.monotonic() + seconds
    while _place.running == name and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    if _place.lock.acquire(timeout=0.1):
        try:
            _place.functions.pop(name, None)
        finally:
            _place.lock.release()


def threads_of_this_worker() -> int | None:
    """Return the number of threads of the Dask worker that this process is, or None outside one."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return get_worker().state.nthreads
    except ValueError:
        return None


def _made(run: Run) -> Callable[[Any], Any]:
    problem = check_fitness(run.expected)
    if problem is None:
        try:
            return run.make_function()
        except MemoryError:
            raise
        except Exception as error:
            failure = ChildProcessError(f"worker {_address()}: does not start: {error!r}")
            failure.add_note(traceback.format_exc())
            raise failure from None
    raise ChildProcessError(f"worker {_address()}: {problem}")


def _address() -> str:
    from distributed import get_worker

    return get_worker().address
