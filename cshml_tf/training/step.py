"""One training step, on whichever backend Keras runs."""

import keras


def make_step(network, optimizer, weight_decay, strategy):
    """Compile the step of a network.

    Args:
        network: has `terms(batch, sum_over_replicas)`, `total(terms)`, `variables` and `trainable_variables`.
        optimizer: keras optimizer, made within the strategy's scope.
        weight_decay: factor of the L2 penalty, half the sum of squares, on kernels and W.
        strategy: as `cshml_tf.training.devices.choose_strategy` gives.

    Returns:
        A function: a batch -> dict of scalars, each loss term over the global batch, "total" (equation 6) and
        "weight_decay". It moves the variables.

    Raises:
        ValueError: a backend that cannot train.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from cshml_tf.training.tensorflow_step import make_tensorflow_step

        return make_tensorflow_step(network, optimizer, weight_decay, strategy)
    if backend == "jax":
        from cshml_tf.training.jax_step import make_jax_step

        return make_jax_step(network, optimizer, weight_decay)
    raise ValueError(f"KERAS_BACKEND: expected tensorflow or jax for training, got {backend}")
