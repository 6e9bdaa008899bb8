"""A single device, and the number of replicas that devices allow."""

import contextlib


class OneDevice:
    """A stand-in for tf.distribute.Strategy on JAX: one replica."""

    num_replicas_in_sync = 1

    def scope(self) -> contextlib.AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return contextlib.nullcontext()


def check_replicas(replicas: int | None, devices: int) -> None:
    """Check that there is a device for each replica.

    Raises:
        ValueError: there are fewer devices, or no replica is asked for.
    """
    if replicas is not None and not 1 <= replicas <= devices:
        raise ValueError(f"replicas: expected 1 to {devices}, the number of devices, got {replicas}")
