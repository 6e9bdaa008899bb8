"""ONNX's functions of single values, and its operations on pairs of tensors, as Keras layers.

Source: ONNX's operator specification, https://onnx.ai/onnx/operators/.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from cshml_tf.layers.imported import Elementwise, Pointwise, Select, WithConstant
from cshml_tf.layers.imported_axes import ConstantPerImage
from cshml_tf.pretrained.onnx.graph import Node
from cshml_tf.pretrained.onnx.value import CHANNELS_LAST, Input, Value, constant

# ONNX's functions by name: ours, and the numbers that their nodes can have with ONNX's default values.
_FUNCTIONS: dict[str, tuple[str, dict[str, float]]] = {
    "Abs": ("abs", {}),
    "Celu": ("celu", {"alpha": 1.0}),
    "Elu": ("elu", {"alpha": 1.0}),
    "Erf": ("erf", {}),
    "Exp": ("exp", {}),
    "HardSigmoid": ("hard_sigmoid", {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": ("hard_swish", {}),
    "Log": ("log", {}),
    "Mish": ("mish", {}),
    "Neg": ("negative", {}),
    "Not": ("not", {}),
    "Reciprocal": ("reciprocal", {}),
    "Selu": ("selu", {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "Softplus": ("softplus", {}),
    "Softsign": ("softsign", {}),
    "Sqrt": ("sqrt", {}),
    "Swish": ("swish", {"alpha": 1.0}),
    "Tanh": ("tanh", {}),
    "ThresholdedRelu": ("thresholded_relu", {"alpha": 1.0}),
}

# Each further operand is one layer more.
_MOST_OPERANDS = 64


def _function(name: str, defaults: dict[str, float]) -> Callable[[Node, Value], Value]:
    def build(node: Node, x: Value) -> Value:
        numbers = {number: float(node.attributes.get(number, value)) for number, value in defaults.items()}
        return Value(Pointwise(name, numbers, name=node.name)(x.tensor), x.order, x.moved_by)

    return build


def _gelu(node: Node, x: Value) -> Value:
    approximate = float(node.attributes.get("approximate", b"none") == b"tanh")
    return Value(Pointwise("gelu", {"approximate": approximate}, name=node.name)(x.tensor), x.order, x.moved_by)


def _relu(node: Node, x: Value) -> Value:
    return Value(keras.layers.ReLU(name=node.name)(x.tensor), x.order, x.moved_by)


def _leaky_relu(node: Node, x: Value) -> Value:
    slope = node.attributes.get("alpha", 0.01)
    return Value(keras.layers.LeakyReLU(negative_slope=slope, name=node.name)(x.tensor), x.order, x.moved_by)


def _sigmoid(node: Node, x: Value) -> Value:
    return Value(keras.layers.Activation("sigmoid", name=node.name)(x.tensor), x.order, x.moved_by)


def _softmax(node: Node, x: Value) -> Value:
    # Up to set 12, all axes from this one on are normalised together; they are one axis if it is the last.
    axis = node.attributes.get("axis", 1 if node.opset < 13 else -1)
    if node.opset < 13 and any(size != 1 for size in x.shape[axis % x.rank + 1 :]):
        raise node.fail(f"expected the last axis, or one before axes of size 1, got {axis}")
    return Value(keras.layers.Softmax(x.axis(node, axis), name=node.name)(x.tensor), x.order)


def prelu_slope(shape: Sequence[int | None], slope: np.ndarray) -> np.ndarray:
    """Return the slopes of a PRelu so that they broadcast to tensors of a shape in ONNX's order.

    ONNX aligns slopes with the last axes. MXNet writes one slope per channel, (C,), for maps whose channels come
    first; these are aligned with the channels, unless they fit the last axis as well.
    """
    per_channel = slope.ndim == 1 and slope.size > 1 and len(shape) > 2
    if per_channel and slope.size != shape[-1] and slope.size == shape[1]:
        return slope.reshape((-1,) + (1,) * (len(shape) - 2))
    return slope


def _prelu(node: Node, x: Value, slope: Input) -> Value:
    slope = prelu_slope(x.shape, constant(node, slope, "slope"))
    given = slope.shape
    slope = slope.reshape((1,) * (x.rank - slope.ndim) + slope.shape)
    fits = slope.ndim == x.rank and slope.shape[0] == 1
    if not fits or any(size not in (1, other) for size, other in zip(slope.shape[1:], x.shape[1:], strict=True)):
        raise node.fail(f"expected a slope that fits {x.shape} and is the same for all images, got {given}")
    stored = slope.transpose(np.argsort(x.order))[0]
    shared = [axis + 1 for axis, size in enumerate(stored.shape) if size == 1]
    layer = keras.layers.PReLU(shared_axes=shared or None, name=node.name)
    y = layer(x.tensor)
    layer.set_weights([stored])
    return Value(y, x.order)


def identity(node: Node, x: Value, *unused: Input) -> Value:
    """Return the same tensor from a layer of the node's name."""
    return Value(keras.layers.Identity(name=node.name)(x.tensor), x.order, x.moved_by)


def _clip(node: Node, x: Value, low: Input = None, high: Input = None) -> Value:
    least = node.attributes.get("min") if low is None else _number(node, low, "minimum")
    most = node.attributes.get("max") if high is None else _number(node, high, "maximum")
    if least is None and most is None:
        return identity(node, x)
    if least is not None:
        name = node.name if most is None else node.inner("from")
        x = with_constant(node, "maximum", x, np.float32(least), name=name)
    return x if most is None else with_constant(node, "minimum", x, np.float32(most))


def _number(node: Node, value: Input, what: str) -> float:
    array = constant(node, value, what)
    if array.size != 1:
        raise node.fail(f"expected one number as {what}, got {array.shape}")
    return float(array.reshape(()))


def _cast(node: Node, x: Value, *unused: Input) -> Value:
    from onnx import helper

    kind = helper.tensor_dtype_to_string(node.attributes["to"]).removeprefix("TensorProto.")
    if not kind.startswith(("FLOAT", "DOUBLE", "BFLOAT")) or "8" in kind or "4E" in kind:
        raise node.fail(f"expected a type of fractions for values that depend on the image, got {kind}")
    return identity(node, x)


def _folded(operation: str, scale_by_count: bool = False) -> Callable[..., Value]:
    """Return the function of a node that applies an operation to any number of tensors in turn."""

    def build(node: Node, *operands: Input) -> Value:
        if len(operands) > _MOST_OPERANDS:
            raise node.fail(f"expected at most {_MOST_OPERANDS} operands, got {len(operands)}")
        # These operations may be applied in any order, and two constants have no layer.
        result, *others = sorted(operands, key=lambda operand: not isinstance(operand, Value))
        last = len(others) - 1
        for index, other in enumerate(others):
            is_last = index == last and not scale_by_count
            result = combine(node, operation, result, other, node.name if is_last else node.inner(f"{index}"))
        if not isinstance(result, Value):
            raise node.fail("expected at least one operand that depends on the image")
        if not others:
            return identity(node, result)
        if not scale_by_count:
            return result
        return with_constant(node, "divide", result, np.float32(len(others) + 1))

    return build


def _binary(operation: str) -> Callable[..., Value]:
    def build(node: Node, one: Input, other: Input) -> Value:
        if not isinstance(one, Value) and not isinstance(other, Value):
            raise node.fail("expected at least one operand that depends on the image")
        return combine(node, operation, one, other, node.name)

    return build


def combine(node: Node, operation: str, one: Input, other: Input, name: str) -> Value:
    """Return an operation on two inputs, at least one of which depends on the image."""
    if isinstance(one, Value) and isinstance(other, Value):
        if one.rank != other.rank:
            raise node.fail(f"expected two tensors of equal rank, got {one.rank} and {other.rank}")
        order = _common_order(node, [one, other])
        tensors = [one.arranged(order, f"{name}>one"), other.arranged(order, f"{name}>other")]
        return Value(Elementwise(operation, name=name)(tensors), order, one.moved_by)
    if isinstance(one, Value):
        return with_constant(node, operation, one, constant(node, other, "operand"), name=name)
    if isinstance(other, Value):
        first = constant(node, one, "operand")
        return with_constant(node, operation, other, first, constant_first=True, name=name)
    raise node.fail("expected at least one operand that depends on the image")


def with_constant(
    node: Node,
    operation: str,
    x: Value,
    number: np.ndarray | np.float32,
    constant_first: bool = False,
    learns: bool | None = None,
    name: str | None = None,
) -> Value:
    """Return an operation on a tensor and a constant.

    Args:
        node: the node to build.
        operation: as for `cshml_tf.layers.imported.WithConstant`.
        x: the tensor.
        number: the constant, which broadcasts to `x` in ONNX's order of axes.
        constant_first: whether it is the first operand.
        learns: whether training updates it; None for constants of more than one number.
        name: the layer's name; None for the node's.
    """
    number = np.asarray(number, np.float32)
    if number.ndim > x.rank and number.shape[: number.ndim - x.rank] == (1,) * (number.ndim - x.rank):
        number = number.reshape(number.shape[number.ndim - x.rank :])
    if number.ndim > x.rank:
        raise node.fail(f"expected a constant of at most {x.rank} axes, got {number.shape}")
    number = number.reshape((1,) * (x.rank - number.ndim) + number.shape)
    stored = number.transpose(np.argsort(x.order))
    if stored.shape[0] != 1:
        raise node.fail(f"expected a constant that is the same for all images, got {number.shape}")
    if any(
        1 not in pair and pair[0] != pair[1] for pair in zip(stored.shape[1:], x.tensor.shape[1:], strict=True)
    ):
        raise node.fail(f"expected a constant that fits {x.shape}, got {number.shape}")
    # A single number scales pixels or a block; one number per channel is a weight like any other.
    learns = stored.size > 1 and operation in _LEARNT if learns is None else learns
    layer = WithConstant(operation, stored.shape, constant_first, learns, name=name or node.name)
    y = layer(x.tensor)
    layer.set_weights([stored])
    return Value(y, x.order, x.moved_by)


# The operations through which a constant of several numbers is trained; limits and exponents stay as they are.
_LEARNT = ("add", "subtract", "multiply", "divide")


def _where(node: Node, condition: Input, one: Input, other: Input) -> Value:
    operands = (condition, one, other)
    like = [operand for operand in operands if isinstance(operand, Value)]
    if not like:
        raise node.fail("expected at least one operand that depends on the image")
    values = [per_image(node, operand, like[0], str(index)) for index, operand in enumerate(operands)]
    if len({value.rank for value in values}) > 1:
        raise node.fail(f"expected operands of equal rank, got {', '.join(str(value.rank) for value in values)}")
    order = _common_order(node, values)
    tensors = [value.arranged(order, node.inner(f"operand{index}")) for index, value in enumerate(values)]
    return Value(Select(name=node.name)(tensors), order)


def per_image(node: Node, operand: Input, like: Value, part: str) -> Value:
    """Return an input as a Value; a constant is repeated for each image of `like` and takes its order of axes."""
    if isinstance(operand, Value):
        return operand
    number = np.asarray(constant(node, operand, "operand"), np.float32)
    if number.ndim > like.rank or (number.ndim == like.rank and number.shape[like.order.index(0)] != 1):
        raise node.fail(f"expected a constant that is the same for all images, got {number.shape}")
    number = number.reshape((1,) * (like.rank - number.ndim) + number.shape)
    stored = number.transpose(np.argsort(like.order))[0]
    layer = ConstantPerImage(stored.shape, name=node.inner(f"constant{part}"))
    y = layer(like.tensor)
    layer.set_weights([stored])
    return Value(y, like.order)


def _common_order(node: Node, values: list[Value]) -> tuple[int, ...]:
    if len({value.order.index(0) for value in values}) > 1:
        raise node.fail("expected the batch on the same axis in all operands")
    # If any operand is a map, so is the result.
    return CHANNELS_LAST if any(value.order == CHANNELS_LAST for value in values) else values[0].order


POINTWISE: dict[str, Callable[..., Value]] = {
    **{name: _function(*function) for name, function in _FUNCTIONS.items()},
    "Add": _binary("add"),
    "Cast": _cast,
    "CastLike": identity,
    "Clip": _clip,
    "Div": _binary("divide"),
    "Equal": _binary("equal"),
    "Gelu": _gelu,
    "Greater": _binary("greater"),
    "GreaterOrEqual": _binary("greater_equal"),
    "Identity": identity,
    "LeakyRelu": _leaky_relu,
    "Less": _binary("less"),
    "LessOrEqual": _binary("less_equal"),
    "Max": _folded("maximum"),
    "Mean": _folded("add", scale_by_count=True),
    "Min": _folded("minimum"),
    "Mul": _binary("multiply"),
    "PRelu": _prelu,
    "Pow": _binary("power"),
    "Relu": _relu,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Sub": _binary("subtract"),
    "Sum": _folded("add"),
    "Where": _where,
}
