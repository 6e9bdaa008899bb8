"""One training step, the same on one device and on several."""

import keras
import tensorflow as tf


def make_step(network, optimizer, weight_decay, strategy):
    """Compile the step of a network.

    A replica's loss terms are its part of the global batch's terms, so that gradients summed over replicas are
    the gradients of the whole batch. The L2 penalty does not depend on the batch: each replica takes its share.

    Args:
        network: has `terms(batch, sum_over_replicas)`, `total(terms)` and `trainable_variables`.
        optimizer: keras optimizer, made within the strategy's scope.
        weight_decay: factor of the L2 penalty, half the sum of squares, on kernels and W.
        strategy: tf.distribute.Strategy.

    Returns:
        A function: a batch of `strategy.experimental_distribute_dataset` -> dict of scalars, each loss term over
        the global batch, "total" (equation 6) and "weight_decay".
    """
    variables = network.trainable_variables
    decayed = [variable for variable in variables if variable.name.endswith(("kernel", "centres"))]
    replicas = strategy.num_replicas_in_sync

    def sum_over_replicas(value):
        if replicas == 1:
            return value
        return tf.distribute.get_replica_context().all_reduce("sum", value)

    def replica_step(batch):
        with tf.GradientTape() as tape:
            terms = network.terms(batch, sum_over_replicas)
            total = network.total(terms)
            squares = [keras.ops.sum(keras.ops.square(variable)) for variable in decayed]
            penalty = 0.5 * weight_decay * tf.add_n(squares) / replicas
            objective = total + penalty
        optimizer.apply(tape.gradient(objective, variables), variables)
        return terms | {"total": total, "weight_decay": penalty}

    @tf.function
    def step(batch):
        parts = strategy.run(replica_step, (batch,))
        return {name: strategy.reduce("sum", part, axis=None) for name, part in parts.items()}

    return step
