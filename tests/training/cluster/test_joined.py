"""Workers that meet, tell each other values and notice each other's end; here, threads of one process."""

import concurrent.futures
import contextlib
import socket
import threading
import time

import numpy as np
import pytest

from cshml_tf.settings.option import OptionError
from cshml_tf.training.cluster import Cluster, Place, agree
from cshml_tf.training.cluster.joined import JoinedCluster
from cshml_tf.training.cluster.meeting import free_port, wait_for_others


class Ends:
    """Records the lines with which workers ended, and stops the threads that tell of it."""

    def __init__(self):
        self.lines = []
        self.came = threading.Condition()

    def __call__(self, line):
        with self.came:
            self.lines.append(line)
            self.came.notify_all()

    def wait_for(self, count, seconds=10):
        with self.came:
            assert self.came.wait_for(lambda: len(self.lines) >= count, seconds), self.lines
            return self.lines


@pytest.fixture
def ends():
    return Ends()


def join_all(count, ends, silence=30.0):
    """Return `count` workers that have met."""
    meeting = ("127.0.0.1", free_port("127.0.0.1"))
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        joins = [pool.submit(JoinedCluster, Place(i, count, meeting), ends, silence) for i in range(count)]
        return [join.result(timeout=20) for join in joins]


def on_all(clusters, function):
    """Call a function of each worker, all at once."""
    with concurrent.futures.ThreadPoolExecutor(len(clusters)) as pool:
        return list(pool.map(function, clusters))


def close_all(clusters):
    on_all(clusters, lambda cluster: cluster.__exit__(None, None, None))


def test_every_worker_gets_the_values_of_all(ends):
    clusters = join_all(3, ends)
    assert (
        on_all(clusters, lambda cluster: cluster.exchange({"own": cluster.index}))
        == [[{"own": 0}, {"own": 1}, {"own": 2}]] * 3
    )
    assert on_all(clusters, lambda cluster: cluster.share(f"from {cluster.index}")) == ["from 0"] * 3
    assert len(set(clusters[2].addresses)) == 3 and clusters[1].addresses == clusters[0].addresses
    close_all(clusters)
    time.sleep(0.2)
    assert not ends.lines


def test_the_chiefs_arrays_arrive_whole(ends):
    clusters = join_all(2, ends)
    random = np.random.default_rng(0)
    chiefs = [random.normal(size=(300, 5000)).astype(np.float32), np.int64(7), np.zeros((0, 3))]
    own = [chiefs, [np.zeros_like(array) for array in chiefs]]
    received = on_all(clusters, lambda cluster: cluster.share_arrays(own[cluster.index]))[1]
    for array, sent in zip(received, chiefs, strict=True):
        assert array.dtype == sent.dtype and np.array_equal(array, sent)
    close_all(clusters)


@pytest.mark.parametrize("lost", [0, 1])
def test_the_others_end_when_a_socket_closes(ends, lost):
    clusters = join_all(3, ends)
    for other in clusters[lost]._others:
        # As the system does for a killed process.
        other._closed.set()
        other._socket.shutdown(socket.SHUT_RDWR)
    lines = ends.wait_for(2)
    named = f"error: worker {lost} (127.0.0.1) is lost: it has ended; the same command, on every worker, continues"
    assert len(lines) == 2 and all(line.startswith(named) for line in lines)


def test_the_others_end_when_a_worker_is_silent(ends):
    clusters = join_all(2, ends, silence=0.5)
    for other in clusters[1]._others:
        # It neither beats nor closes, as a halted process.
        other._closed.set()
    assert ends.wait_for(1)[0].startswith(
        "error: worker 1 (127.0.0.1) is lost: it has sent nothing for 0.5 seconds"
    )


def test_the_others_are_told_why_a_worker_fails(ends):
    clusters = join_all(3, ends)
    with contextlib.suppress(ValueError), clusters[2]:
        raise ValueError("odd\ndata")
    lines = ends.wait_for(2)
    assert all(line.startswith("error: worker 2 has failed: odd data;") for line in lines)


def test_differing_settings_are_refused_by_all(ends):
    clusters = join_all(2, ends)

    def compare(cluster):
        with pytest.raises(OptionError) as refused, cluster:
            agree({"version": "1", "settings": {"seed": 1, "batch_size": 4 + cluster.index}}, cluster)
        return refused.value.worded(lambda name: f"--{name}")

    lines = on_all(clusters, compare)
    assert lines == ["--batch_size: expected the same on all workers, got 4 on worker 0 and 5 on worker 1"] * 2
    time.sleep(0.2)
    assert not ends.lines


def test_differing_versions_are_refused(ends):
    clusters = join_all(2, ends)

    def compare(cluster):
        with pytest.raises(
            ValueError, match="expected the same version on all workers, got '0' on worker 0 and '1'"
        ):
            agree({"version": str(cluster.index), "settings": {}}, cluster)

    on_all(clusters, compare)


def test_strangers_at_the_port_are_ignored(ends):
    meeting = ("127.0.0.1", free_port("127.0.0.1"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        chief = pool.submit(JoinedCluster, Place(0, 2, meeting), ends)
        for words in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2{}", b""):
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(meeting) as stranger:
                    stranger.sendall(words)
                    break
        other = pool.submit(JoinedCluster, Place(1, 2, meeting), ends)
        close_all([chief.result(timeout=20), other.result(timeout=20)])


def test_workers_of_two_counts_are_refused(ends):
    meeting = ("127.0.0.1", free_port("127.0.0.1"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        chief = pool.submit(JoinedCluster, Place(0, 2, meeting), ends)
        # Waits to be told, on a thread that nobody waits for.
        threading.Thread(target=JoinedCluster, args=(Place(1, 3, meeting), ends), daemon=True).start()
        expected = "expected all workers to be of 2, got worker 1 of 3"
        with pytest.raises(ValueError, match=expected):
            chief.result(timeout=20)
    assert expected in ends.wait_for(1)[0]


def test_an_absent_worker_is_named():
    meeting = ("127.0.0.1", free_port("127.0.0.1"))
    with pytest.raises(ValueError, match=r"expected 3 workers at 127.0.0.1:\d+ within .* got 1; absent: 1, 2"):
        wait_for_others(Place(0, 3, meeting), [], seconds=0.1)


def test_a_port_in_use_is_named():
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="the workers cannot meet there"):
            wait_for_others(Place(0, 2, ("127.0.0.1", port)), [], seconds=0.1)


def test_one_worker_alone_is_the_chief_and_waits_for_nobody():
    cluster = Cluster()
    arrays = [np.arange(3)]
    assert cluster.is_chief and cluster.exchange(1) == [1] and cluster.share("a") == "a"
    assert cluster.share_arrays(arrays) is arrays
