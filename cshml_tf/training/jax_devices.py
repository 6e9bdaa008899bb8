"""Several JAX devices, of one process or of many, that share each batch and hold the same values."""

import contextlib
import os
from collections.abc import Generator, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from cshml_tf.data.carriers import Stream
from cshml_tf.training.cluster import Cluster
from cshml_tf.training.one_device import check_replicas

_BATCH = "batch"


class JaxDevices:
    """A stand-in for tf.distribute.Strategy: one compiled program over all devices.

    Each device has its rows of the batch. The compiler adds sums over all devices where the program needs them, so
    that every loss term, and batch norm's statistics, are those of the whole batch.

    Args:
        devices: the devices of all processes, those of each process together.
    """

    def __init__(self, devices: list[Any]) -> None:
        mesh = Mesh(np.array(devices), (_BATCH,))
        self.num_replicas_in_sync = len(devices)
        self._rows = NamedSharding(mesh, PartitionSpec(_BATCH))
        self._whole = NamedSharding(mesh, PartitionSpec())

    def scope(self) -> contextlib.AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return contextlib.nullcontext()

    def share(self, batches: Stream) -> Generator[dict[str, Any], None, None]:
        """Stream batches whose rows lie on the devices.

        Args:
            batches: this process's slices of the batches, arrays in NumPy.
        """
        try:
            for batch in batches:
                yield self._shared(batch)
        finally:
            batches.close()

    def _shared(self, batch: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return {
            name: jax.make_array_from_process_local_data(self._rows, np.asarray(array))
            for name, array in batch.items()
        }

    def replicate(self, value: Any) -> Any:
        """Copy a value, equal in all processes, onto every device."""
        return jax.make_array_from_process_local_data(self._whole, np.array(value))


def choose_devices(name: str, replicas: int | None, cluster: Cluster) -> JaxDevices | None:
    """Choose JAX devices as `cshml_tf.training.devices.choose_strategy` does.

    Returns:
        `JaxDevices`, or None for a single device.

    Raises:
        ValueError: there are fewer devices than replicas, or JAX is in use already.
    """
    if name == "one":
        return None
    if cluster.count > 1:
        _initialise(cluster)
        return JaxDevices(jax.devices())
    if name == "mirrored" and replicas is not None:
        _divide_cpu(replicas)
    devices = jax.local_devices()
    if name in ("auto", "multi_worker") and (len(devices) < 2 or devices[0].platform == "cpu"):
        return None
    check_replicas(replicas, len(devices))
    chosen = devices[:replicas]
    return JaxDevices(chosen) if len(chosen) > 1 else None


def _divide_cpu(count: int) -> None:
    """Let the CPU appear as several devices, unless XLA's flags say how many, or JAX is in use."""
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    with contextlib.suppress(RuntimeError):
        if jax.config.jax_num_cpu_devices < count:  # pyright: ignore[reportAttributeAccessIssue]
            jax.config.update("jax_num_cpu_devices", count)


def _initialise(cluster: Cluster) -> None:
    """Connect JAX's processes; collectives on CPUs go through Gloo."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    # It would take SIGTERM for itself, which ends training after its step.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            cluster.addresses[0], cluster.count, cluster.index, cluster_detection_method="deactivate"
        )
    except RuntimeError as error:
        raise ValueError(f"strategy: multi_worker cannot start on JAX: {error}") from error
