"""One training step on TensorFlow, the same code for one device and for several."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cshml_tf.network import HrNetwork, TwoBranchNetwork
from cshml_tf.training.optimizers import decayed_variables


def make_tensorflow_step(
    network: HrNetwork | TwoBranchNetwork,
    optimizer: keras.Optimizer,
    weight_decay: float,
    strategy: tf.distribute.Strategy,
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Compile the step of a network; see `cshml_tf.training.step.make_step`.

    Each replica computes its share of the loss terms of the global batch, so that the gradients summed over the
    replicas are those of the whole batch. The L2 penalty does not depend on the batch and is divided evenly. With
    several replicas the batches must come from `strategy.experimental_distribute_dataset`.
    """
    variables = network.trainable_variables
    decayed = decayed_variables(variables)
    replicas = strategy.num_replicas_in_sync

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

    @tf.function
    def step(batch: dict[str, Any]) -> dict[str, Any]:
        parts = strategy.run(replica_step, (batch,))
        return {name: strategy.reduce("sum", part, axis=None) for name, part in parts.items()}

    return step
