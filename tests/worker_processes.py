"""Run a training command as several processes that train together, and kill some of them."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np

import cshml_tf
from cshml_tf.model_folder import read_classifier

# The command's own main, of which one worker sends itself a signal once a step is begun.
WORKER = """
import functools, os, sys
if os.environ["KERAS_BACKEND"] == "jax":
    sys.modules["tensorflow"] = None  # An import of it fails, and takes no time.
number, step, *words = sys.argv[1:]
from cshml_tf.cli.quiet_start import start_backend
start_backend()
from cshml_tf.cli import train_cshml
from cshml_tf.training import lr
on_step = lambda done: done == int(step) and os.kill(os.getpid(), int(number))
lr.train_lr = functools.partial(lr.train_lr, progress=False, on_step=on_step)
sys.exit(train_cshml.main(words))
"""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How one worker ended.

    Attributes:
        code: its exit code, negative for a signal.
        lines: what it printed on standard error.
        seconds: how long it outlived the first worker to end.
    """

    code: int
    lines: list[str]
    seconds: float


def environment_of(backend, **more):
    """Return the environment of a worker, in which messages of native code are hidden as users have it.

    oneDNN chooses its kernels by the size of the batch. Their rounding may decide which of two values is the
    larger one, and the gradient then takes another way: on some processors one device differs by 3.3e-5 from
    itself without oneDNN. So it is off.
    """
    own = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return own | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "TF_ENABLE_ONEDNN_OPTS": "0"} | more


def free_ports(count):
    """Return a port and `count` following ones, all free now."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
        try:
            for each in range(port, port + count + 1):
                socket.create_server(("127.0.0.1", each)).close()
        except (OSError, OverflowError):
            continue
        return list(range(port, port + count))


def tf_config(hosts, index):
    return json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}})


def start_worker(words, environment, number=signal.SIGKILL, step=0, before=()):
    command = [*before, sys.executable, "-c", WORKER, str(int(number)), str(step), *map(str, words)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes)


def end_all(workers, seconds=400):
    """Wait for all workers; return how each ended. Those that outlive the first by 60 seconds fail the test."""
    started, first, ended = time.monotonic(), None, {}
    while len(ended) < len(workers):
        for index, worker in enumerate(workers):
            if index not in ended and worker.poll() is not None:
                first = first or time.monotonic()
                lines = worker.stderr.read().splitlines()
                ended[index] = Ended(worker.returncode, lines, time.monotonic() - first)
        late = time.monotonic() - started > seconds or (first and time.monotonic() - first > 60)
        if late:
            for worker in workers:
                worker.kill()
            raise AssertionError(f"expected all workers to end, got only {ended}")
        time.sleep(0.05)
    return [ended[index] for index in range(len(workers))]


def train_together(backend, count, words, folder, victim=None, step=0, number=signal.SIGKILL, **more):
    """Train on the loopback, each worker with folders of its own; return how each ended."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(count)]
    workers = []
    for index in range(count):
        own = [*words, "--strategy", "multi_worker", *folders_of(folder, index)]
        environment = environment_of(backend, TF_CONFIG=tf_config(hosts, index), **more)
        workers.append(start_worker(own, environment, number, step if index == victim else 0))
    return end_all(workers)


def folders_of(folder, index=0):
    """Return the options of a worker's folders; nobody but the chief needs any."""
    return ["--models_base_dir", folder / f"models_{index}", "--logs_base_dir", folder / f"logs_{index}"]


def learned(folder):
    """Return the weights and the classifier that the chief has written, one array after another."""
    model = folder / "models_0" / "run"
    return [*cshml_tf.load_recogniser(model).get_weights(), read_classifier(model)[0]]


def largest_difference(left, right):
    """Return the largest difference, relative to the largest value of its array where that is above 1."""
    return max(
        float(np.max(np.abs(a - b))) / max(1.0, float(np.max(np.abs(a)))) for a, b in zip(left, right, strict=True)
    )
