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

    Where a process dies, the tasks that were under way are tried again one by one.
    An exception that the function raises ends the work and is raised here.

    Args:
        tasks: list of picklable values.
        make_function: picklable; called once in each process, gives the function of one task.
        workers: number of processes.

    Yields:
        (task, result); the result is None for a task that its process did not survive.

    Raises:
        ChildProcessError: the processes do not start.
    """
    workers = min(workers, -(-len(tasks) // _TASKS_AT_A_TIME))
    waiting = collections.deque(
        tasks[start : start + _TASKS_AT_A_TIME] for start in range(0, len(tasks), _TASKS_AT_A_TIME)
    )
    while waiting:
        under_way = {}
        try:
            yield from _work_off(waiting, under_way, make_function, workers, ahead=2)
        except BrokenProcessPool:
            suspects = collections.deque([task] for chunk in under_way.values() for task in chunk)
            yield from _work_singly(suspects, make_function)


def _work_singly(waiting, make_function):
    """One process and one task under way at a time, so that a death has one cause."""
    while waiting:
        under_way = {}
        try:
            yield from _work_off(waiting, under_way, make_function, workers=1, ahead=1)
        except BrokenProcessPool:
            for (task,) in under_way.values():
                yield task, None


def _work_off(waiting, under_way, make_function, workers, ahead):
    """Empty the deque of chunks `waiting`; `under_way` keeps those that a dead process leaves undone.

    Each process has `ahead` chunks to itself, the one it works on included.
    """
    pool = concurrent.futures.ProcessPoolExecutor(
        workers,
        # TensorFlow does not survive a fork.
        multiprocessing.get_context("spawn"),
        _start_worker,
        (make_function,),
    )
    try:
        _check_start(pool)
        while waiting or under_way:
            while waiting and len(under_way) < ahead * workers:
                # Taken only after it is handed over, which a pool that just broke refuses.
                future = pool.submit(_work_chunk, waiting[0])
                under_way[future] = waiting.popleft()
            done, _ = concurrent.futures.wait(under_way, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                results = future.result()
                chunk = under_way.pop(future)
                yield from zip(chunk, results, strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _check_start(pool):
    """Tell a worker that cannot begin, which is nobody's image's fault, from one that died at work."""
    try:
        pool.submit(os.getpid).result()
    except BrokenProcessPool:
        raise ChildProcessError("the worker processes do not start; one worker alone shows why") from None


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
