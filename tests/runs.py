"""Helpers for tests of whole runs: read the files of a run, and interrupt it."""

import csv
import os
import signal

import numpy as np

import cshml_tf


def weights(model_dir):
    return cshml_tf.load_recogniser(model_dir).get_weights()


def same_weights(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def history(run):
    with open(run.log_dir / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def interrupt_after(step, number=signal.SIGINT):
    """Return a callback that sends this process a signal once a step is done."""

    def on_step(done):
        if done == step:
            os.kill(os.getpid(), number)

    return on_step
