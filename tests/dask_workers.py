"""A Dask cluster of two processes on this machine, which can import a module that a test writes."""

import contextlib
import sys

from distributed import LocalCluster


@contextlib.contextmanager
def two_workers(folder, name, source):
    """Run a scheduler and two workers, each a process that is started again when it dies.

    The module `name`, of the text `source`, is written into `folder`, and can be imported here and by the workers.
    """
    (folder / f"{name}.py").write_text(source)
    sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    try:
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
            yield cluster
    finally:
        sys.path.remove(str(folder))
