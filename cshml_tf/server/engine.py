"""One thread that runs everything which needs the networks or the detector, a batch of waiting requests at a time.

Neither Keras models nor MTCNN are taken to be safe for several threads. What waits while the thread works is
taken together: the faces of many clients' pictures share a forward pass.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")
# Share of the newest measurement in the mean time per task.
_NEWEST = 0.2


class Engine(Generic[T]):
    """The worker thread and what waits for it.

    Args:
        answer: function of the tasks of a batch that returns one result each; a result that is an exception is
            raised to whom it concerns.
        batch_size: the largest number of tasks that are answered together.

    Attributes:
        seconds_per_task: how long a task takes, a moving average.
    """

    def __init__(self, answer: Callable[[Sequence[T]], Sequence[Any]], batch_size: int) -> None:
        self._answer = answer
        self._batch_size = batch_size
        self._waiting: deque[tuple[T | Callable[[], Any], bool, Future]] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self.seconds_per_task = 0.0
        self._thread = threading.Thread(target=self._work, name="networks", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Return the number of tasks that wait."""
        return len(self._waiting)

    def submit(self, task: T) -> Future:
        """Queue a task to be answered in a batch; return the future of its result."""
        return self._queue(task, is_call=False)

    def call(self, function: Callable[[], Any]) -> Future:
        """Queue a function to be run on the thread by itself; return the future of its result."""
        return self._queue(function, is_call=True)

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _queue(self, task: T | Callable[[], Any], is_call: bool) -> Future:
        future: Future = Future()
        with self._changed:
            if self._is_closed:
                raise RuntimeError("engine: expected an open one, got one that was closed")
            self._waiting.append((task, is_call, future))
            self._changed.notify()
        return future

    def _work(self) -> None:
        while batch := self._next_batch():
            started = time.perf_counter()
            self._answer_batch([(task, is_call, future) for task, is_call, future in batch])
            seconds = (time.perf_counter() - started) / len(batch)
            self.seconds_per_task += (_NEWEST if self.seconds_per_task else 1.0) * (
                seconds - self.seconds_per_task
            )

    def _next_batch(self) -> list[tuple[Any, bool, Future]]:
        """Wait for work; return one call, or the tasks at the head of the queue. Nothing after `close`."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            batch: list[tuple[Any, bool, Future]] = []
            while self._waiting and len(batch) < self._batch_size:
                is_call = self._waiting[0][1]
                if batch and is_call:
                    break
                batch.append(self._waiting.popleft())
                if is_call:
                    break
            return batch

    def _answer_batch(self, batch: Sequence[tuple[Any, bool, Future]]) -> None:
        batch = [each for each in batch if each[2].set_running_or_notify_cancel()]
        try:
            if batch and batch[0][1]:
                results = [batch[0][0]()]
            else:
                results = self._answer([task for task, _, _ in batch]) if batch else []
        except BaseException as error:  # Whatever it is, the clients must not wait for ever.
            results = [error] * len(batch)
        for (_, _, future), result in zip(batch, results, strict=True):
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
