"""One training step on the backend that Keras runs on."""

from typing import TYPE_CHECKING, Any, Protocol

import keras

from cshml_tf.network import HrNetwork, TwoBranchNetwork
from cshml_tf.training.one_device import OneDevice

if TYPE_CHECKING:
    import tensorflow as tf


class Step(Protocol):
    """The compiled training step of a network.

    After a call, the newest values may exist only inside the step, until `write_back` gives them to the variables
    of the network and its optimiser. The next call begins with the values that the variables then have.
    """

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Train on a batch, without waiting for the device.

        Args:
            batch: as `HrNetwork.terms` or `TwoBranchNetwork.terms` takes it.

        Returns:
            dict of scalars on the device, perhaps not computed yet: each loss term over the global batch, "total"
            (equation 6) and "weight_decay". Reading one waits for the step.
        """
        ...

    def prepare(self, batch: dict[str, Any]) -> None:
        """Compile for batches like this one, without training.

        Several workers compile before they begin the first step together: JAX's collectives on CPUs wait for 30
        seconds only.
        """
        ...

    def write_back(self) -> None:
        """Give the newest values to the variables; to be called before anyone else reads or changes them."""
        ...


def make_step(
    network: HrNetwork | TwoBranchNetwork,
    optimizer: keras.Optimizer,
    weight_decay: float,
    strategy: "tf.distribute.Strategy | OneDevice",
    xla: bool = False,
) -> Step:
    """Compile the training step of a network.

    Args:
        network: the network to train.
        optimizer: built within the strategy's scope. Its learning rate may be changed between any two calls.
        weight_decay: factor of the L2 penalty, half the sum of squares, on kernels and W.
        strategy: as returned by `cshml_tf.training.devices.choose_strategy`.
        xla: whether XLA compiles the step on TensorFlow, on a single device; on JAX it always does.

    Returns:
        Step.

    Raises:
        ValueError: the backend cannot train.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from cshml_tf.training.tensorflow_step import TensorFlowStep

        return TensorFlowStep(network, optimizer, weight_decay, strategy, xla)
    if backend == "jax":
        from cshml_tf.training.jax_step import JaxStep

        return JaxStep(network, optimizer, weight_decay, strategy)
    raise ValueError(f"KERAS_BACKEND: expected tensorflow or jax for training, got {backend}")
