"""A training step of the two branches, beside the same step written plainly in PyTorch."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from cshml_tf.degradation.degrade import degrade
from cshml_tf.layers import CosFace
from cshml_tf.network import LossSettings, TwoBranchNetwork
from cshml_tf.recogniser import clone
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.step import make_step
from rows.arithmetic import operations_per_pair
from rows.comparison import Peer, Plan, Row, compare
from rows.machine import peak_operations
from rows.networks import Network, networks_to_train, random_faces, random_recogniser

KIND = "training step"
_CLASSES = 3000
_LEARNING_RATE, _MOMENTUM, _WEIGHT_DECAY = 0.001, 0.9, 5e-4


def rows(plan: Plan, before: list[Row]) -> Iterator[Row]:
    """Measure a step of each network in float32, on faces already reduced to 12 x 12."""
    peak = peak_operations(256 if plan.quick else 4096)
    for network in networks_to_train(plan):
        yield _row(network, peak, plan)


def _row(network: Network, peak: float, plan: Plan) -> Row:
    # Without dropout, whose random numbers differ, both steps must have the same loss.
    recogniser = clone(random_recogniser(network), dropout=0.0)
    batch = _batch(network)
    classifier = CosFace(_CLASSES)
    classifier.build((None, recogniser.output_shape[-1]))
    centres = np.array(classifier.centres)
    row = compare(
        plan,
        Row(KIND, f"{network.title}, {network.batch_size} pairs, float32", "pairs/s"),
        network.batch_size,
        _our_step(recogniser, classifier, batch),
        [Peer("PyTorch, the same step", functools.partial(_torch_step, network, recogniser, centres, batch))],
        # After one update, so that the gradients must agree too.
        lambda ours, theirs: {"second step's loss, relative difference": abs(theirs / ours - 1)},
        # Reading the loss waits for the step, which training does not do after each.
        finish=float,
    )
    operations = operations_per_pair(recogniser, _CLASSES)
    assert row.rate is not None
    figures = {
        "operations per pair in 1e9": operations / 1e9,
        "peak in 1e9/s": peak / 1e9,
        "share of the peak": row.rate.median * operations / peak,
    }
    return dataclasses.replace(row, figures=figures)


def _batch(network: Network) -> dict[str, np.ndarray]:
    """Make a batch of pairs, each of one person."""
    sharp = random_faces(network, network.batch_size)
    labels = np.arange(network.batch_size, dtype=np.int32)
    return {"hr": sharp, "lr": np.asarray(degrade(sharp, 12)), "hr_label": labels, "lr_label": labels}


def _our_step(recogniser: keras.Model, classifier: CosFace, batch: dict[str, np.ndarray]) -> Callable[[], Any]:
    teacher, student = (clone(recogniser, to_train=True) for _ in range(2))
    strategy = choose_strategy("one")
    with strategy.scope():
        network = TwoBranchNetwork(teacher, student, classifier, LossSettings())
        optimizer = keras.optimizers.SGD(_LEARNING_RATE, momentum=_MOMENTUM)
        optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, _WEIGHT_DECAY, strategy)
    step(batch)
    return lambda: step(batch)["total"]


def _torch_step(
    network: Network, recogniser: keras.Model, centres: np.ndarray, batch: dict[str, np.ndarray]
) -> Callable[[], Any]:
    from rows.torch_networks import torch_network
    from rows.torch_step import make_torch_step

    teacher, student = (torch_network(network.name, recogniser) for _ in range(2))
    step = make_torch_step(teacher, student, centres, _LEARNING_RATE, _MOMENTUM, _WEIGHT_DECAY)
    step(batch)
    return lambda: step(batch)
