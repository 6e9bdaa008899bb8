"""A Dask cluster of two worker processes on this machine, which can import a module that a test writes.

Dask's own watcher of a worker process, its nanny, gives up where a worker ends in some states. Here a process is
started again whatever ended it, and may be killed at any instant.
"""

import contextlib
import os
import subprocess
import sys
import threading
import types

from distributed import LocalCluster


class RestartedWorker:
    """A worker process that is started again when it ends.

    Attributes:
        pid: of the process.
    """

    def __init__(self, address):
        self._address, self._closed = address, threading.Event()
        # A process may have ended and the next one not begun; none begins after the last was told to end.
        self._lock = threading.Lock()
        self._start()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    @property
    def pid(self):
        return self._process.pid

    def close(self):
        with self._lock:
            self._closed.set()
            self._process.kill()
        self._thread.join()

    def _start(self):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", self._address, "--no-nanny"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(
            [*command, "--no-dashboard", "--nthreads", "1"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _watch(self):
        while not self._closed.is_set():
            self._process.wait()
            with self._lock:
                if not self._closed.is_set():
                    self._start()


@contextlib.contextmanager
def two_workers(folder, name, source):
    """Run a scheduler and two workers: yield its "scheduler" and "scheduler_address", and "workers", both of them.

    The module `name`, of the text `source`, is written into `folder`, and can be imported here and by the workers.
    """
    (folder / f"{name}.py").write_text(source)
    sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    try:
        with (
            LocalCluster(n_workers=0, dashboard_address=":0") as cluster,
            contextlib.closing(RestartedWorker(cluster.scheduler_address)) as first,
            contextlib.closing(RestartedWorker(cluster.scheduler_address)) as second,
        ):
            yield types.SimpleNamespace(
                scheduler=cluster.scheduler, scheduler_address=cluster.scheduler_address, workers=[first, second]
            )
    finally:
        sys.path.remove(str(folder))
