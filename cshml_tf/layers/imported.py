"""Keras layers for what graphs of other frameworks hold and Keras has no layer for."""

import re

import keras
from keras import ops

_OPERATIONS = {
    "add": ops.add,
    "subtract": ops.subtract,
    "multiply": ops.multiply,
    "divide": ops.divide,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
}


def layer_name(name):
    """Give the name that Keras's layer has of a node that another framework calls `name`.

    PyTorch and TensorFlow name nodes like paths; Keras keeps the slash for itself, and TensorFlow traces no layer
    whose name has other than letters, digits and "_.->". No node's name is given a ">", which is left to name
    the layers inside a node.
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name.strip("/").replace("/", "."))


@keras.saving.register_keras_serializable("cshml_tf")
class Elementwise(keras.layers.Layer):
    """An elementwise operation of two tensors.

    Args:
        operation: "add", "subtract", "multiply", "divide", "maximum" or "minimum".

    Call with a list of two tensors of one rank; gives their broadcast shape.
    """

    def __init__(self, operation, **kwargs):
        super().__init__(**kwargs)
        self.operation = _known(operation)

    def call(self, operands):
        return _OPERATIONS[self.operation](*operands)

    def compute_output_shape(self, shapes):
        return tuple(one if other == 1 else other for one, other in zip(*shapes, strict=True))

    def get_config(self):
        return super().get_config() | {"operation": self.operation}


@keras.saving.register_keras_serializable("cshml_tf")
class WithConstant(keras.layers.Layer):
    """An elementwise operation of a tensor and a constant, which is the layer's one weight.

    Args:
        operation: as of `Elementwise`.
        shape: shape of the constant, which broadcasts to the tensor's.
        constant_first: whether the constant is the first operand, which matters to "subtract" and "divide".
        learns: whether training moves the constant.

    Call with a tensor; gives the same shape. The constant is 0 until `set_weights` sets it.
    """

    def __init__(self, operation, shape, constant_first=False, learns=False, **kwargs):
        super().__init__(**kwargs)
        self.operation = _known(operation)
        self.shape = tuple(shape)
        self.constant_first = constant_first
        self.learns = learns

    def build(self, input_shape):
        self.constant = self.add_weight(
            name="constant", shape=self.shape, initializer="zeros", trainable=self.learns
        )

    def call(self, x):
        constant = ops.cast(self.constant, x.dtype)
        operands = (constant, x) if self.constant_first else (x, constant)
        return _OPERATIONS[self.operation](*operands)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"operation": self.operation, "shape": self.shape}
        return super().get_config() | config | {"constant_first": self.constant_first, "learns": self.learns}


@keras.saving.register_keras_serializable("cshml_tf")
class PadImage(keras.layers.Layer):
    """Pad maps (batch, h, w, channels) with one value.

    Args:
        pads: ((top, bottom), (left, right)).
        value: what stands around the map.
    """

    def __init__(self, pads, value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.pads = tuple(tuple(int(side) for side in pair) for pair in pads)
        self.value = float(value)

    def call(self, x):
        return ops.pad(x, ((0, 0), *self.pads, (0, 0)), constant_values=self.value)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height + sum(self.pads[0]), width + sum(self.pads[1]), channels)

    def get_config(self):
        return super().get_config() | {"pads": self.pads, "value": self.value}


@keras.saving.register_keras_serializable("cshml_tf")
class ReverseChannels(keras.layers.Layer):
    """Turn RGB into BGR: (batch, h, w, channels) to the same shape."""

    def call(self, x):
        return ops.flip(x, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape


def _known(operation):
    if operation not in _OPERATIONS:
        raise ValueError(f"operation: expected one of {', '.join(_OPERATIONS)}, got {operation!r}")
    return operation
