"""Measure a training step of the two branches, with Keras's own layers and with `cshml_tf.layers.fused`.

python benchmarks/training_step.py models/hr --batch_size 64 --steps 5
"""

import argparse
import functools
from collections.abc import Callable

import keras
import numpy as np
from timing import spread, take_turns

from cshml_tf.layers import CosFace
from cshml_tf.model_folder import load_recogniser
from cshml_tf.network import LossSettings, TwoBranchNetwork
from cshml_tf.recogniser import clone, image_size_of
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.step import make_step


def make_waiting_step(
    recogniser: keras.Model, classes: int, to_train: bool
) -> Callable[[dict[str, np.ndarray]], float]:
    """Return a function that trains one step on a batch and waits for it: it returns the loss."""
    teacher, student = (clone(recogniser, to_train=to_train) for _ in range(2))
    network = TwoBranchNetwork(teacher, student, CosFace(classes), LossSettings())
    optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
    optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, 5e-4, choose_strategy("one"))
    return lambda batch: float(step(batch)["total"])


def main() -> None:
    """Print the median of each variant; the two take turns, so that a busy machine slows both equally."""
    parser = argparse.ArgumentParser(description="measure a training step with Keras's and with faster layers")
    parser.add_argument("model_dir", help="model folder of an HR network")
    parser.add_argument("--batch_size", type=int, default=64, help="pairs per step")
    parser.add_argument("--classes", type=int, default=3000, help="columns of W")
    parser.add_argument("--steps", type=int, default=5, help="steps of each variant")
    arguments = parser.parse_args()
    recogniser = load_recogniser(arguments.model_dir)
    variants = {"Keras's layers": False, "faster layers": True}
    steps = {name: make_waiting_step(recogniser, arguments.classes, faster) for name, faster in variants.items()}
    rng = np.random.default_rng(0)
    shape = (arguments.batch_size, *image_size_of(recogniser), 3)
    labels = rng.integers(0, arguments.classes, arguments.batch_size).astype(np.int32)
    batch = {name: rng.integers(0, 256, shape).astype(np.float32) for name in ("hr", "lr")}
    batch |= {"hr_label": labels, "lr_label": labels}
    ways = {name: functools.partial(step, batch) for name, step in steps.items()}
    turns = take_turns(ways, arguments.steps, least_seconds=0)
    medians = {name: spread(turn.seconds).median for name, turn in turns.items()}
    slowest = max(medians.values())
    for name, median in medians.items():
        rate = arguments.batch_size / median
        print(f"{name:15} {median:6.2f} s per step, {rate:6.1f} pairs/s, ratio {median / slowest:.2f}")


if __name__ == "__main__":
    main()
