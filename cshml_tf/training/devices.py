"""The devices to train on: a tf.distribute strategy chosen by name; on JAX, one device."""

import contextlib
from typing import Any

import keras

from cshml_tf.data.carriers import Stream

STRATEGIES = ("auto", "one", "mirrored")
_MOST_LOGICAL_CPUS = 16


class OneDevice:
    """A stand-in for tf.distribute.Strategy on JAX: one replica."""

    num_replicas_in_sync = 1

    def scope(self) -> contextlib.AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return contextlib.nullcontext()


def choose_strategy(name: str = "auto", replicas: int | None = None) -> Any:
    """Choose the strategy by name.

    Args:
        name: "one" for a single device; "mirrored" for a replica on each GPU or, without a GPU, on each of
            `replicas` logical CPUs; "auto" for "mirrored" if there are several GPUs, otherwise "one".
        replicas: number of replicas for "mirrored"; None for one per GPU, or one without a GPU.

    Returns:
        tf.distribute.Strategy, or `OneDevice`.

    Raises:
        ValueError: unknown name, more replicas than devices, or "mirrored" on a backend other than TensorFlow.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy: expected one of {', '.join(STRATEGIES)}, got {name!r}")
    backend = keras.backend.backend()
    if backend != "tensorflow":
        if name == "mirrored":
            raise ValueError(f"strategy: expected auto or one on Keras's {backend} backend, got mirrored")
        return OneDevice()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if name == "one" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    if gpus:
        devices = [f"GPU:{index}" for index in range(len(gpus))]
    else:
        devices = _logical_cpus(replicas or 1)
    if replicas is not None and not 1 <= replicas <= len(devices):
        raise ValueError(f"replicas: expected 1 to {len(devices)}, the number of devices, got {replicas}")
    return tf.distribute.MirroredStrategy(devices[:replicas])


def check_batch_size(batch_size: int, strategy: Any) -> None:
    """Check that the replicas can share a batch evenly.

    Raises:
        ValueError: the batch size is not a multiple of the number of replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(f"batch_size: expected a multiple of {replicas} replicas, got {batch_size}")


def distribute(batches: Stream, strategy: Any) -> Stream:
    """Share each batch of a stream among the replicas of a tf.distribute.Strategy.

    Args:
        batches: a stream of which nothing has been taken yet.
        strategy: as returned by `choose_strategy`.

    Returns:
        The distributed stream; with one replica, `batches` itself.
    """
    if strategy.num_replicas_in_sync == 1:
        return batches
    from cshml_tf.data.tensorflow_carrier import TensorFlowStream

    # Only TensorFlow has several replicas, so the stream is one of tf.data.
    assert isinstance(batches, TensorFlowStream)
    return batches.distribute(strategy)


def _logical_cpus(count: int) -> list[str]:
    """Split the CPU into logical devices, with which training on several devices can be tried."""
    import tensorflow as tf

    if not 1 <= count <= _MOST_LOGICAL_CPUS:
        raise ValueError(f"replicas: expected 1 to {_MOST_LOGICAL_CPUS} on a CPU, got {count}")
    cpu = tf.config.list_physical_devices("CPU")[0]
    configured = tf.config.get_logical_device_configuration(cpu)
    if not configured or len(configured) < count:
        try:
            logical = [tf.config.LogicalDeviceConfiguration()] * count
            tf.config.set_logical_device_configuration(cpu, logical)
        except RuntimeError as error:
            raise ValueError(
                f"replicas: expected to split the CPU into {count} before TensorFlow's first use in this process, "
                "got one in which TensorFlow is already in use"
            ) from error
    return [f"CPU:{index}" for index in range(count)]
