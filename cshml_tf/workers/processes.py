"""Apply a function to tasks in worker processes, any of which may die."""

import collections
import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
Outcomes = Generator[tuple[Task, Result | None], None, None]

# How often in a row a process may die while it starts before it is given up.
_MOST_STARTS = 8
# The task that a process works on, and the one that it takes next.
_TASKS_AHEAD = 2
# Seconds after which a process that should end is killed.
_PATIENCE = 60


def in_this_process(tasks: Sequence[Task], make_function: Callable[[], Callable[[Task], Result]]) -> Outcomes:
    """Yield (task, result) for each task in order; the arguments are those of `in_workers`.

    A task that runs out of memory is retried at the end. If it does so again, its result is None.
    """
    if not tasks:
        return
    function = make_function()
    suspects = []
    for task in tasks:
        try:
            result = function(task)
        except MemoryError:
            suspects.append(task)
            continue
        yield task, result
    for task in suspects:
        try:
            result = function(task)
        except MemoryError:
            result = None
        yield task, result


def in_workers(
    tasks: Sequence[Task], make_function: Callable[[], Callable[[Task], Result]], workers: int
) -> Outcomes:
    """Yield (task, result) for each task as worker processes finish it, in no fixed order.

    A process that dies is replaced, whether it was starting, waiting or working. The task that it was working on
    is retried at the end, in one process alone. Running out of memory counts as a death. Any other exception
    raised by the function ends the work and is raised here.

    Args:
        tasks: picklable values.
        make_function: picklable; called once in each process, returns the function to apply to each task.
        workers: number of processes.

    Yields:
        (task, result); the result is None if processes died at this task twice.

    Raises:
        ChildProcessError: the processes do not start.
    """
    suspects = []
    for task, answer in _answers(tasks, make_function, workers):
        if answer is None:
            suspects.append(task)
        else:
            yield task, answer[0]
    for task, answer in _answers(suspects, make_function, workers=1):
        yield task, None if answer is None else answer[0]


def _answers(
    tasks: Iterable[Task], make_function: Callable[[], Callable[[Task], Result]], workers: int
) -> Generator[tuple[Task, tuple[Result] | None], None, None]:
    """Yield (task, (result,)) for each task; (task, None) if its process died while working on it."""
    waiting = collections.deque(tasks)
    processes = [_Process(make_function, waiting) for _ in range(min(workers, len(waiting)))]
    try:
        for process in processes:
            process.start()
        while waiting or any(process.under_way for process in processes):
            for process in _ready(processes):
                yield from process.receive()
    finally:
        for process in processes:
            process.close()
        for process in processes:
            process.join()


def _ready(processes: "list[_Process]") -> "list[_Process]":
    """Wait until a process has something to say, or has died; return all such processes."""
    by_connection = {process.connection: process for process in processes if process.connection is not None}
    if not by_connection:
        raise ChildProcessError("the worker processes do not start; run with one worker to see why")
    ready = wait(by_connection)
    return [process for connection, process in by_connection.items() if connection in ready]


class _Process:
    """A worker process that is replaced when it dies.

    The parent talks to each process through a connection of its own. A death at any instant closes it, and no
    other process waits for anything that the dead one held.

    Attributes:
        connection: None before the start, and once the process is given up or ended.
        under_way: the tasks that it was sent and has not answered; it works on the first.
    """

    def __init__(self, make_function: Callable[[], Callable], waiting: collections.deque) -> None:
        self.connection: Connection | None = None
        self.under_way: collections.deque = collections.deque()
        self._make_function = make_function
        self._waiting = waiting
        self._process: Any = None
        self._has_started = False
        self._failed_starts = 0

    def start(self) -> None:
        """Start the process, unless it has died too often while it started."""
        self._has_started = False
        if self._failed_starts == _MOST_STARTS:
            return
        # TensorFlow does not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._make_function), daemon=True)
        try:
            process.start()
        except BaseException:
            self.close()
            raise
        finally:
            # Only the process itself holds its end, so that its death closes the connection.
            theirs.close()
        self._process = process

    def receive(self) -> list[tuple[Any, tuple | None]]:
        """Return what the process has answered, or the task at which it died; send it tasks, or replace it."""
        assert self.connection is not None
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            return self._replace()
        if kind == "failed":
            raise ChildProcessError(f"the worker processes do not start: {content!r}") from content
        if kind == "error":
            raise content
        answered = []
        if kind == "started":
            self._has_started, self._failed_starts = True, 0
        else:
            answered.append((self.under_way.popleft(), content))
        self._send_tasks()
        return answered

    def close(self) -> None:
        """Ask the process to end after the task it is working on."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def join(self) -> None:
        """Wait until the process has ended, and end it if it does not."""
        if self._process is not None:
            self._process.join(_PATIENCE)
            self._process.kill()
            self._process.join()

    def _send_tasks(self) -> None:
        assert self.connection is not None
        while self._waiting and len(self.under_way) < _TASKS_AHEAD:
            try:
                self.connection.send(self._waiting[0])
            except OSError:  # It has died, which shows when its answer is received.
                return
            self.under_way.append(self._waiting.popleft())

    def _replace(self) -> list[tuple[Any, tuple | None]]:
        self.close()
        self.join()
        self._failed_starts += not self._has_started
        suspects: list[tuple[Any, tuple | None]] = [(self.under_way.popleft(), None)] if self.under_way else []
        self._waiting.extendleft(reversed(self.under_way))
        self.under_way.clear()
        with contextlib.suppress(OSError):  # The others go on; if there are none, `_ready` says so.
            self.start()
        return suspects


def _work(connection: Connection, make_function: Callable[[], Callable]) -> None:
    """Answer tasks until the parent closes the connection: the main function of a worker process."""
    # The parent process handles an interrupt and ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    kind, function = _attempt("failed", make_function)
    _answer(connection, (kind, function) if kind == "failed" else ("started", None))
    while kind != "failed":
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        _answer(connection, _attempt("error", lambda: (function(task),)))  # noqa: B023


def _attempt(failure: str, function: Callable[[], Any]) -> tuple[str, Any]:
    """Return ("result", what the function returns), or the kind of failure and the exception."""
    try:
        return "result", function()
    except MemoryError:
        # The replacement starts with all memory free.
        os._exit(1)
    except BaseException as error:
        error.add_note(traceback.format_exc())
        return failure, error


def _answer(connection: Connection, answer: tuple[str, Any]) -> None:
    try:
        connection.send(answer)
    except OSError:  # The parent has closed the connection.
        return
    except Exception as error:
        connection.send(("error", RuntimeError(f"expected a picklable answer, got {answer[1]!r}: {error}")))


def _die_with_parent() -> None:
    """End this process when its parent ends: a killed parent cannot stop its workers, which would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
