"""Keras layers for operations of imported graphs for which Keras has no layer."""

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from cshml_tf.layers.preprocessing import Shape
from cshml_tf.losses import Tensor

_OPERATIONS = {
    "add": ops.add,
    "subtract": ops.subtract,
    "multiply": ops.multiply,
    "divide": ops.divide,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
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
        operation: "add", "subtract", "multiply", "divide", "maximum" or "minimum".
        **kwargs: arguments of `keras.layers.Layer`.

    Call with a list of two tensors of equal rank; returns a tensor of their broadcast shape.
    """

    def __init__(self, operation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.operation = _check_operation(operation)

    def call(self, operands: list[Tensor]) -> Tensor:
        return _OPERATIONS[self.operation](*operands)

    def compute_output_shape(self, shapes: list[Shape]) -> Shape:
        return tuple(one if other == 1 else other for one, other in zip(*shapes, strict=True))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"operation": self.operation}


@keras.saving.register_keras_serializable("cshml_tf")
class WithConstant(keras.layers.Layer):
    """An elementwise operation on a tensor and a constant, which is the layer's only weight.

    Args:
        operation: as for `Elementwise`.
        shape: shape of the constant, which must broadcast to the tensor's.
        constant_first: whether the constant is the first operand, which matters for "subtract" and "divide".
        learns: whether training updates the constant.
        **kwargs: arguments of `keras.layers.Layer`.

    Call with a tensor; returns a tensor of the same shape. The constant is 0 until `set_weights` sets it.
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
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {"operation": self.operation, "shape": self.shape}
        return super().get_config() | config | {"constant_first": self.constant_first, "learns": self.learns}


@keras.saving.register_keras_serializable("cshml_tf")
class PadImage(keras.layers.Layer):
    """Pad maps (batch, h, w, channels) with a constant value.

    Args:
        pads: ((top, bottom), (left, right)), pixels.
        value: value of the padding.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, pads: Sequence[Sequence[int]], value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pads = tuple(tuple(int(side) for side in pair) for pair in pads)
        self.value = float(value)

    def call(self, x: Tensor) -> Tensor:
        return ops.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=self.value)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, channels = input_shape
        padded = (None if side is None else side + sum(pads) for side, pads in zip(sides, self.pads, strict=True))
        return (batch, *padded, channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pads": self.pads, "value": self.value}


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
