"""The devices to train on, chosen by name: a tf.distribute strategy or, on JAX, devices that share each batch."""

import functools
from typing import Any

import keras

from cshml_tf.data.carriers import Stream
from cshml_tf.settings.augmentation import on_host_only
from cshml_tf.settings.training import RunSettings
from cshml_tf.training.cluster import Cluster
from cshml_tf.training.one_device import OneDevice, check_replicas

STRATEGIES = ("auto", "one", "mirrored", "multi_worker")
_MOST_LOGICAL_CPUS = 16


def choose_strategy(name: str = "auto", replicas: int | None = None, cluster: Cluster | None = None) -> Any:
    """Choose the strategy by name.

    Args:
        name: "one" for a single device; "mirrored" for a replica on each GPU or, without a GPU, on each of
            `replicas` logical CPUs; "auto" for "mirrored" if there are several GPUs, otherwise "one";
            "multi_worker" for a replica on each device of all workers.
        replicas: number of replicas for "mirrored"; None for one per GPU, or one without a GPU.
        cluster: the workers of "multi_worker", before their backend's first use; None for this process alone.

    Returns:
        tf.distribute.Strategy; on JAX `OneDevice` or `cshml_tf.training.jax_devices.JaxDevices`.

    Raises:
        ValueError: unknown name, more replicas than devices, or several devices on a backend other than TensorFlow
            and JAX.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy: expected one of {', '.join(STRATEGIES)}, got {name!r}")
    backend = keras.backend.backend()
    cluster = cluster or Cluster()
    if backend == "jax":
        from cshml_tf.training.jax_devices import choose_devices

        return choose_devices(name, replicas, cluster) or OneDevice()
    if backend != "tensorflow":
        if name in ("mirrored", "multi_worker"):
            raise ValueError(f"strategy: expected auto or one on Keras's {backend} backend, got {name}")
        return OneDevice()
    import tensorflow as tf

    if cluster.count > 1:
        return _multi_worker(cluster)

    gpus = tf.config.list_physical_devices("GPU")
    if name == "one" or (name in ("auto", "multi_worker") and len(gpus) < 2):
        return tf.distribute.get_strategy()
    if gpus:
        devices = [f"GPU:{index}" for index in range(len(gpus))]
    else:
        devices = _logical_cpus(replicas or 1)
    check_replicas(replicas, len(devices))
    return _mirrored(tuple(devices[:replicas]))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> Any:
    """Return the one strategy of these devices in this process.

    TensorFlow numbers the sums over the replicas within a strategy. Those of a second strategy would get the
    numbers of the first one's again, and be taken for sums of other shapes.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(devices))


def _multi_worker(cluster: Cluster) -> Any:
    import tensorflow as tf

    workers = tf.train.ClusterSpec({"worker": list(cluster.addresses)})
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(
            tf.distribute.cluster_resolver.SimpleClusterResolver(
                workers, task_type="worker", task_id=cluster.index, rpc_layer="grpc"
            )
        )
    except RuntimeError as error:
        raise ValueError(
            "strategy: expected multi_worker to be chosen before TensorFlow's first use in this process, got one "
            "in which TensorFlow is already in use"
        ) from error


def needs_synchronised_batch_norm(strategy: Any) -> bool:
    """Return whether batch norm must be told to look at all replicas.

    On JAX it always does: the devices compute one program over the whole batch.
    """
    return strategy.num_replicas_in_sync > 1 and keras.backend.backend() == "tensorflow"


def augments_on_device(settings: RunSettings) -> bool:
    """Return whether the training step changes the faces, rather than the input pipeline."""
    if settings.augment_on == "auto":
        return on_host_only(settings) is None and _has_gpu()
    return settings.augment_on == "device"


def _has_gpu() -> bool:
    if keras.backend.backend() == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.local_devices())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def check_batch_size(batch_size: int, strategy: Any, name: str = "batch_size") -> None:
    """Check that the replicas can share a batch evenly.

    Args:
        batch_size: rows of the batch.
        strategy: as `choose_strategy` returns.
        name: of the setting, for the message.

    Raises:
        ValueError: the batch size is not a multiple of the number of replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(f"{name}: expected a multiple of {replicas} replicas, got {batch_size}")


def check_xla(xla: bool, strategy: Any) -> None:
    """Check that XLA is to compile a step on one device only.

    Raises:
        ValueError: there are several replicas.
    """
    if xla and strategy.num_replicas_in_sync > 1:
        raise ValueError(f"xla: expected a single device, got {strategy.num_replicas_in_sync} replicas")


def distribute(batches: Stream, strategy: Any) -> Stream:
    """Share each batch of a stream among replicas.

    Args:
        batches: a stream of this worker's slices of the batches, of which nothing has been taken yet.
        strategy: as returned by `choose_strategy`.

    Returns:
        The distributed stream; with one replica, `batches` itself.
    """
    if strategy.num_replicas_in_sync == 1:
        return batches
    if keras.backend.backend() == "jax":
        return strategy.share(batches)
    from cshml_tf.data.tensorflow_carrier import TensorFlowStream

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
