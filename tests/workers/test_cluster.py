"""Tasks on a Dask cluster whose workers die, are unfit, are absent, or lose their scheduler."""

import functools
import operator
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from dask_workers import two_workers
from distributed import LocalCluster
from dying_functions import SOME_DIE

import cshml_tf
from cshml_tf.workers import Cluster, on_cluster
from cshml_tf.workers import cluster as module
from cshml_tf.workers.fitness import check_fitness, expected_of

pytestmark = pytest.mark.slow
MAKE_ADD_ONE = functools.partial(functools.partial, operator.add, 1)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A scheduler and two workers, each a process that is started again when it dies."""
    with two_workers(tmp_path_factory.mktemp("modules"), "some_die", SOME_DIE) as cluster:
        yield cluster


@pytest.fixture
def functions(dask):
    import some_die

    return some_die


@pytest.fixture
def run(dask):
    """Return a function that applies a made function to tasks on the cluster."""
    return lambda tasks, make, **more: on_cluster(tasks, make, Cluster(dask.scheduler_address, 30), (), **more)


def wait_until(condition, seconds=30):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.02)


def refusal(work):
    """Return the one line with which a run, a function without arguments, is refused."""
    with pytest.raises(ChildProcessError) as caught:
        list(work())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_task_gets_its_result(run, tmp_path):
    work = run(list(range(50)), MAKE_ADD_ONE, files=[Path(__file__)], output_dir=tmp_path)
    assert sorted(work) == [(task, task + 1) for task in range(50)]
    # Equal tasks are different tasks.
    assert list(run([1, 1, 1], MAKE_ADD_ONE)) == [(1, 2)] * 3
    assert list(run([], MAKE_ADD_ONE)) == [] and list(tmp_path.iterdir()) == []


def test_a_task_that_kills_its_workers_is_found_and_the_others_are_done(run, functions):
    results = list(run(list(range(12)), functions.make))
    assert sorted(results) == [(task, None if task == 3 else task + 1) for task in range(12)]


def test_running_out_of_memory_costs_no_worker(run, functions, dask):
    wait_until(lambda: len(dask.scheduler.workers) == 2)
    pids = [worker.pid for worker in dask.workers]
    expected = [(task, None if task == 3 else task + 1) for task in range(12)]
    assert sorted(run(list(range(12)), functions.make_hungry)) == expected
    assert [worker.pid for worker in dask.workers] == pids


def test_an_exception_is_raised_here(run):
    with pytest.raises(TypeError):
        list(run(["text"] * 9, MAKE_ADD_ONE))


def test_few_tasks_are_under_way(run, functions, dask):
    """While nobody takes results, the workers stop; a run that is given up leaves no task behind."""
    counted = Path(functions.__file__).with_name("counted")
    work = run(list(range(400)), functions.make_counted)
    next(work)
    time.sleep(2)
    most = 1 + module._TASKS_PER_THREAD * 2
    assert 2 <= counted.stat().st_size <= most
    work.close()
    time.sleep(0.5)
    assert counted.stat().st_size <= most
    assert not dask.scheduler.tasks


def test_an_unfit_worker_is_named_in_one_line(run, monkeypatch, functions):
    # Each process sees another file there, and its own threads only.
    line = refusal(lambda: run([1], MAKE_ADD_ONE, files=[Path("/proc/self/stat")]))
    assert (
        line.startswith("worker tcp://127.0.0.1:") and "expected /proc/self/stat as where the command runs" in line
    )
    line = refusal(lambda: run([1], MAKE_ADD_ONE, files=[Path(f"/proc/self/task/{os.getpid()}/comm")]))
    assert "expected to see /proc/self/task/" in line and "that all workers share: No such file" in line
    line = refusal(lambda: run([1], functools.partial(operator.add, 1)))
    assert line.startswith("worker tcp://127.0.0.1:") and "does not start: TypeError(" in line
    monkeypatch.setattr(cshml_tf, "__version__", "0.0.9")
    line = refusal(lambda: run([1], MAKE_ADD_ONE))
    assert f"expected cshml_tf 0.0.9, as where the command runs, got {functions.VERSION}" in line
    # One that joined later is refused at its first task.
    monkeypatch.setattr(module, "_check_workers", lambda *arguments: None)
    assert "expected cshml_tf 0.0.9" in refusal(lambda: run([1], MAKE_ADD_ONE))


def test_what_makes_a_process_unfit(tmp_path):
    (tmp_path / "a").write_text("a")
    expected = expected_of(["numpy", "no_such_package"], [tmp_path / "a"], tmp_path)
    assert expected.versions["no_such_package"] is None and check_fitness(expected) is None
    expected.versions["no_such_package"] = "1.0"
    assert check_fitness(expected) == "expected no_such_package 1.0, as where the command runs, got none"
    expected.versions.clear()
    (tmp_path / "a").write_text("b")
    assert "got a file with another content" in check_fitness(expected)
    (tmp_path / "a").unlink()
    assert "expected to see" in check_fitness(expected)
    expected.prints.clear()
    assert check_fitness(expected_of([], [], tmp_path / "absent")).endswith("which cannot be written")


def test_no_scheduler_and_one_that_never_answers():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        absent = Cluster(address, 1)
        for listening in (False, True):
            if listening:
                server.listen()
            started = time.monotonic()
            line = refusal(lambda: on_cluster([1], MAKE_ADD_ONE, absent, ()))
            assert line.startswith(f"{address}: expected a Dask scheduler to answer within 1 s: ")
            assert time.monotonic() - started < 5


def test_tls_without_certificates():
    with pytest.raises(ValueError, match="^tls://host:8786: expected certificates in Dask's configuration"):
        on_cluster([1], MAKE_ADD_ONE, Cluster("tls://host:8786", 1), ())


def test_no_workers_and_a_scheduler_that_ends(functions):
    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        line = refusal(lambda: on_cluster([1], MAKE_ADD_ONE, Cluster(address, 1), ()))
        assert line == f"{address}: expected workers that take tasks, found none for 1 s"
        cluster.scale(1)
        cluster.wait_for_workers(1, 60)
        work = on_cluster(list(range(1000)), functions.make_slowly, Cluster(address, 2), ())
        next(work)
        # The only worker is stopped for good.
        cluster.scale(0)
        assert refusal(lambda: work) == f"{address}: expected workers that take tasks, found none for 2 s"
        cluster.scale(1)
        cluster.wait_for_workers(1, 60)
        work = on_cluster(list(range(1000)), functions.make_slowly, Cluster(address, 2), ())
        next(work)
    started = time.monotonic()
    assert "the scheduler was lost" in refusal(lambda: work)
    assert time.monotonic() - started < 10


def test_workers_killed_at_any_instant(run, functions, dask):
    """Wherever in its work a worker is killed, every task is answered once."""
    done = threading.Event()

    def kill():
        for each in [0, 1, 0]:
            if done.wait(0.7):
                return
            os.kill(dask.workers[each].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        results = sorted(run(list(range(400)), functions.make_slowly))
    finally:
        done.set()
        killer.join()
    assert results == [(task, task + 1) for task in range(400)]
