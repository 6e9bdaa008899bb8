"""The optimisers of FaceNet's command line, under FaceNet's names."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import keras

OPTIMIZERS: dict[str, Callable[..., keras.Optimizer]] = {
    "MOM": lambda **shared: keras.optimizers.SGD(momentum=0.9, **shared),
    "SGD": lambda **shared: keras.optimizers.SGD(**shared),
    "ADAM": lambda **shared: keras.optimizers.Adam(**shared),
    "ADAGRAD": lambda **shared: keras.optimizers.Adagrad(**shared),
    "ADADELTA": lambda **shared: keras.optimizers.Adadelta(**shared),
    "RMSPROP": lambda **shared: keras.optimizers.RMSprop(momentum=0.9, **shared),
}


def make_optimizer(name: str, learning_rate: float, moving_average_decay: float = 0.0) -> keras.Optimizer:
    """Create an optimiser.

    Args:
        name: a key of `OPTIMIZERS`.
        learning_rate: initial learning rate.
        moving_average_decay: decay of the moving average of the weights, 0..1; 0 for no average.

    Returns:
        The optimiser.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, got {name!r}")
    average = {"use_ema": True, "ema_momentum": moving_average_decay} if moving_average_decay else {}
    return OPTIMIZERS[name](learning_rate=learning_rate, **average)


@contextlib.contextmanager
def averaged_weights(optimizer: keras.Optimizer, variables: Sequence[keras.Variable]) -> Iterator[None]:
    """Replace the weights by their moving averages within the context, if the optimiser keeps any."""
    # Before the first step the averages are still zero.
    if not optimizer.use_ema or not int(optimizer.iterations):
        yield
        return
    values = [keras.ops.convert_to_numpy(variable) for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def decayed_variables(variables: Iterable[keras.Variable]) -> list[keras.Variable]:
    """Return the variables under the L2 penalty: kernels and W."""
    return [variable for variable in variables if variable.name.endswith(("kernel", "centres"))]
