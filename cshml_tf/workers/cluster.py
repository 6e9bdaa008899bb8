"""Apply a function to tasks on a Dask cluster, any of whose workers may be lost.

The cluster's scheduler and workers are started by others, see docs/clusters.md. Dask runs the tasks of a lost
worker elsewhere; what this adds is the contract of `in_workers`, so that either can stand for the other.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cshml_tf.files import PARTIAL_PREFIX
from cshml_tf.workers.fitness import Expected, check_fitness, expected_of
from cshml_tf.workers.processes import Outcomes
from cshml_tf.workers.worker import Run, apply, end

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")
Result = TypeVar("Result")

# Tasks under way for each thread of the cluster: enough that no worker waits for the next one, and few enough that
# millions of tasks take no memory here or in the scheduler.
_TASKS_PER_THREAD = 4
# Seconds between two looks at which workers there are.
_LOOK_EVERY = 2.0
# Seconds after which a worker is no longer waited for that should end its task.
_PATIENCE = 60.0


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A Dask cluster.

    Attributes:
        address: of its scheduler, such as "tcp://host:8786".
        timeout: how long to wait for the scheduler, and for a worker whenever there is none, seconds.
    """

    address: str
    timeout: float = 60.0


def on_cluster(
    tasks: Sequence[Task],
    make_function: Callable[[], Callable[[Task], Result]],
    cluster: Cluster,
    packages: Iterable[str],
    files: Iterable[Path] = (),
    output_dir: Path | None = None,
) -> Outcomes:
    """Connect to a cluster, and yield (task, result) for each task as the workers finish it, in no fixed order.

    The tasks of a lost worker run elsewhere. A task during which more workers were lost than the scheduler allows
    (its setting `allowed-failures`), or which ran out of memory, is retried at the end, with no other task under
    way. Any other exception raised by the function ends the work and is raised here.

    Args:
        tasks: picklable values.
        make_function: picklable; called once in each worker, returns the function to apply to each task. A worker
            applies it to one task at a time, however many threads it has.
        cluster: the cluster.
        packages: names of the installed packages of which each worker must have the version of this process.
        files: files that each worker must see as this process does.
        output_dir: an absolute path; a folder that each worker must be able to write to.

    Yields:
        (task, result); the result is None if workers were lost at this task twice.

    Raises:
        ValueError: `distributed` is not installed, or has no certificates for a tls:// address.
        ChildProcessError: the scheduler does not answer or is lost, there is no worker, or a worker has other
            versions or does not see the files. The message names the address.
    """
    work = _work(tasks, make_function, cluster, packages, files, output_dir)
    # Up to where all is known to be well; a caller can then show that the work has begun.
    next(work, None)
    return work


def _work(
    tasks: Sequence[Task],
    make_function: Callable[[], Callable[[Task], Result]],
    cluster: Cluster,
    packages: Iterable[str],
    files: Iterable[Path],
    output_dir: Path | None,
) -> Generator[Any, None, None]:
    """Yield None when connected, then as `on_cluster`; nothing if there are no tasks."""
    if not tasks:
        return
    with _connected(cluster) as client, _proof(output_dir) as proof:
        run = Run(uuid.uuid4().hex, make_function, expected_of(packages, [*files, *proof], output_dir))
        _wait_for_workers(client, cluster)
        _check_workers(client, cluster, run.expected)
        try:
            yield None
            suspects = []
            for task, answer in _answers(client, cluster, run, tasks):
                if answer is None:
                    suspects.append(task)
                else:
                    yield task, answer[0]
            for task, answer in _answers(client, cluster, run, suspects, most=1):
                yield task, None if answer is None else answer[0]
        finally:
            with contextlib.suppress(Exception):
                _bounded(lambda: _end(client, run), _PATIENCE)


def _answers(
    client: "Client", cluster: Cluster, run: Run, tasks: Iterable[Task], most: int | None = None
) -> Generator[tuple[Task, tuple[Any] | None], None, None]:
    """Yield (task, (result,)) for each task; (task, None) if it lost workers or memory. `most` are under way."""
    waiting = collections.deque(tasks)
    done: queue.SimpleQueue[Future] = queue.SimpleQueue()
    under_way: dict[Any, tuple[Task, Future]] = {}
    watch = _Watch(client, cluster)
    try:
        while waiting or under_way:
            watch.look()
            while waiting and len(under_way) < (most or _TASKS_PER_THREAD * watch.threads):
                task = waiting.popleft()
                # Equal tasks are different tasks, and one that is tried again is another task.
                future = client.submit(apply, run, task, key=f"{run.name}-{uuid.uuid4().hex}")
                under_way[future.key] = task, future
                future.add_done_callback(done.put)
            with contextlib.suppress(queue.Empty):
                future = done.get(timeout=_LOOK_EVERY)
                try:
                    answer = _answer(future, cluster)
                except TimeoutError:
                    future.add_done_callback(done.put)
                else:
                    yield under_way.pop(future.key)[0], answer
    finally:
        futures = [future for _, future in under_way.values()]
        with contextlib.suppress(Exception):
            _bounded(lambda: client.cancel(futures), cluster.timeout)


def _answer(future: "Future", cluster: Cluster) -> tuple | None:
    """Return (result,); None if workers were lost at the task or it ran out of memory.

    A result can be lost with its worker after it was announced; Dask then computes it again. That is why this does
    not use Dask's `Executor`, whose futures take such a result for an exception.

    Raises:
        TimeoutError: the result was lost and is not there yet.
    """
    from distributed.scheduler import KilledWorker

    try:
        # An exception of the function may be a TimeoutError too.
        error: Any = future.exception(timeout=cluster.timeout) if future.status == "error" else None
        if error is None:
            return (future.result(timeout=cluster.timeout),)
    except (concurrent.futures.CancelledError, asyncio.CancelledError):
        raise ChildProcessError(f"{cluster.address}: the scheduler was lost, or it cancelled the tasks") from None
    except TimeoutError:
        raise
    except Exception as raised:
        error = raised
    if isinstance(error, KilledWorker | MemoryError):
        return None
    if isinstance(error, ImportError):
        raise ChildProcessError(f"{cluster.address}: a worker cannot import what it needs: {error}") from error
    if isinstance(error, TimeoutError):
        raise ChildProcessError(f"{cluster.address}: a task gave up waiting: {error}") from error
    raise error


def _end(client: "Client", run: Run) -> None:
    """Return once no worker works for a run that is over: what it writes is to be whole before others look at it.

    A worker cannot be interrupted in a task. One that joins after the scheduler has forgotten the tasks gets none.
    """
    processing: Any = client.processing
    while any(str(key).startswith(run.name) for keys in processing().values() for key in keys):
        time.sleep(0.05)
    client.run(end, run.name, _PATIENCE, on_error="ignore")


class _Watch:
    """The workers of a cluster, looked at from time to time.

    Attributes:
        threads: number of threads of the workers that take tasks, at least 1.
    """

    def __init__(self, client: "Client", cluster: Cluster) -> None:
        self._client, self._cluster = client, cluster
        self._looked, self._seen = 0.0, time.monotonic()
        self.threads = 1

    def look(self) -> None:
        """Count the threads, unless that was done a moment ago; give up after a while without a worker."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        try:
            workers = _bounded(lambda: self._client.scheduler_info(-1), self._cluster.timeout)["workers"].values()
        except (OSError, KeyError) as error:
            raise ChildProcessError(f"{self._cluster.address}: the scheduler was lost: {error}") from error
        threads = sum(worker["nthreads"] for worker in workers if worker["status"] == "running")
        if threads:
            self.threads, self._seen = threads, now
        elif now - self._seen > self._cluster.timeout:
            # A worker whose memory is nearly full takes no tasks until some of it is free.
            paused = f"; {len(workers)} are paused, short of memory" if workers else ""
            raise ChildProcessError(_no_workers(self._cluster) + paused)


def _no_workers(cluster: Cluster) -> str:
    return f"{cluster.address}: expected workers that take tasks, found none for {cluster.timeout:g} s"


@contextlib.contextmanager
def _connected(cluster: Cluster) -> Iterator["Client"]:
    """Yield a client of the scheduler; what Dask logs meanwhile is not shown: each failure is raised here."""
    try:
        from distributed import Client, Security
    except ImportError as error:
        raise ValueError(
            f"scheduler: expected the package distributed, pip install 'cshml_tf[cluster]': {error}"
        ) from error
    if cluster.address.startswith("tls://") and not Security().get_connection_args("client").get("ssl_context"):
        raise ValueError(f"{cluster.address}: expected certificates in Dask's configuration, distributed.comm.tls")
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        client = _connect(lambda: Client(cluster.address, timeout=cluster.timeout, set_as_default=False), cluster)
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):
                client.close(timeout=_PATIENCE)
    finally:
        log.setLevel(level)


def _connect(make_client: Callable[[], "Client"], cluster: Cluster) -> "Client":
    try:
        return _bounded(make_client, cluster.timeout + 1)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ChildProcessError(
            f"{cluster.address}: expected a Dask scheduler to answer within {cluster.timeout:g} s: {reason}"
        ) from error


def _wait_for_workers(client: "Client", cluster: Cluster) -> None:
    try:
        client.wait_for_workers(1, timeout=cluster.timeout)
    except TimeoutError:
        raise ChildProcessError(_no_workers(cluster)) from None
    except OSError as error:
        raise ChildProcessError(f"{cluster.address}: the scheduler was lost: {error}") from error


def _check_workers(client: "Client", cluster: Cluster, expected: Expected) -> None:
    """Refuse a worker that is unfit; those that join later are checked at their first task."""
    try:
        found = _bounded(lambda: client.run(check_fitness, expected, on_error="return"), cluster.timeout)
    except TimeoutError:
        raise ChildProcessError(
            f"{cluster.address}: a worker does not answer within {cluster.timeout:g} s"
        ) from None
    for address, problem in sorted(found.items()):
        if isinstance(problem, ImportError | AttributeError):
            problem = f"cannot import cshml_tf as it is here: {problem}"
        if isinstance(problem, OSError) and not isinstance(problem, ChildProcessError):
            continue  # It was lost meanwhile.
        if problem is not None:
            raise ChildProcessError(f"worker {address}: {problem}")


@contextlib.contextmanager
def _proof(output_dir: Path | None) -> Iterator[list[Path]]:
    """Yield a new hidden file in a folder: a worker that sees another folder of that name does not see it."""
    if output_dir is None:
        yield []
        return
    path = output_dir / f"{PARTIAL_PREFIX}{uuid.uuid4().hex}"
    path.write_text(path.name, encoding="utf-8")
    try:
        yield [path]
    finally:
        path.unlink(missing_ok=True)


def _bounded(call: Callable[[], Any], seconds: float) -> Any:
    """Return what a call returns, or raise `TimeoutError` and leave it running in a thread of its own."""
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return result
