"""ONNX's operations as Keras layers: one function per operation, and a table of them.

Each function takes a Node and its inputs (a Value, a NumPy constant, or None if omitted) and returns the
Value of its first output, a list of Values for several outputs, or a constant. The last layer of the first
output has the node's name, so that the output can be selected as a tap by this name. If it is uncertain whether
the output is a map, as for a Reshape to four axes, no layer has the name.

Source: ONNX's operator specification, https://onnx.ai/onnx/operators/.
"""

import math
from collections.abc import Callable

import keras
import numpy as np

from cshml_tf.pretrained.onnx.axes import AXES
from cshml_tf.pretrained.onnx.graph import Node
from cshml_tf.pretrained.onnx.pointwise import POINTWISE, with_constant
from cshml_tf.pretrained.onnx.value import Input, Value, constant, maps, plain
from cshml_tf.pretrained.onnx.windows import padded, pads_of, pair, pool_window


def _conv(node: Node, x: Value, weights: Input, bias: Input = None) -> Value:
    weights, bias = constant(node, weights, "weights"), bias if bias is None else constant(node, bias, "bias")
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
    if node.attributes.get("training_mode", 0) or not node.attributes.get("spatial", 1):
        raise node.fail("expected a batch norm for inference, per channel; export the network in evaluation mode")
    weights = [constant(node, value, "statistics") for value in (gamma, beta, mean, variance)]
    layer = keras.layers.BatchNormalization(
        momentum=node.attributes.get("momentum", 0.9), epsilon=node.attributes.get("epsilon", 1e-5), name=node.name
    )
    if x.rank == 4:
        value = maps(layer(x.image(node)))
    else:
        layer.axis = x.axis(node, 1)
        value = Value(layer(x.tensor), x.order)
    layer.set_weights(weights)
    return value


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
    return y if whole else with_constant(node, "divide", y, shares, learns=False)


def _global_pool(layer_class: type[keras.layers.Layer]) -> Callable[..., Value]:
    def build(node: Node, x: Value) -> Value:
        return maps(layer_class(keepdims=True, name=node.name)(x.image(node)))

    return build


def _gemm(node: Node, x: Value, weights: Input, bias: Input = None) -> Value:
    if node.attributes.get("transA", 0) or x.rank != 2:
        raise node.fail("expected (batch, values), with transA 0, times a constant matrix")
    kernel = constant(node, weights, "weights") * node.attributes.get("alpha", 1.0)
    if node.attributes.get("transB", 0):
        kernel = kernel.T
    offsets = None if bias is None else constant(node, bias, "bias") * node.attributes.get("beta", 1.0)
    return _dense(node, x, kernel, offsets)


def _matmul(node: Node, x: Value, weights: Input) -> Value:
    return _dense(node, x, constant(node, weights, "weights"), None)


def _dense(node: Node, x: Input, kernel: np.ndarray, bias: np.ndarray | None) -> Value:
    if not isinstance(x, Value) or x.rank < 2 or kernel.ndim != 2 or x.shape[-1] != kernel.shape[0]:
        raise node.fail("expected (batch, ..., values) times a constant matrix of as many rows")
    # It is unknown whether four axes are a map.
    name = node.inner("dense") if x.rank == 4 else node.name
    layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, name=name)
    y = layer(x.as_onnx(node))
    layer.set_weights([kernel] if bias is None else [kernel, np.broadcast_to(bias.ravel(), kernel.shape[1:])])
    return plain(y)


def _dropout(node: Node, x: Value, ratio: Input = None, training: Input = None) -> Value:
    rate = (
        node.attributes.get("ratio", 0.5) if ratio is None else float(constant(node, ratio, "ratio").reshape(()))
    )
    return Value(keras.layers.Dropout(rate, name=node.name)(x.tensor), x.order)


OPERATIONS: dict[str, Callable[..., Value | np.ndarray | list[Value]]] = {
    **POINTWISE,
    **AXES,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Dropout": _dropout,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool(keras.layers.GlobalAveragePooling2D),
    "GlobalMaxPool": _global_pool(keras.layers.GlobalMaxPooling2D),
    "MatMul": _matmul,
    "MaxPool": _max_pool,
}
