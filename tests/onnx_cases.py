"""Nodes between the map `x` (8 channels, 12 x 10) and the tensor `y`: (nodes, constants, operator set) by name."""

import numpy as np
from onnx import TensorProto, helper
from onnx_files import node, weights


def _int(*values):
    return np.array(values, np.int64)


def _function(operation, **attributes):
    return [node(operation, ["x"], "y", **attributes)], {}, 13


FUNCTION_CASES = {
    **{name: _function(name) for name in ("Abs", "Celu", "Elu", "Erf", "Exp", "HardSigmoid", "Neg", "Selu")},
    **{name: _function(name) for name in ("Softplus", "Softsign", "Tanh", "ThresholdedRelu")},
    "celu with its number": _function("Celu", alpha=0.5),
    "elu with its number": _function("Elu", alpha=0.5),
    "hard sigmoid with its numbers": _function("HardSigmoid", alpha=1 / 6, beta=0.4),
    "selu with its numbers": _function("Selu", alpha=1.5, gamma=0.8),
    "thresholded relu with its number": _function("ThresholdedRelu", alpha=0.1),
    "hard swish": ([node("HardSwish", ["x"], "y")], {}, 14),
    "hard swish as a product": (
        [node("HardSigmoid", ["x"], "h", alpha=1 / 6), node("Mul", ["h", "x"], "y")],
        {},
        13,
    ),
    "swish as a product": ([node("Sigmoid", ["x"], "s"), node("Mul", ["x", "s"], "y")], {}, 13),
    "mish": ([node("Mish", ["x"], "y")], {}, 18),
    "gelu": ([node("Gelu", ["x"], "y")], {}, 20),
    "gelu by tanh": ([node("Gelu", ["x"], "y", approximate="tanh")], {}, 20),
    "reciprocal of values above 0": ([node("Exp", ["x"], "e"), node("Reciprocal", ["e"], "y")], {}, 13),
    "log and square root": (
        [node("Exp", ["x"], "e"), node("Log", ["e"], "l"), node("Sqrt", ["e"], "r"), node("Add", ["l", "r"], "y")],
        *({}, 13),
    ),
    "cast to another precision and back": (
        [node("Cast", ["x"], "d", to=TensorProto.DOUBLE), node("Cast", ["d"], "y", to=TensorProto.FLOAT)],
        *({}, 13),
    ),
    "cast like": ([node("Identity", ["x"], "i"), node("CastLike", ["x", "i"], "y")], {}, 15),
    "softmax of channels last": (
        [node("Transpose", ["x"], "t", perm=[0, 2, 3, 1]), node("Softmax", ["t"], "y", axis=-1)],
        *({}, 13),
    ),
    "softmax of channels": ([node("Softmax", ["x"], "y", axis=1)], {}, 13),
    "softmax of a vector in an old set": (
        [node("GlobalAveragePool", ["x"], "p"), node("Softmax", ["p"], "s", axis=1), node("Mul", ["s", "x"], "y")],
        *({}, 11),
    ),
    "clip by attributes": ([node("Clip", ["x"], "y", min=-0.1, max=0.2)], {}, 6),
    "clip from above": ([node("Clip", ["x", "", "high"], "y")], {"high": np.float32(0.2)}, 13),
}

PAIR_CASES = {
    "maximum of halves": (
        [node("Relu", ["x"], "r"), node("Neg", ["x"], "n"), node("Max", ["r", "n"], "y")],
        *({}, 13),
    ),
    "maximum with a number": ([node("Max", ["x", "c"], "y")], {"c": np.float32(0.1)}, 13),
    "maximum of a constant, tensors and a constant": (
        [node("Neg", ["x"], "n"), node("Max", ["c", "x", "n", "d"], "y")],
        *({"c": weights(8, 1, 1), "d": np.float32(0.05)}, 13),
    ),
    "minimum": ([node("Neg", ["x"], "n"), node("Min", ["x", "n", "c"], "y")], {"c": np.float32(-0.1)}, 13),
    "maximum of one": ([node("Max", ["x"], "y")], {}, 13),
    "sum": ([node("Neg", ["x"], "n"), node("Sum", ["x", "n", "c", "x"], "y")], {"c": weights(8, 1, 1)}, 13),
    "mean": ([node("Relu", ["x"], "n"), node("Mean", ["x", "n", "x"], "y")], {}, 13),
    "square": ([node("Pow", ["x", "two"], "y")], {"two": np.float32(2)}, 13),
    "power of a whole number": ([node("Pow", ["x", "three"], "y")], {"three": _int(3)}, 13),
    "comparisons and a choice": (
        [
            *(node("Greater", ["x", "c"], "g"), node("Less", ["x", "d"], "l"), node("Not", ["l"], "n")),
            *(node("Where", ["g", "x", "d"], "one"), node("Where", ["n", "c", "x"], "other")),
            *(node("GreaterOrEqual", ["x", "d"], "ge"), node("LessOrEqual", ["x", "c"], "le")),
            *(node("Where", ["ge", "one", "other"], "two"), node("Where", ["le", "two", "x"], "y")),
        ],
        *({"c": np.float32(0.1), "d": np.float32(-0.1)}, 16),
    ),
    "equal": (
        [node("Relu", ["x"], "r"), node("Equal", ["r", "x"], "e"), node("Where", ["e", "x", "c"], "y")],
        *({"c": weights(8, 12, 10)}, 13),
    ),
    "a constant larger than the tensor": (
        [node("GlobalAveragePool", ["x"], "p"), node("Mul", ["c", "p"], "y")],
        *({"c": weights(1, 8, 3, 2)}, 13),
    ),
    "Keras's PReLU as tf2onnx writes it": (
        [
            *(node("Relu", ["x"], "p"), node("Neg", ["x"], "n"), node("Relu", ["n"], "q")),
            *(node("Mul", ["q", "c"], "m"), node("Add", ["p", "m"], "y")),
        ],
        *({"c": weights(1, 8, 1, 1)}, 13),
    ),
}

_REDUCTIONS = ("ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd")
_REDUCTIONS += ("ReduceSum", "ReduceSumSquare")


def _with_axes_in(name, opset):
    """Return a reduction over the channels whose axes are an attribute or an input, as the set wants."""
    if opset < (13 if name == "ReduceSum" else 18):
        return [node(name, ["x"], "r", axes=[1]), node("Mul", ["x", "r"], "y")], {}, opset
    return [node(name, ["x", "axes"], "r"), node("Mul", ["x", "r"], "y")], {"axes": _int(1)}, opset


def _padded(mode, opset, constants_by_node=False):
    pads = [0, 0, 1, 2, 0, 0, 3, 0]
    if opset < 11:
        return [node("Pad", ["x"], "y", mode=mode, pads=pads, value=0.5)], {}, opset
    extra = ["value"] if mode == "constant" else []
    constants = {"pads": _int(*pads)} | ({"value": np.float32(0.5)} if extra else {})
    nodes = [node("Pad", ["x", "pads", *extra], "y", mode=mode)]
    if constants_by_node:
        value = helper.make_tensor("pads", TensorProto.INT64, [8], pads)
        nodes, constants = [node("Constant", [], "pads", value=value), *nodes], constants | {}
        del constants["pads"]
    return nodes, constants, opset


AXES_CASES = {
    **{f"{name}, set {opset}": _with_axes_in(name, opset) for name in _REDUCTIONS for opset in (11, 18)},
    "sum without the axis": (
        [node("ReduceSum", ["x", "axes"], "r", keepdims=0), node("Relu", ["r"], "y")],
        *({"axes": _int(1)}, 13),
    ),
    "maximum over a transposed map": (
        [
            node("Transpose", ["x"], "t", perm=[0, 2, 3, 1]),
            node("ReduceMax", ["t"], "y", axes=[1, -1], keepdims=0),
        ],
        *({}, 13),
    ),
    "a sum over no axes": ([node("ReduceSum", ["x"], "y", noop_with_empty_axes=1)], {}, 13),
    **{
        f"pad by {mode}, set {opset}": _padded(mode, opset)
        for mode in ("constant", "reflect", "edge")
        for opset in (9, 11, 13, 18)
    },
    "pad by wrap": (_padded("wrap", 19)),
    "pads from a node": _padded("edge", 13, constants_by_node=True),
    "pads for some axes": (
        [node("Pad", ["x", "pads", "", "axes"], "y")],
        *({"pads": _int(2, 1, 0, 3), "axes": _int(1, -1)}, 18),
    ),
    "pads that cut off": ([node("Pad", ["x", "pads"], "y")], {"pads": _int(0, -1, 2, -3, 0, 0, -1, 1)}, 13),
    "slice by attributes": ([node("Slice", ["x"], "y", starts=[2, 0], ends=[9, -1], axes=[1, 3])], {}, 9),
    "slice backwards and by steps": (
        [node("Slice", ["x", "from", "to", "axes", "steps"], "y")],
        *({"from": _int(-1, 1), "to": _int(-(2**63), 2**63 - 1), "axes": _int(1, 2), "steps": _int(-1, 3)}, 13),
    ),
    "slice that takes all images": (
        [node("Slice", ["x", "from", "to"], "y")],
        *({"from": _int(0, 2), "to": _int(2**63 - 1, 5)}, 13),
    ),
    "split in equal parts": (
        [helper.make_node("Split", ["x"], ["a", "b"], name="s", axis=1), node("Max", ["a", "b"], "y")],
        *({}, 13),
    ),
    "split by an attribute": (
        [helper.make_node("Split", ["x"], ["a", "b"], "s", axis=1, split=[3, 5]), node("Neg", ["b"], "y")],
        *({}, 11),
    ),
    "split by an input": (
        [helper.make_node("Split", ["x", "sizes"], ["a", "b"], "s", axis=-3), node("Neg", ["b"], "y")],
        *({"sizes": _int(6, 2)}, 13),
    ),
    "split by a number of parts": (
        [
            helper.make_node("Split", ["x"], ["a", "b", "c"], "s", axis=1, num_outputs=3),
            node("Concat", ["c", "a", "b"], "y", axis=1),
        ],
        *({}, 18),
    ),
    "gather in another order": ([node("Gather", ["x", "i"], "y", axis=1)], {"i": _int(2, 1, -8, 7, 7)}, 13),
    "gather one": ([node("Gather", ["x", "i"], "y", axis=2)], {"i": np.array(3)}, 13),
    "gather channels between transpositions": (
        [
            node("Transpose", ["x"], "t", perm=[1, 0, 2, 3]),
            node("GatherND", ["t", "i"], "g"),
            node("Transpose", ["g"], "y", perm=[1, 0, 2, 3]),
        ],
        *({"i": np.array([[2], [1], [0]])}, 13),
    ),
    "expand": (
        [node("GlobalAveragePool", ["x"], "p"), node("Expand", ["p", "sizes"], "y")],
        *({"sizes": _int(1, 8, 3, 2)}, 13),
    ),
    "unsqueeze and squeeze": (
        [node("Unsqueeze", ["x", "axes"], "u"), node("Relu", ["u"], "r"), node("Squeeze", ["r", "axes"], "y")],
        *({"axes": _int(2)}, 13),
    ),
    "length 1, of channels": ([node("LpNormalization", ["x"], "y", axis=1, p=2)], {}, 13),
    "sum of absolute values 1": ([node("LpNormalization", ["x"], "y", p=1)], {}, 13),
    "a matrix for the last axis": ([node("MatMul", ["x", "w"], "y")], {"w": weights(10, 4)}, 13),
    "batch norm of three axes": (
        [node("Reshape", ["x", "flat"], "f"), node("BatchNormalization", ["f", "g", "b", "m", "v"], "y")],
        *({"flat": _int(0, 8, 120), "g": weights(8), "b": weights(8), "m": weights(8), "v": weights(8) ** 2}, 13),
    ),
}

CASES = FUNCTION_CASES | PAIR_CASES | AXES_CASES
