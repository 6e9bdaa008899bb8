"""Keras layers for elementwise operations of imported graphs, for padding and for the order of channels.

The layers that work along axes are in `imported_axes`.
"""

# pyright: reportOptionalOperand=false, reportOperatorIssue=false
# keras.ops has no annotations: pyright infers the union of all backends' types, which includes None.

import re
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from cshml_tf.layers.imported_axes import PadAxes
from cshml_tf.layers.preprocessing import Shape
from cshml_tf.losses import Tensor


def _compared(comparison: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a comparison whose result is 1 and 0 in the operands' type, as other layers expect numbers."""
    return lambda one, other: ops.cast(comparison(one, other), one.dtype)


_OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "add": ops.add,
    "subtract": ops.subtract,
    "multiply": ops.multiply,
    "divide": ops.divide,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "power": ops.power,
    "equal": _compared(ops.equal),
    "greater": _compared(ops.greater),
    "greater_equal": _compared(ops.greater_equal),
    "less": _compared(ops.less),
    "less_equal": _compared(ops.less_equal),
}

# Functions of one tensor, some with named numbers.
_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "abs": ops.abs,
    "celu": lambda x, alpha: ops.maximum(x, 0.0) + alpha * ops.expm1(ops.minimum(x, 0.0) / alpha),
    "elu": lambda x, alpha: ops.maximum(x, 0.0) + alpha * ops.expm1(ops.minimum(x, 0.0)),
    "erf": ops.erf,
    "exp": ops.exp,
    "gelu": lambda x, approximate: ops.gelu(x, approximate=bool(approximate)),
    "hard_sigmoid": lambda x, alpha, beta: ops.clip(alpha * x + beta, 0.0, 1.0),
    "hard_swish": lambda x: x * ops.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "log": ops.log,
    "mish": lambda x: x * ops.tanh(ops.softplus(x)),
    "negative": ops.negative,
    "not": lambda x: ops.cast(ops.equal(x, 0), x.dtype),
    "reciprocal": lambda x: 1.0 / x,
    "selu": lambda x, alpha, gamma: gamma * (ops.maximum(x, 0.0) + alpha * ops.expm1(ops.minimum(x, 0.0))),
    "softplus": ops.softplus,
    "softsign": ops.softsign,
    "sqrt": ops.sqrt,
    "swish": lambda x, alpha: x * ops.sigmoid(alpha * x),
    "tanh": ops.tanh,
    "thresholded_relu": lambda x, alpha: ops.where(x > alpha, x, ops.zeros_like(x)),
}


def layer_name(name: str) -> str:
    """Return the name of the Keras layer for a node that another framework calls `name`.

    PyTorch and TensorFlow name nodes like paths, but Keras reserves the slash, and TensorFlow traces only layers
    whose names consist of letters, digits and "_.->". The result never contains ">", which is reserved for the
    layers inside a node.
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name.strip("/").replace("/", "."))


@keras.saving.register_keras_serializable("cshml_tf")
class Elementwise(keras.layers.Layer):
    """An elementwise operation on two tensors.

    Args:
        operation: "add", "subtract", "multiply", "divide", "maximum", "minimum", "power", or a comparison whose
            result is 1 or 0: "equal", "greater", "greater_equal", "less" or "less_equal".
        **kwargs: arguments of `keras.layers.Layer`.

    Call with a list of two tensors of equal rank; returns a tensor of their broadcast shape.
    """

    def __init__(self, operation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.operation = _check_operation(operation)

    def call(self, operands: list[Tensor]) -> Tensor:
        return _OPERATIONS[self.operation](*operands)

    def compute_output_shape(self, shapes: list[Shape]) -> Shape:
        return _broadcast(*shapes)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"operation": self.operation}


@keras.saving.register_keras_serializable("cshml_tf")
class Pointwise(keras.layers.Layer):
    """A function of each value of a tensor.

    Args:
        function: a name of `_FUNCTIONS`, such as "negative", "sqrt" or "hard_swish".
        numbers: the function's own numbers by name, such as {"alpha": 1.0} of "elu".
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, function: str, numbers: dict[str, float] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if function not in _FUNCTIONS:
            raise ValueError(f"function: expected one of {', '.join(_FUNCTIONS)}, got {function!r}")
        self.function = function
        self.numbers = dict(numbers or {})

    def call(self, x: Tensor) -> Tensor:
        return _FUNCTIONS[self.function](x, **self.numbers)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"function": self.function, "numbers": self.numbers}


@keras.saving.register_keras_serializable("cshml_tf")
class Select(keras.layers.Layer):
    """Take each value from one of two tensors.

    Call with a list of three tensors of equal rank: a condition, the values where it is not 0, and the values
    where it is 0. Returns a tensor of their broadcast shape.
    """

    def call(self, operands: list[Tensor]) -> Tensor:
        condition, one, other = operands
        return ops.where(ops.not_equal(condition, 0), one, other)

    def compute_output_shape(self, shapes: list[Shape]) -> Shape:
        return _broadcast(_broadcast(shapes[0], shapes[1]), shapes[2])


@keras.saving.register_keras_serializable("cshml_tf")
class WithConstant(keras.layers.Layer):
    """An elementwise operation on a tensor and a constant, which is the layer's only weight.

    Args:
        operation: as for `Elementwise`.
        shape: shape of the constant, of the tensor's rank; its first axis, the batch's, has size 1.
        constant_first: whether the constant is the first operand, which matters for "subtract" and "divide".
        learns: whether training updates the constant.
        **kwargs: arguments of `keras.layers.Layer`.

    Call with a tensor; returns a tensor of the broadcast shape. The constant is 0 until `set_weights` sets it.
    """

    def __init__(
        self,
        operation: str,
        shape: Sequence[int],
        constant_first: bool = False,
        learns: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation = _check_operation(operation)
        self.shape = tuple(shape)
        self.constant_first = constant_first
        self.learns = learns

    def build(self, input_shape: Shape) -> None:
        self.constant = self.add_weight(
            name="constant", shape=self.shape, initializer="zeros", trainable=self.learns
        )

    def call(self, x: Tensor) -> Tensor:
        constant = ops.cast(self.constant, x.dtype)
        operands = (constant, x) if self.constant_first else (x, constant)
        return _OPERATIONS[self.operation](*operands)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return _broadcast(input_shape, self.shape)

    def get_config(self) -> dict[str, Any]:
        config = {"operation": self.operation, "shape": self.shape}
        return super().get_config() | config | {"constant_first": self.constant_first, "learns": self.learns}


@keras.saving.register_keras_serializable("cshml_tf")
class PadImage(PadAxes):
    """Pad maps (batch, h, w, channels) with a constant value.

    Args:
        pads: ((top, bottom), (left, right)), pixels.
        value: value of the padding.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def of_every_axis(self) -> tuple[tuple[int, ...], ...]:
        """Return (before, after) for each axis, the batch's included."""
        return ((0, 0), *self.pads, (0, 0))


@keras.saving.register_keras_serializable("cshml_tf")
class ReverseChannels(keras.layers.Layer):
    """Reverse the channels, RGB to BGR: (batch, h, w, channels) to the same shape."""

    def call(self, x: Tensor) -> Tensor:
        return ops.flip(x, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def _check_operation(operation: str) -> str:
    if operation not in _OPERATIONS:
        raise ValueError(f"operation: expected one of {', '.join(_OPERATIONS)}, got {operation!r}")
    return operation


def _broadcast(shape: Shape, other: Shape) -> Shape:
    return tuple(one if two == 1 else two for one, two in zip(shape, other, strict=True))
