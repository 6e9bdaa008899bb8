"""ONNX's operations as Keras layers: a function each, and the table of them.

Each function takes a Node and its inputs (a Value, a NumPy constant, or None for one left out) and gives the
Value of its first output.

Source: ONNX's operator specification, https://onnx.ai/onnx/operators/.
"""

import math

import keras
import numpy as np

from cshml_tf.imported_layers import Elementwise, PadImage, WithConstant
from cshml_tf.pretrained.onnx.value import Value, maps, plain


def _conv(node, x, weights, bias=None):
    weights, bias = _constant(node, weights, "weights"), bias if bias is None else _constant(node, bias, "bias")
    if weights.ndim != 4:
        raise node.fail(f"expected a two-dimensional convolution, got weights of {weights.shape}")
    image = x.image(node)
    out_channels, channels_a_group, *kernel_size = weights.shape
    groups = node.attributes.get("group", 1)
    if image.shape[-1] != groups * channels_a_group:
        raise node.fail(f"expected {groups * channels_a_group} channels, got {image.shape[-1]}")
    strides, dilations = _pair(node, "strides"), _pair(node, "dilations")
    pads = _pads(node, image.shape[1:3], kernel_size, strides, dilations)
    same = all(
        stride == 1 and before == after and before + after == dilation * (size - 1)
        for stride, (before, after), dilation, size in zip(strides, pads, dilations, kernel_size, strict=True)
    )
    if not same:
        image = _padded(node, image, pads, 0.0)
    options = {
        "kernel_size": kernel_size,
        "strides": strides,
        "dilation_rate": dilations,
        "padding": "same" if same else "valid",
        "use_bias": bias is not None,
        "name": node.name,
    }
    if groups > 1 and channels_a_group == 1:
        layer = keras.layers.DepthwiseConv2D(depth_multiplier=out_channels // groups, **options)
        kernel = weights.transpose(2, 3, 0, 1).reshape(*kernel_size, groups, out_channels // groups)
    else:
        layer = keras.layers.Conv2D(out_channels, groups=groups, **options)
        kernel = weights.transpose(2, 3, 1, 0)
    y = layer(image)
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return maps(y)


def _batch_norm(node, x, gamma, beta, mean, variance):
    weights = [_constant(node, value, "statistics") for value in (gamma, beta, mean, variance)]
    layer = keras.layers.BatchNormalization(
        momentum=node.attributes.get("momentum", 0.9), epsilon=node.attributes.get("epsilon", 1e-5), name=node.name
    )
    value = _on_channels(node, x, layer)
    layer.set_weights(weights)
    return value


def _prelu(node, x, slope):
    slope = _constant(node, slope, "slope")
    inner = slope.reshape((1,) * (x.rank - 1 - slope.ndim) + slope.shape)
    if x.rank == 4:
        inner = inner.transpose(1, 2, 0)
    shared = [axis + 1 for axis, size in enumerate(inner.shape) if size == 1]
    layer = keras.layers.PReLU(shared_axes=shared or None, name=node.name)
    value = _on_channels(node, x, layer)
    layer.set_weights([inner])
    return value


def _relu(node, x):
    return Value(keras.layers.ReLU(name=node.name)(x.tensor), x.order)


def _leaky_relu(node, x):
    slope = node.attributes.get("alpha", 0.01)
    return Value(keras.layers.LeakyReLU(negative_slope=slope, name=node.name)(x.tensor), x.order)


def _sigmoid(node, x):
    return Value(keras.layers.Activation("sigmoid", name=node.name)(x.tensor), x.order)


def _clip(node, x, low=None, high=None):
    low = node.attributes.get("min") if low is None else float(_constant(node, low, "minimum"))
    high = node.attributes.get("max") if high is None else float(_constant(node, high, "maximum"))
    if low is not None:
        x = _with_constant(node, "maximum", x, np.float32(low), name=f"{node.name}_from")
    if high is not None:
        x = _with_constant(node, "minimum", x, np.float32(high), name=f"{node.name}_to")
    return x


def _elementwise(operation):
    def build(node, one, other):
        if isinstance(one, Value) and isinstance(other, Value):
            if one.rank != other.rank:
                raise node.fail(f"expected two tensors of one rank, got {one.rank} and {other.rank}")
            tensors = [one.tensor, other.arranged(one.order)]
            return Value(Elementwise(operation, name=node.name)(tensors), one.order)
        if isinstance(one, Value):
            return _with_constant(node, operation, one, other)
        return _with_constant(node, operation, other, one, constant_first=True)

    return build


def _with_constant(node, operation, x, constant, constant_first=False, name=None):
    constant = np.asarray(constant, np.float32)
    if constant.ndim > x.rank:
        raise node.fail(f"expected a constant of at most {x.rank} axes, got {constant.shape}")
    constant = constant.reshape((1,) * (x.rank - constant.ndim) + constant.shape)
    stored = constant.transpose(np.argsort(x.order))
    # One number for all is a scale of pixels or of a block; a number a channel is a weight as any other.
    layer = WithConstant(operation, stored.shape, constant_first, learns=stored.size > 1, name=name or node.name)
    y = layer(x.tensor)
    layer.set_weights([stored])
    return Value(y, x.order)


def _max_pool(node, x):
    size, strides, pads = _pool_window(node, x)
    # Below everything that a map can hold, and finite, as an infinity times nothing is no number.
    image = _padded(node, x.image(node), pads, float(np.finfo(np.float32).min))
    return maps(keras.layers.MaxPooling2D(size, strides, name=node.name)(image))


def _average_pool(node, x):
    size, strides, pads = _pool_window(node, x)
    image = _padded(node, x.image(node), pads, 0.0)
    y = maps(keras.layers.AveragePooling2D(size, strides, name=node.name)(image))
    if node.attributes.get("count_include_pad", 0) or not np.any(pads):
        return y
    # The zeros around the map were counted: weigh each mean by the share of its window inside the map.
    inside = [
        _share_inside(side, *axis)
        for side, *axis in zip(x.image(node).shape[1:3], size, strides, pads, strict=True)
    ]
    return _with_constant(node, "divide", y, np.outer(*inside), name=f"{node.name}_inside")


def _share_inside(side, size, stride, pads):
    padded = np.pad(np.ones(side), pads)
    return np.array([padded[start : start + size].mean() for start in range(0, len(padded) - size + 1, stride)])


def _global_pool(layer_class):
    def build(node, x):
        return maps(layer_class(keepdims=True, name=node.name)(x.image(node)))

    return build


def _reduce_mean(node, x, axes=None):
    axes = node.attributes.get("axes") if axes is None else _constant(node, axes, "axes").tolist()
    if x.rank != 4 or axes is None or {axis % 4 for axis in axes} != {2, 3}:
        raise node.fail(f"expected a mean over the two axes of a map, got axes {axes}")
    keep = bool(node.attributes.get("keepdims", 1))
    y = keras.layers.GlobalAveragePooling2D(keepdims=keep, name=node.name)(x.image(node))
    return maps(y) if keep else plain(y)


def _flatten(node, x):
    axis = node.attributes.get("axis", 1)
    if axis not in (1, 1 - x.rank):
        raise node.fail(f"expected axis 1, got {axis}")
    return plain(keras.layers.Flatten(name=node.name)(x.as_onnx()))


def _reshape(node, x, target):
    target = _constant(node, target, "shape").tolist()
    # The first size is the batch's, whatever number the exporter saw there.
    inner = [x.shape[axis] if size == 0 else size for axis, size in enumerate(target)][1:]
    count = math.prod(x.shape[1:])
    if -1 in inner:
        known = -math.prod(inner)
        inner[inner.index(-1)] = count // known if known and count % known == 0 else 0
    if math.prod(inner) != count:
        raise node.fail(f"expected a shape that keeps the batch and its {count} values, got {target}")
    return plain(keras.layers.Reshape(inner, name=node.name)(x.as_onnx()))


def _squeeze(node, x, axes=None):
    axes = node.attributes.get("axes") if axes is None else _constant(node, axes, "axes").tolist()
    if axes is None:
        axes = [axis for axis, size in enumerate(x.shape) if axis and size == 1]
    axes = {axis % x.rank for axis in axes}
    if 0 in axes or any(x.shape[axis] != 1 for axis in axes):
        raise node.fail(f"expected axes of size 1 other than the batch's, got {sorted(axes)} of {x.shape}")
    inner = [size for axis, size in enumerate(x.shape) if axis and axis not in axes]
    return plain(keras.layers.Reshape(inner, name=node.name)(x.as_onnx()))


def _transpose(node, x):
    turned = node.attributes.get("perm", list(reversed(range(x.rank))))
    if turned[0] != 0:
        raise node.fail(f"expected the batch to stay first, got perm {turned}")
    return Value(x.tensor, tuple(x.order[axis] for axis in turned))


def _gemm(node, x, weights, bias=None):
    if node.attributes.get("transA", 0):
        raise node.fail("expected transA 0")
    weights = _constant(node, weights, "weights") * node.attributes.get("alpha", 1.0)
    kernel = weights.T if node.attributes.get("transB", 0) else weights
    if bias is not None:
        bias = _constant(node, bias, "bias") * node.attributes.get("beta", 1.0)
    return _dense(node, x, kernel, bias)


def _matmul(node, x, weights):
    return _dense(node, x, _constant(node, weights, "weights"), None)


def _dense(node, x, kernel, bias):
    if not isinstance(x, Value) or x.rank != 2 or kernel.ndim != 2:
        raise node.fail("expected (batch, values) times a constant matrix")
    layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=node.name)
    y = layer(x.tensor)
    layer.set_weights([kernel] if bias is None else [kernel, np.broadcast_to(bias.ravel(), kernel.shape[1:])])
    return plain(y)


def _dropout(node, x, ratio=None, training=None):
    rate = node.attributes.get("ratio", 0.5) if ratio is None else float(_constant(node, ratio, "ratio"))
    return Value(keras.layers.Dropout(rate, name=node.name)(x.tensor), x.order)


def _identity(node, x):
    return x


def _shape(node, x):
    return np.array([-1 if size is None else size for size in x.shape], np.int64)


def _concat(node, *parts):
    if not all(isinstance(part, Value) and part.rank == parts[0].rank for part in parts):
        raise node.fail("expected tensors of one rank")
    order = parts[0].order
    layer = keras.layers.Concatenate(axis=order[node.attributes["axis"]], name=node.name)
    return Value(layer([part.arranged(order) for part in parts]), order)


OPERATIONS = {
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


def _constant(node, value, what):
    if not isinstance(value, np.ndarray):
        raise node.fail(f"expected constant {what}")
    return value


def _on_channels(node, x, layer):
    """Apply a layer that works on the last axis, where the channels must be."""
    if x.rank == 4:
        return maps(layer(x.image(node)))
    if x.rank == 2:
        return plain(layer(x.tensor))
    raise node.fail(f"expected two or four axes, got {x.rank}")


def _pair(node, attribute):
    return tuple(node.attributes.get(attribute, (1, 1)))


def _pool_window(node, x):
    """Give size, strides and pads of a pool, the padding that ceil_mode means included."""
    if set(_pair(node, "dilations")) != {1}:
        raise node.fail("expected no dilations")
    size, strides = tuple(node.attributes["kernel_shape"]), _pair(node, "strides")
    sides = x.image(node).shape[1:3]
    pads = _pads(node, sides, size, strides, (1, 1))
    if node.attributes.get("ceil_mode", 0):
        pads = [
            (before, after + (-(side + before + after - window)) % stride)
            for side, (before, after), window, stride in zip(sides, pads, size, strides, strict=True)
        ]
    return size, strides, pads


def _pads(node, sides, kernel_size, strides, dilations):
    """Give ((top, bottom), (left, right))."""
    rule = node.attributes.get("auto_pad", b"NOTSET").decode()
    if rule in ("NOTSET", "VALID"):
        top, left, bottom, right = node.attributes.get("pads", (0, 0, 0, 0)) if rule == "NOTSET" else (0, 0, 0, 0)
        return [(top, bottom), (left, right)]
    pads = []
    for side, size, stride, dilation in zip(sides, kernel_size, strides, dilations, strict=True):
        total = max((math.ceil(side / stride) - 1) * stride + dilation * (size - 1) + 1 - side, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if rule == "SAME_UPPER" else (more, less))
    return pads


def _padded(node, image, pads, value):
    if not np.any(pads):
        return image
    return PadImage(pads, value, name=f"{node.name}_pad")(image)
