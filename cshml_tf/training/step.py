"""One training step on the backend that Keras runs on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

from cshml_tf.network import HrNetwork, TwoBranchNetwork
from cshml_tf.training.devices import OneDevice

if TYPE_CHECKING:
    import tensorflow as tf

# A batch in, the loss terms out.
Step = Callable[[dict[str, Any]], dict[str, Any]]


def make_step(
    network: HrNetwork | TwoBranchNetwork,
    optimizer: keras.Optimizer,
    weight_decay: float,
    strategy: "tf.distribute.Strategy | OneDevice",
) -> Step:
    """Compile the training step of a network.

    Args:
        network: the network to train.
        optimizer: created within the strategy's scope.
        weight_decay: factor of the L2 penalty, half the sum of squares, on kernels and W.
        strategy: as returned by `cshml_tf.training.devices.choose_strategy`.

    Returns:
        A function that takes a batch, updates the variables and returns a dict of scalars: each loss term over the
        global batch, "total" (equation 6) and "weight_decay".

    Raises:
        ValueError: the backend cannot train.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from cshml_tf.training.tensorflow_step import make_tensorflow_step

        return make_tensorflow_step(network, optimizer, weight_decay, strategy)
    if backend == "jax":
        from cshml_tf.training.jax_step import make_jax_step

        return make_jax_step(network, optimizer, weight_decay)
    raise ValueError(f"KERAS_BACKEND: expected tensorflow or jax for training, got {backend}")
