"""One training step on JAX: the values of the variables pass through one compiled function."""

from collections.abc import Callable
from typing import Any

import jax
import keras

from cshml_tf.network import HrNetwork, TwoBranchNetwork
from cshml_tf.training.optimizers import decayed_variables


def make_jax_step(
    network: HrNetwork | TwoBranchNetwork, optimizer: keras.Optimizer, weight_decay: float
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Compile the step of a network on one device; see `cshml_tf.training.step.make_step`."""
    trainable = network.trainable_variables
    others = network.non_trainable_variables
    state = optimizer.variables
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

    @jax.jit
    def compiled(
        values: list[Any], other_values: list[Any], state_values: list[Any], batch: dict[str, Any]
    ) -> tuple:
        gradients, (terms, updated) = jax.grad(objective, has_aux=True)(values, other_values, batch)
        values, state_values = optimizer.stateless_apply(state_values, gradients, values)
        return terms, values, updated, state_values

    def step(batch: dict[str, Any]) -> dict[str, Any]:
        held = trainable, others, state
        terms, *results = compiled(*([variable.value for variable in group] for group in held), batch)
        for group, values in zip(held, results, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return terms

    return step
