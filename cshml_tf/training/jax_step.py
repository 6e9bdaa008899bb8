"""One training step on JAX: the values of the variables stay on the device, in one compiled function's buffers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from cshml_tf.network import HrNetwork, TwoBranchNetwork
from cshml_tf.training.jax_devices import JaxDevices
from cshml_tf.training.one_device import OneDevice
from cshml_tf.training.optimizers import decayed_variables


class JaxStep:
    """The step of a network on one device or several: `cshml_tf.training.step.Step`.

    Each call takes over the buffers of the values that the call before returned, so that one copy of them exists.
    The variables keep values of their own, those of the last `write_back`.

    Args:
        network: the network to train.
        optimizer: built for the network's trainable variables.
        weight_decay: factor of the L2 penalty.
        devices: as returned by `cshml_tf.training.devices.choose_strategy`; if there are several, the batches lie
            on them as `JaxDevices.share` puts them.
    """

    def __init__(
        self,
        network: HrNetwork | TwoBranchNetwork,
        optimizer: keras.Optimizer,
        weight_decay: float,
        devices: OneDevice | JaxDevices,
    ) -> None:
        # Copies, because the compiled function consumes its arguments, and the variables must stay readable.
        self._copied: Callable[[Any], Any] = jnp.copy if isinstance(devices, OneDevice) else devices.replicate
        # The learning rate is set from outside before each step, so it is not part of what stays here.
        self._rate: Any = optimizer.learning_rate
        slots = [variable for variable in optimizer.variables if variable is not self._rate]
        self._groups = network.trainable_variables, network.non_trainable_variables, slots
        self._jitted = _compile(network, optimizer, weight_decay)
        self._compiled: Callable[..., tuple] = self._jitted
        self._state: tuple[list[Any], ...] | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Train on a batch; see `cshml_tf.training.step.Step`."""
        terms, *state = self._compiled(*self._arguments(batch))
        self._state = tuple(state)
        return terms

    def prepare(self, batch: dict[str, Any]) -> None:
        """Compile for batches like this one; see `cshml_tf.training.step.Step`."""
        if self._compiled is self._jitted:
            self._compiled = self._jitted.lower(*self._arguments(batch)).compile()

    def _arguments(self, batch: dict[str, Any]) -> tuple[Any, ...]:
        if self._state is None:
            self._state = tuple([self._copied(variable.value) for variable in group] for group in self._groups)
        return *self._state, self._copied(self._rate.value), batch

    def write_back(self) -> None:
        """Give the newest values to the variables; see `cshml_tf.training.step.Step`."""
        for group, values in zip(self._groups, self._state or (), strict=self._state is not None):
            for variable, value in zip(group, values, strict=True):
                # Off the devices that share the batch: the variables belong to this process's first.
                variable.assign(value if self._copied is jnp.copy else np.asarray(value))
        self._state = None


def _compile(network: HrNetwork | TwoBranchNetwork, optimizer: keras.Optimizer, weight_decay: float) -> Any:
    """Return the jitted function of all values, the learning rate and a batch; it returns terms and new values."""
    trainable, others = network.trainable_variables, network.non_trainable_variables
    place = next(index for index, each in enumerate(optimizer.variables) if each is optimizer.learning_rate)
    decayed = {id(variable) for variable in decayed_variables(trainable)}

    def objective(values: list[Any], other_values: list[Any], batch: dict[str, Any]) -> tuple[Any, tuple]:
        mapping = [*zip(trainable, values, strict=True), *zip(others, other_values, strict=True)]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            terms = network.terms(batch)
            total = network.total(terms)
            squares: list[Any] = [
                keras.ops.sum(keras.ops.square(value))
                for variable, value in zip(trainable, values, strict=True)
                if id(variable) in decayed
            ]
            penalty = 0.5 * weight_decay * sum(squares)
        updated = [scope.get_current_value(variable) for variable in others]
        return total + penalty, (terms | {"total": total, "weight_decay": penalty}, updated)

    def train(values: list[Any], others: list[Any], slots: list[Any], rate: Any, batch: dict[str, Any]) -> tuple:
        gradients, (terms, updated) = jax.grad(objective, has_aux=True)(values, others, batch)
        state = [*slots[:place], rate, *slots[place:]]
        values, state = optimizer.stateless_apply(state, gradients, values)
        return terms, values, updated, [*state[:place], *state[place + 1 :]]

    return jax.jit(train, donate_argnums=(0, 1, 2))
