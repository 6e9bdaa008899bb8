"""One training step on TensorFlow, the same code for one device and for several."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cshml_tf.network import HrNetwork, TwoBranchNetwork
from cshml_tf.training.optimizers import decayed_variables


class TensorFlowStep:
    """The step of a network on one or several devices: `cshml_tf.training.step.Step`.

    Each replica computes its share of the loss terms of the global batch, so that the gradients summed over the
    replicas are those of the whole batch. The L2 penalty does not depend on the batch and is divided evenly. With
    several replicas the batches must come from `strategy.experimental_distribute_dataset`.

    Args:
        network: the network to train.
        optimizer: created within the strategy's scope.
        weight_decay: factor of the L2 penalty.
        strategy: as returned by `cshml_tf.training.devices.choose_strategy`.
        xla: whether XLA compiles the step, which takes a single device.
    """

    def __init__(
        self,
        network: HrNetwork | TwoBranchNetwork,
        optimizer: keras.Optimizer,
        weight_decay: float,
        strategy: tf.distribute.Strategy,
        xla: bool = False,
    ) -> None:
        replica_step = _replica_step(network, optimizer, weight_decay, strategy.num_replicas_in_sync)

        # None leaves to TensorFlow what it compiles.
        @tf.function(jit_compile=xla or None)
        def compiled(batch: dict[str, Any]) -> dict[str, Any]:
            parts = strategy.run(replica_step, (batch,))
            return {name: strategy.reduce("sum", part, axis=None) for name, part in parts.items()}

        self._compiled = compiled

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Train on a batch; see `cshml_tf.training.step.Step`."""
        return self._compiled(batch)

    def prepare(self, batch: dict[str, Any]) -> None:
        """Do nothing: TensorFlow's collectives wait for every worker."""

    def write_back(self) -> None:
        """Do nothing: TensorFlow's step updates the variables themselves."""


def _replica_step(
    network: HrNetwork | TwoBranchNetwork, optimizer: keras.Optimizer, weight_decay: float, replicas: int
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function of one replica's share of a batch that trains on it and returns its share of the terms."""
    variables = network.trainable_variables
    decayed = decayed_variables(variables)

    def sum_over_replicas(value: Any) -> Any:
        if replicas == 1:
            return value
        return tf.distribute.get_replica_context().all_reduce("sum", value)

    def replica_step(batch: dict[str, Any]) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            terms = network.terms(batch, sum_over_replicas)
            total = network.total(terms)
            squares: list[Any] = [keras.ops.sum(keras.ops.square(variable)) for variable in decayed]
            penalty = 0.5 * weight_decay * tf.add_n(squares) / replicas
            objective = total + penalty
        optimizer.apply(tape.gradient(objective, variables), variables)
        return terms | {"total": total, "weight_decay": penalty}

    return replica_step
