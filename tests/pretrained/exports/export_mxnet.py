"""Write the files mxnet_*.onnx next to this script.

Run with mxnet 1.9.1, onnx 1.13.1, numpy 1.23.5 and Python 3.11. The weights are random.
"""

from pathlib import Path

import numpy as np

# MXNet 1.9.1 uses the name that NumPy 1.24 removed.
np.bool = bool

import mxnet as mx  # noqa: E402
from mxnet import onnx as mxonnx  # noqa: E402

HERE = Path(__file__).parent
SIZE = (32, 28)
sym = mx.sym


def conv(x, name, filters, size, stride=1, pad=0, groups=1, bias=False):
    """Return a convolution."""
    return sym.Convolution(
        *(x,),
        **{"num_filter": filters, "kernel": size, "stride": (stride, stride), "pad": (pad, pad)},
        **{"num_group": groups, "no_bias": not bias, "name": name},
    )


def norm(x, name, fix_gamma=False):
    """Return a batch norm."""
    return sym.BatchNorm(x, fix_gamma=fix_gamma, eps=2e-5, momentum=0.9, name=name)


def prelu(x, name):
    """Return a PReLU with one slope per channel."""
    return sym.LeakyReLU(x, act_type="prelu", name=name)


def mobile():
    """Return MobileFaceNet's blocks, whose scaling of the pixels is part of the graph."""
    x = (sym.Variable("data") - 127.5) * 0.0078125
    x = prelu(norm(conv(x, "conv_1", 8, (3, 3), 2, 1), "conv_1_bn"), "conv_1_relu")
    x = prelu(norm(conv(x, "dw", 8, (3, 3), 2, 1, 8), "dw_bn"), "dw_relu")
    y = norm(conv(x, "sep", 8, (1, 1)), "sep_bn") + x
    y = conv(y, "gdc", 8, (8, 7), groups=8)
    x = sym.FullyConnected(sym.Flatten(norm(y, "gdc_bn")), num_hidden=8, name="pre_fc1")
    return norm(x, "fc1", fix_gamma=True)


def residual():
    """Return ArcFace's residual block with squeeze-and-excite, Dropout and a unit vector at the end."""
    x = prelu(norm(conv(sym.Variable("data"), "conv0", 8, (3, 3), 1, 1), "bn0"), "relu0")
    y = prelu(norm(conv(norm(x, "bn1"), "conv1", 8, (3, 3), 1, 1), "bn2"), "relu1")
    y = norm(conv(y, "conv2", 8, (3, 3), 2, 1), "bn3")
    squeezed = sym.Pooling(y, global_pool=True, kernel=(7, 7), pool_type="avg", name="se_pool")
    squeezed = sym.Activation(conv(squeezed, "se_1", 4, (1, 1), bias=True), act_type="relu")
    scale = sym.Activation(conv(squeezed, "se_2", 8, (1, 1), bias=True), act_type="sigmoid")
    x = sym.broadcast_mul(y, scale) + norm(conv(x, "short", 8, (1, 1), 2), "short_bn")
    x = sym.Dropout(norm(x, "bn4"), p=0.4)
    x = norm(sym.FullyConnected(sym.Flatten(x), num_hidden=8, name="pre_fc1"), "fc1", fix_gamma=True)
    # Only this mode can be exported, which needs a map.
    return sym.Flatten(sym.L2Normalization(sym.reshape(x, (0, 0, 1, 1)), mode="channel", name="unit"))


def lightcnn():
    """Return max-feature-maps, by a split and by slices, and pooling."""
    x = conv(sym.Variable("data"), "conv1", 12, (5, 5), 1, 2, bias=True)
    one, other = sym.SliceChannel(x, axis=1, num_outputs=2)
    x = sym.Pooling(sym.maximum(one, other), kernel=(2, 2), stride=(2, 2), pool_type="max")
    x = conv(x, "conv2", 16, (3, 3), 1, 1, bias=True)
    x = sym.maximum(sym.slice_axis(x, axis=1, begin=0, end=8), sym.slice_axis(x, axis=1, begin=8, end=16))
    x = sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="avg", pooling_convention="full")
    x = sym.LeakyReLU(sym.clip(x, -1.0, 1.0), act_type="elu", slope=0.5)
    return sym.FullyConnected(sym.Flatten(x), num_hidden=8, name="fc1")


def weights_of(symbol):
    """Return random weights of a network by name."""
    shapes, _, averages = symbol.infer_shape(data=(1, 3, *SIZE))
    weights = {}
    for name, shape in zip(symbol.list_arguments(), shapes, strict=True):
        if name != "data":
            low, high = (0.1, 1.2) if name.endswith("gamma") else (-0.3, 0.3)
            weights[name] = mx.nd.random.uniform(low, high, shape)
    for name, shape in zip(symbol.list_auxiliary_states(), averages, strict=True):
        low, high = (0.5, 1.5) if name.endswith("var") else (-0.3, 0.3)
        weights[name] = mx.nd.random.uniform(low, high, shape)
    return weights


def main():
    """Export every network, the first with an open number of images."""
    mx.random.seed(0)
    for build, batch in ((mobile, -1), (residual, 1), (lightcnn, 1)):
        symbol, path = build(), str(HERE / f"mxnet_{build.__name__}.onnx")
        dynamic = {"dynamic": True, "dynamic_input_shapes": [("batch", 3, *SIZE)]} if batch < 0 else {}
        mxonnx.export_model(symbol, weights_of(symbol), [(abs(batch), 3, *SIZE)], np.float32, path, **dynamic)


if __name__ == "__main__":
    main()
