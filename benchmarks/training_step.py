"""Seconds of a training step of the two branches, with Keras's own layers and with `cshml_tf.layers.fused`.

python benchmarks/training_step.py models/hr --batch_size 64 --steps 5
"""

import argparse
import statistics
import time

import keras
import numpy as np

from cshml_tf.layers import CosFace
from cshml_tf.model_folder import load_recogniser
from cshml_tf.network import LossSettings, TwoBranchNetwork
from cshml_tf.recogniser import clone, image_size_of
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.step import make_step


def make_timed_step(recogniser, classes, to_train):
    """Give a function of a batch that takes a step and gives its seconds."""
    branches = [clone(recogniser, to_train=to_train) for _ in range(2)]
    network = TwoBranchNetwork(*branches, CosFace(classes), LossSettings())
    optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
    optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, 5e-4, choose_strategy("one"))

    def timed(batch):
        started = time.perf_counter()
        float(step(batch)["total"])
        return time.perf_counter() - started

    return timed


def main():
    """Print the median of each kind; they take turns, so that a busy machine slows both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_dir", help="model folder of an HR network")
    parser.add_argument("--batch_size", type=int, default=64, help="pairs a step")
    parser.add_argument("--classes", type=int, default=3000, help="columns of W")
    parser.add_argument("--steps", type=int, default=5, help="steps of each kind")
    arguments = parser.parse_args()
    recogniser = load_recogniser(arguments.model_dir)
    kinds = {"Keras's layers": False, "faster layers": True}
    steps = {name: make_timed_step(recogniser, arguments.classes, faster) for name, faster in kinds.items()}
    rng = np.random.default_rng(0)
    shape = (arguments.batch_size, *image_size_of(recogniser), 3)
    labels = rng.integers(0, arguments.classes, arguments.batch_size).astype(np.int32)
    batch = {name: rng.integers(0, 256, shape).astype(np.float32) for name in ("hr", "lr")}
    batch |= {"hr_label": labels, "lr_label": labels}
    for step in steps.values():
        step(batch)  # Compiles.
    seconds = {name: [] for name in steps}
    for _ in range(arguments.steps):
        for name, step in steps.items():
            seconds[name].append(step(batch))
    medians = {name: statistics.median(of_kind) for name, of_kind in seconds.items()}
    slowest = max(medians.values())
    for name, median in medians.items():
        rate = arguments.batch_size / median
        print(f"{name:15} {median:6.2f} s a step, {rate:6.1f} pairs/s, ratio {median / slowest:.2f}")


if __name__ == "__main__":
    main()
