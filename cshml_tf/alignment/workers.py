"""Apply a function to tasks in worker processes, any of which may die."""

import collections
import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_TASKS_PER_CHUNK = 8


def in_this_process(
    tasks: Sequence[Task], make_function: Callable[[], Callable[[Task], Result]]
) -> Generator[tuple[Task, Result], None, None]:
    """Yield (task, result) for each task in order; the arguments are those of `in_workers`."""
    if tasks:
        function = make_function()
        for task in tasks:
            yield task, function(task)


def in_workers(
    tasks: Sequence[Task], make_function: Callable[[], Callable[[Task], Result]], workers: int
) -> Generator[tuple[Task, Result | None], None, None]:
    """Yield (task, result) for each task as worker processes finish it, in no fixed order.

    A process that dies is replaced, and the tasks it was given are retried at the end, one at a time. An
    exception raised by the function ends the work and is raised here.

    Args:
        tasks: picklable values.
        make_function: picklable; called once in each process, returns the function to apply to each task.
        workers: number of processes.

    Yields:
        (task, result); the result is None if the process died at this task.

    Raises:
        ChildProcessError: the processes do not start.
    """
    chunks = [tasks[start : start + _TASKS_PER_CHUNK] for start in range(0, len(tasks), _TASKS_PER_CHUNK)]
    suspects = []
    for chunk, results in _process_chunks(chunks, make_function, workers, ahead=2):
        if results is None:
            suspects += chunk
        else:
            yield from zip(chunk, results, strict=True)
    # One process with one task at a time, so that only this task can have caused a death.
    for (task,), results in _process_chunks([[task] for task in suspects], make_function, workers=1, ahead=1):
        yield task, None if results is None else results[0]


def _process_chunks(
    chunks: Sequence[Sequence[Task]],
    make_function: Callable[[], Callable[[Task], Result]],
    workers: int,
    ahead: int,
) -> Generator[tuple[Sequence[Task], list[Result] | None], None, None]:
    """Yield (chunk, results) for each chunk; the results are None if its process died.

    Each process is given `ahead` chunks in advance, including the one it is working on.
    """
    waiting = collections.deque(chunks)
    # A pool of several processes can hang forever if one dies while another is being started: CPython's executor
    # then waits for a process that it never asked to end. A pool of one cannot.
    pools = [_Process(make_function) for _ in range(min(workers, len(chunks)))]
    under_way = {}
    try:
        if pools:
            _check_start(pools[0])
        for pool in pools * ahead:
            _submit_next(waiting, pool, under_way)
        while under_way:
            done, _ = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                pool, chunk = under_way.pop(future)
                yield chunk, _results(future)
                _submit_next(waiting, pool, under_way)
    finally:
        for pool in pools:
            pool.close()


def _submit_next(waiting: collections.deque, pool: "_Process", under_way: dict) -> None:
    if waiting:
        chunk = waiting.popleft()
        under_way[pool.submit(_work_chunk, chunk)] = pool, chunk


def _results(future: concurrent.futures.Future) -> list | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _check_start(pool: "_Process") -> None:
    """Raise if a worker cannot even start, so that no task is blamed for its death."""
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool:
        raise ChildProcessError("the worker processes do not start; run with one worker to see why") from None


class _Process:
    """A worker process that is replaced when it dies."""

    def __init__(self, make_function: Callable[[], Callable]) -> None:
        self._make_function = make_function
        self._pool = self._new_pool()

    def submit(self, function: Callable, *arguments: Any) -> concurrent.futures.Future:
        """Return a future, which raises BrokenProcessPool if the process dies before it is done."""
        try:
            return self._pool.submit(function, *arguments)
        except BrokenProcessPool:
            self.close()
            self._pool = self._new_pool()
            return self._pool.submit(function, *arguments)

    def close(self) -> None:
        """End the process after the call it is working on."""
        self._pool.shutdown(cancel_futures=True)

    def _new_pool(self) -> concurrent.futures.ProcessPoolExecutor:
        # TensorFlow does not survive a fork.
        context = multiprocessing.get_context("spawn")
        return concurrent.futures.ProcessPoolExecutor(1, context, _start_worker, (self._make_function,))


# The function of a worker process, set when it starts.
_function: Callable | None = None


def _start_worker(make_function: Callable[[], Callable]) -> None:
    global _function
    # The parent process handles an interrupt and ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _function = make_function()


def _die_with_parent() -> None:
    """End this process when its parent ends: a killed parent cannot stop its workers, which would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _work_chunk(chunk: Sequence) -> list:
    assert _function is not None
    return [_function(task) for task in chunk]
