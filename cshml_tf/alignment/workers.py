"""A function applied to tasks by worker processes, any of which may die."""

import collections
import concurrent.futures
import multiprocessing
import os
import signal
import threading
from concurrent.futures.process import BrokenProcessPool

_TASKS_AT_A_TIME = 8


def in_this_process(tasks, make_function):
    """Yield (task, result) of each task in turn; `in_workers` explains the arguments."""
    if tasks:
        function = make_function()
        for task in tasks:
            yield task, function(task)


def in_workers(tasks, make_function, workers):
    """Yield (task, result) of each task as worker processes finish it, in no fixed order.

    Where a process dies, another takes its place, and the tasks it had in hand are tried again at the
    end, one by one. An exception that the function raises ends the work and is raised here.

    Args:
        tasks: list of picklable values.
        make_function: picklable; called once in each process, gives the function of one task.
        workers: number of processes.

    Yields:
        (task, result); the result is None for a task that its process did not survive.

    Raises:
        ChildProcessError: the processes do not start.
    """
    chunks = [tasks[start : start + _TASKS_AT_A_TIME] for start in range(0, len(tasks), _TASKS_AT_A_TIME)]
    suspects = []
    for chunk, results in _work_off(chunks, make_function, workers, ahead=2):
        if results is None:
            suspects += chunk
        else:
            yield from zip(chunk, results, strict=True)
    # One process and one task under way at a time, so that a death has one cause.
    for (task,), results in _work_off([[task] for task in suspects], make_function, workers=1, ahead=1):
        yield task, None if results is None else results[0]


def _work_off(chunks, make_function, workers, ahead):
    """Yield (chunk, results) of each chunk; the results are None where its process died.

    Each process has `ahead` chunks to itself, the one it works on included.
    """
    waiting = collections.deque(chunks)
    # A pool of several processes can hang for ever when one dies while another is being started
    # (CPython's executor then waits for a process that nobody told to end); a pool of one cannot.
    pools = [_Process(make_function) for _ in range(min(workers, len(chunks)))]
    under_way = {}
    try:
        if pools:
            _check_start(pools[0])
        for pool in pools * ahead:
            _hand_over(waiting, pool, under_way)
        while under_way:
            done, _ = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                pool, chunk = under_way.pop(future)
                yield chunk, _results(future)
                _hand_over(waiting, pool, under_way)
    finally:
        for pool in pools:
            pool.close()


def _hand_over(waiting, pool, under_way):
    if waiting:
        chunk = waiting.popleft()
        under_way[pool.submit(_work_chunk, chunk)] = pool, chunk


def _results(future):
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _check_start(pool):
    """Tell a worker that cannot begin, which is nobody's image's fault, from one that died at work."""
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool:
        raise ChildProcessError("the worker processes do not start; one worker alone shows why") from None


class _Process:
    """A worker process, replaced when it has died."""

    def __init__(self, make_function):
        self._make_function = make_function
        self._pool = self._new_pool()

    def submit(self, function, *arguments):
        """Give a future, which raises BrokenProcessPool where the process dies before it is done."""
        try:
            return self._pool.submit(function, *arguments)
        except BrokenProcessPool:
            self.close()
            self._pool = self._new_pool()
            return self._pool.submit(function, *arguments)

    def close(self):
        """End the process after the call it works on."""
        self._pool.shutdown(cancel_futures=True)

    def _new_pool(self):
        # TensorFlow does not survive a fork.
        context = multiprocessing.get_context("spawn")
        return concurrent.futures.ProcessPoolExecutor(1, context, _start_worker, (self._make_function,))


_function = None


def _start_worker(make_function):
    global _function
    # The parent process decides what an interrupt means, and tells its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _function = make_function()


def _die_with_parent():
    """A killed parent cannot stop its workers, which would wait for tasks for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _work_chunk(chunk):
    return [_function(task) for task in chunk]
