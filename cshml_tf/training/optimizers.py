"""The optimisers of FaceNet's command line, by FaceNet's names."""

import contextlib

import keras

OPTIMIZERS = {
    "MOM": lambda **shared: keras.optimizers.SGD(momentum=0.9, **shared),
    "SGD": lambda **shared: keras.optimizers.SGD(**shared),
    "ADAM": lambda **shared: keras.optimizers.Adam(**shared),
    "ADAGRAD": lambda **shared: keras.optimizers.Adagrad(**shared),
    "ADADELTA": lambda **shared: keras.optimizers.Adadelta(**shared),
    "RMSPROP": lambda **shared: keras.optimizers.RMSprop(momentum=0.9, **shared),
}


def make_optimizer(name, learning_rate, moving_average_decay=0.0):
    """Make an optimiser; with a decay above 0 it also keeps a moving average of the weights.

    Raises:
        ValueError: an unknown name.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, got {name!r}")
    average = {"use_ema": True, "ema_momentum": moving_average_decay} if moving_average_decay else {}
    return OPTIMIZERS[name](learning_rate=learning_rate, **average)


@contextlib.contextmanager
def averaged_weights(optimizer, variables):
    """Put the moving averages, where the optimiser keeps them, in the place of the weights for a while."""
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


def decayed_variables(variables):
    """Return the variables that the L2 penalty is on: kernels and W."""
    return [variable for variable in variables if variable.name.endswith(("kernel", "centres"))]
