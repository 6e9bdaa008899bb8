"""ONNX's operations as Keras layers: one function per operation, and a table of them.

Each function takes a Node and its inputs (a Value, a NumPy constant, or None if omitted) and returns the
Value of its first output. The last layer has the node's name, so that the output can be selected as a tap by this
name. If it is uncertain whether the output is a map, as for a Reshape to four axes, no layer has the name.

Source: ONNX's operator specification, https://onnx.ai/onnx/operators/.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras
import numpy as np

from cshml_tf.layers.imported import Elementwise, WithConstant
from cshml_tf.pretrained.onnx.graph import Node
from cshml_tf.pretrained.onnx.value import CHANNELS_LAST, Value, maps, plain
from cshml_tf.pretrained.onnx.windows import padded, pads_of, pair, pool_window

Input: TypeAlias = Value | np.ndarray | None


def _conv(node: Node, x: Value, weights: Input, bias: Input = None) -> Value:
    weights, bias = _constant(node, weights, "weights"), bias if bias is None else _constant(node, bias, "bias")
    if weights.ndim != 4:
        raise node.fail(f"expected a two-dimensional convolution, got weights of {weights.shape}")
    image = x.image(node)
    out_channels, channels_per_group, *kernel_size = weights.shape
    groups = node.attributes.get("group", 1)
    if image.shape[-1] != groups * channels_per_group:
        raise node.fail(f"expected {groups * channels_per_group} channels, got {image.shape[-1]}")
    strides, dilations = pair(node, "strides"), pair(node, "dilations")
    pads = pads_of(node, image.shape[1:3], kernel_size, strides, dilations)
    same = all(
        stride == 1 and before == after and before + after == dilation * (size - 1)
        for stride, (before, after), dilation, size in zip(strides, pads, dilations, kernel_size, strict=True)
    )
    if not same:
        image = padded(node, image, pads, 0.0)
    options = {
        "kernel_size": kernel_size,
        "strides": strides,
        "dilation_rate": dilations,
        "padding": "same" if same else "valid",
        "use_bias": bias is not None,
        "name": node.name,
    }
    last = None
    if groups > 1 and channels_per_group == 1:
        if strides[0] != strides[1]:
            # TensorFlow's depthwise convolution supports only equal strides: drop the surplus outputs afterwards.
            common = math.gcd(*strides)
            skipped = tuple(stride // common for stride in strides)
            last = keras.layers.MaxPooling2D(1, skipped, name=node.name)
            options |= {"strides": common, "name": node.inner("conv")}
        layer = keras.layers.DepthwiseConv2D(depth_multiplier=out_channels // groups, **options)
        kernel = weights.transpose(2, 3, 0, 1).reshape(*kernel_size, groups, out_channels // groups)
    else:
        layer = keras.layers.Conv2D(out_channels, groups=groups, **options)
        kernel = weights.transpose(2, 3, 1, 0)
    y = layer(image)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return maps(y if last is None else last(y))


def _batch_norm(node: Node, x: Value, gamma: Input, beta: Input, mean: Input, variance: Input) -> Value:
    weights = [_constant(node, value, "statistics") for value in (gamma, beta, mean, variance)]
    layer = keras.layers.BatchNormalization(
        momentum=node.attributes.get("momentum", 0.9), epsilon=node.attributes.get("epsilon", 1e-5), name=node.name
    )
    value = _on_channels(node, x, layer)
    layer.set_weights(weights)
    return value


def _prelu(node: Node, x: Value, slope: Input) -> Value:
    slope = _constant(node, slope, "slope")
    slope = slope.reshape((1,) * (x.rank - slope.ndim) + slope.shape)
    if slope.ndim != x.rank or slope.shape[0] != 1:
        raise node.fail(f"expected a slope that fits {x.shape} and is the same for all images, got {slope.shape}")
    stored = slope.transpose(np.argsort(x.order))[0]
    shared = [axis + 1 for axis, size in enumerate(stored.shape) if size == 1]
    layer = keras.layers.PReLU(shared_axes=shared or None, name=node.name)
    y = layer(x.tensor)
    layer.set_weights([stored])
    return Value(y, x.order)


def _relu(node: Node, x: Value) -> Value:
    return Value(keras.layers.ReLU(name=node.name)(x.tensor), x.order)


def _leaky_relu(node: Node, x: Value) -> Value:
    slope = node.attributes.get("alpha", 0.01)
    return Value(keras.layers.LeakyReLU(negative_slope=slope, name=node.name)(x.tensor), x.order)


def _sigmoid(node: Node, x: Value) -> Value:
    return Value(keras.layers.Activation("sigmoid", name=node.name)(x.tensor), x.order)


def _clip(node: Node, x: Value, low: Input = None, high: Input = None) -> Value:
    least = node.attributes.get("min") if low is None else float(_constant(node, low, "minimum"))
    most = node.attributes.get("max") if high is None else float(_constant(node, high, "maximum"))
    if least is None and most is None:
        return _identity(node, x)
    if least is not None:
        name = node.name if most is None else node.inner("from")
        x = _with_constant(node, "maximum", x, np.float32(least), name=name)
    return x if most is None else _with_constant(node, "minimum", x, np.float32(most))


def _elementwise(operation: str) -> Callable[..., Value]:
    def build(node: Node, one: Input, other: Input) -> Value:
        if isinstance(one, Value) and isinstance(other, Value):
            if one.rank != other.rank:
                raise node.fail(f"expected two tensors of equal rank, got {one.rank} and {other.rank}")
            # If either operand is a map, so is the result.
            order = CHANNELS_LAST if other.order == CHANNELS_LAST else one.order
            tensors = [one.arranged(order, node.inner("one")), other.arranged(order, node.inner("other"))]
            return Value(Elementwise(operation, name=node.name)(tensors), order)
        if isinstance(one, Value):
            return _with_constant(node, operation, one, _constant(node, other, "operand"))
        if isinstance(other, Value):
            return _with_constant(node, operation, other, _constant(node, one, "operand"), constant_first=True)
        raise node.fail("expected at least one operand that depends on the image")

    return build


def _with_constant(
    node: Node,
    operation: str,
    x: Value,
    constant: np.ndarray | np.float32,
    constant_first: bool = False,
    learns: bool | None = None,
    name: str | None = None,
) -> Value:
    constant = np.asarray(constant, np.float32)
    if constant.ndim > x.rank:
        raise node.fail(f"expected a constant of at most {x.rank} axes, got {constant.shape}")
    constant = constant.reshape((1,) * (x.rank - constant.ndim) + constant.shape)
    stored = constant.transpose(np.argsort(x.order))
    # A single number scales pixels or a block; one number per channel is a weight like any other.
    learns = stored.size > 1 if learns is None else learns
    layer = WithConstant(operation, stored.shape, constant_first, learns, name=name or node.name)
    y = layer(x.tensor)
    layer.set_weights([stored])
    return Value(y, x.order)


def _max_pool(node: Node, x: Value) -> Value:
    image = x.image(node)
    size, strides, pads, _ = pool_window(node, image.shape[1:3])
    # Smaller than any value of a map, but finite, as infinity times 0 would be NaN.
    image = padded(node, image, pads, float(np.finfo(np.float32).min))
    return maps(keras.layers.MaxPooling2D(size, strides, name=node.name)(image))


def _average_pool(node: Node, x: Value) -> Value:
    image = x.image(node)
    size, strides, pads, shares = pool_window(node, image.shape[1:3])
    whole = bool(np.all(shares == 1))
    layer = keras.layers.AveragePooling2D(size, strides, name=node.name if whole else node.inner("pool"))
    y = maps(layer(padded(node, image, pads, 0.0)))
    # Keras's mean includes the padding zeros: divide it by the fraction of the window that ONNX counts.
    return y if whole else _with_constant(node, "divide", y, shares, learns=False)


def _global_pool(layer_class: type[keras.layers.Layer]) -> Callable[..., Value]:
    def build(node: Node, x: Value) -> Value:
        return maps(layer_class(keepdims=True, name=node.name)(x.image(node)))

    return build


def _reduce_mean(node: Node, x: Value, axes: Input = None) -> Value:
    averaged = _axes(node, axes)
    if x.rank != 4 or averaged is None or {axis % 4 for axis in averaged} != {2, 3}:
        raise node.fail(f"expected a mean over the two axes of a map, got axes {averaged}")
    keep = bool(node.attributes.get("keepdims", 1))
    y = keras.layers.GlobalAveragePooling2D(keepdims=keep, name=node.name)(x.image(node))
    return maps(y) if keep else plain(y)


def _flatten(node: Node, x: Value) -> Value:
    axis = node.attributes.get("axis", 1)
    if axis not in (1, 1 - x.rank):
        raise node.fail(f"expected axis 1, got {axis}")
    return plain(keras.layers.Flatten(name=node.name)(x.as_onnx(node)))


def _reshape(node: Node, x: Value, target: Input) -> Value:
    sizes = _constant(node, target, "shape").tolist()
    # The first size is the batch's, whichever number the exporter wrote there.
    inner = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)][1:]
    count = math.prod(x.shape[1:])
    if -1 in inner:
        known = -math.prod(inner)
        inner[inner.index(-1)] = count // known if known and count % known == 0 else 0
    if math.prod(inner) != count:
        raise node.fail(f"expected a shape that keeps the batch and its {count} values, got {sizes}")
    return _reshaped(node, x, inner)


def _squeeze(node: Node, x: Value, axes: Input = None) -> Value:
    given = _axes(node, axes)
    if given is None:
        given = [axis for axis, size in enumerate(x.shape) if axis and size == 1]
    dropped = {axis % x.rank for axis in given}
    if 0 in dropped or any(x.shape[axis] != 1 for axis in dropped):
        raise node.fail(f"expected axes of size 1 other than the batch's, got {sorted(dropped)} of {x.shape}")
    return _reshaped(node, x, [size for axis, size in enumerate(x.shape) if axis and axis not in dropped])


def _axes(node: Node, axes: Input) -> list[int] | None:
    """Return the axes given as an input, as newer operator sets do, or else as an attribute."""
    return node.attributes.get("axes") if axes is None else _constant(node, axes, "axes").tolist()


def _reshaped(node: Node, x: Value, inner: Sequence[int]) -> Value:
    # It is unknown which of four axes are height and width, so such a layer must not be taken for a map.
    name = node.inner("reshape") if len(inner) == 3 else node.name
    return plain(keras.layers.Reshape(inner, name=name)(x.as_onnx(node)))


def _transpose(node: Node, x: Value) -> Value:
    permutation = node.attributes.get("perm", list(reversed(range(x.rank))))
    if permutation[0] != 0:
        raise node.fail(f"expected the batch to stay first, got perm {permutation}")
    value = Value(x.tensor, tuple(x.order[axis] for axis in permutation))
    # In these two orders the tensor is a map (batch, h, w, channels); in any other it is not.
    return _identity(node, value) if value.order in (CHANNELS_LAST, (0, 1, 2, 3)) else value


def _gemm(node: Node, x: Value, weights: Input, bias: Input = None) -> Value:
    if node.attributes.get("transA", 0):
        raise node.fail("expected transA 0")
    kernel = _constant(node, weights, "weights") * node.attributes.get("alpha", 1.0)
    if node.attributes.get("transB", 0):
        kernel = kernel.T
    offsets = None if bias is None else _constant(node, bias, "bias") * node.attributes.get("beta", 1.0)
    return _dense(node, x, kernel, offsets)


def _matmul(node: Node, x: Value, weights: Input) -> Value:
    return _dense(node, x, _constant(node, weights, "weights"), None)


def _dense(node: Node, x: Input, kernel: np.ndarray, bias: np.ndarray | None) -> Value:
    if not isinstance(x, Value) or x.rank != 2 or kernel.ndim != 2:
        raise node.fail("expected (batch, values) times a constant matrix")
    layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=node.name)
    y = layer(x.tensor)
    layer.set_weights([kernel] if bias is None else [kernel, np.broadcast_to(bias.ravel(), kernel.shape[1:])])
    return plain(y)


def _dropout(node: Node, x: Value, ratio: Input = None, training: Input = None) -> Value:
    rate = node.attributes.get("ratio", 0.5) if ratio is None else float(_constant(node, ratio, "ratio"))
    return Value(keras.layers.Dropout(rate, name=node.name)(x.tensor), x.order)


def _identity(node: Node, x: Value) -> Value:
    return Value(keras.layers.Identity(name=node.name)(x.tensor), x.order)


def _shape(node: Node, x: Value) -> np.ndarray:
    sizes = x.shape[node.attributes.get("start", 0) : node.attributes.get("end")]
    return np.array([-1 if size is None else size for size in sizes], np.int64)


def _concat(node: Node, *parts: Input) -> Value:
    tensors = [part for part in parts if isinstance(part, Value)]
    if len(tensors) < len(parts) or len({tensor.rank for tensor in tensors}) != 1:
        raise node.fail("expected tensors of equal rank that depend on the image")
    order = tensors[0].order
    layer = keras.layers.Concatenate(axis=order[node.attributes["axis"]], name=node.name)
    arranged = [tensor.arranged(order, node.inner(f"part{index}")) for index, tensor in enumerate(tensors)]
    return Value(layer(arranged), order)


OPERATIONS: dict[str, Callable[..., Value | np.ndarray]] = {
    "Add": _elementwise("add"),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Div": _elementwise("divide"),
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool(keras.layers.GlobalAveragePooling2D),
    "GlobalMaxPool": _global_pool(keras.layers.GlobalMaxPooling2D),
    "Identity": _identity,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mul": _elementwise("multiply"),
    "PRelu": _prelu,
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _sigmoid,
    "Squeeze": _squeeze,
    "Sub": _elementwise("subtract"),
    "Transpose": _transpose,
}


def _constant(node: Node, value: Input, what: str) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise node.fail(f"expected constant {what}")
    return value


def _on_channels(node: Node, x: Value, layer: keras.layers.Layer) -> Value:
    """Apply a layer that works on the last axis, which must be the channels."""
    if x.rank == 4:
        return maps(layer(x.image(node)))
    if x.rank == 2:
        return plain(layer(x.tensor))
    raise node.fail(f"expected two or four axes, got {x.rank}")
