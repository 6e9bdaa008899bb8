"""A folder aligned by the workers of a Dask cluster is the folder that one process makes."""

import os
import signal
import threading
import time

import pytest
from dask_workers import two_workers
from marked_photographs import DETECTOR, photograph, rows_of

from cshml_tf.alignment.folder import align_dataset
from cshml_tf.cli.align_dataset import main
from cshml_tf.settings.alignment import AlignmentSettings
from cshml_tf.workers import Cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A scheduler and two workers that can import the detector, each started again when it dies."""
    with two_workers(tmp_path_factory.mktemp("modules"), "marked_detector", DETECTOR) as cluster:
        yield cluster


def align(source, target, cluster=None, **more):
    import marked_detector

    settings = AlignmentSettings(detect_multiple_faces=True)
    return align_dataset(
        source, target, settings, make_detector=marked_detector.MarkedDetector, cluster=cluster, **more
    )


def content_of(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def kill_a_worker(dask, when):
    """Kill a worker once a condition holds; return the thread that waits for it."""

    def kill():
        limit = time.monotonic() + 60
        while not when():
            assert time.monotonic() < limit
            time.sleep(0.01)
        os.kill(dask.workers[0].pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_one_of_two_workers_killed_half_way(dask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "in"
    for number in range(80):
        photograph(source / f"p{number % 7}/{number:02d}.png", faces=number % 3, wait=25)
    (source / "p0/broken.jpg").write_text("no picture")
    align(source, tmp_path / "alone")
    target, pids = tmp_path / "shared", {worker.pid for worker in dask.workers}
    killer = kill_a_worker(dask, lambda: len(list(target.rglob("*.png"))) >= 40)
    # A path relative to the current folder, which the workers do not have.
    record = align("in", "shared", Cluster(dask.scheduler_address, 30))
    killer.join()
    assert content_of(target) == content_of(tmp_path / "alone")
    assert record.counts() == {"aligned": 53, "no_face": 27, "unreadable": 1, "crops": 79}
    assert len({worker.pid for worker in dask.workers} - pids) == 1


def test_a_photograph_that_kills_its_workers_is_listed(dask, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    for number in range(12):
        photograph(source / f"a/{number:02d}.png", fault={3: 5, 7: 2}.get(number, 0))
    align(source, target, Cluster(dask.scheduler_address, 30))
    failed = {row["path"]: row["reason"] for row in rows_of(target) if row["status"] != "aligned"}
    reason = "the worker process died while aligning this image"
    assert failed == {"a/03.png": reason, "a/07.png": reason}
    assert sorted(path.name for path in target.iterdir()) == ["a", "alignment.csv", "alignment.json"]


def test_an_interrupted_run_is_resumed(dask, tmp_path):
    """An interrupt ends the run in order; what is left is done by the next, here or on the cluster."""
    source, target = tmp_path / "in", tmp_path / "out"
    for number in range(60):
        photograph(source / f"a/{number:02d}.png", wait=20)

    def interrupted(results, total):
        for count, rows in enumerate(results):
            if count == 20:
                raise KeyboardInterrupt
            yield rows

    cluster = Cluster(dask.scheduler_address, 30)
    with pytest.raises(KeyboardInterrupt):
        align(source, target, cluster, progress=interrupted)
    assert len(rows_of(target)) == 20
    crops = {path: path.stat().st_mtime_ns for path in target.rglob("*.png")}
    time.sleep(0.5)
    # No worker goes on writing.
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*.png")} == crops
    align(source, target, cluster)
    align(source, tmp_path / "alone")
    assert content_of(target) == content_of(tmp_path / "alone")


def test_the_command_says_in_one_line_that_there_is_no_scheduler(tmp_path, capsys):
    photograph(tmp_path / "in/a.png")
    words = [str(tmp_path / "in"), str(tmp_path / "out"), "--scheduler"]
    assert main([*words, "tcp://127.0.0.1:1", "--scheduler_timeout", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("error: tcp://127.0.0.1:1: expected a Dask scheduler to answer within 1 s: ")
    for address in ("127.0.0.1:8786", "tcp://host", "http://host:8786"):
        with pytest.raises(SystemExit) as stop:
            main([*words, address])
        assert stop.value.code == 2
        message = f"error: --scheduler: expected an address such as tcp://host:8786, got {address} "
        assert capsys.readouterr().err.startswith(message)
