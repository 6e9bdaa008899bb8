"""One training step on TensorFlow, the same on one device and on several."""

import keras
import tensorflow as tf

from cshml_tf.training.optimizers import decayed_variables


def make_tensorflow_step(network, optimizer, weight_decay, strategy):
    """Compile the step of a network: as `cshml_tf.training.step.make_step`.

    A replica's loss terms are its part of the global batch's terms, so that gradients summed over replicas are
    the gradients of the whole batch. The L2 penalty does not depend on the batch: each replica takes its share.
    With several replicas the batches are of `strategy.experimental_distribute_dataset`.
    """
    variables = network.trainable_variables
    decayed = decayed_variables(variables)
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
