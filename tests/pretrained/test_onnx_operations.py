"""Each ONNX operation by itself, built with Keras and compared with onnxruntime."""

import numpy as np
import pytest
from onnx_cases import CASES
from onnx_files import RNG, node, run, weights, write_graph

from cshml_tf.pretrained.onnx import build_backbone, read_graph
from cshml_tf.pretrained.onnx.operations import OPERATIONS

# The nodes between the feature map `x` (8 channels, 12 x 10) and the map `y`, and their constants.
OPERATION_CASES = {
    "conv": ([node("Conv", ["x", "k"], "y", pads=[1, 1, 1, 1])], {"k": weights(6, 8, 3, 3)}),
    "conv with bias, stride and odd pads": (
        [node("Conv", ["x", "k", "b"], "y", strides=[2, 2], pads=[0, 1, 1, 0])],
        {"k": weights(6, 8, 3, 3), "b": weights(6)},
    ),
    "conv with dilation": (
        [node("Conv", ["x", "k"], "y", dilations=[2, 2], pads=[2, 2, 2, 2])],
        {"k": weights(6, 8, 3, 3)},
    ),
    "conv, same upper": (
        [node("Conv", ["x", "k"], "y", strides=[2, 2], auto_pad="SAME_UPPER")],
        {"k": weights(6, 8, 4, 3)},
    ),
    "conv, same lower": (
        [node("Conv", ["x", "k"], "y", strides=[2, 2], auto_pad="SAME_LOWER")],
        {"k": weights(6, 8, 4, 3)},
    ),
    "grouped conv": ([node("Conv", ["x", "k"], "y", group=2, pads=[1, 1, 1, 1])], {"k": weights(6, 4, 3, 3)}),
    "depthwise conv": ([node("Conv", ["x", "k"], "y", group=8, strides=[2, 2])], {"k": weights(8, 1, 3, 3)}),
    "depthwise conv, unequal strides": (
        [node("Conv", ["x", "k", "b"], "y", group=8, strides=[4, 2], pads=[1, 0, 1, 2])],
        {"k": weights(8, 1, 3, 3), "b": weights(8)},
    ),
    "depthwise conv, two for one": ([node("Conv", ["x", "k"], "y", group=8)], {"k": weights(16, 1, 3, 3)}),
    "batch norm": (
        [node("BatchNormalization", ["x", "g", "b", "m", "v"], "y", epsilon=0.01)],
        {"g": weights(8), "b": weights(8), "m": weights(8), "v": weights(8) ** 2},
    ),
    "prelu per channel": ([node("PRelu", ["x", "s"], "y")], {"s": weights(8, 1, 1)}),
    "prelu, one slope": ([node("PRelu", ["x", "s"], "y")], {"s": weights(1)}),
    "prelu, with the batch's axis": ([node("PRelu", ["x", "s"], "y")], {"s": weights(1, 8, 1, 1)}),
    "prelu, channels last": (
        [node("Transpose", ["x"], "a", perm=[0, 2, 3, 1]), node("PRelu", ["a", "s"], "y")],
        {"s": weights(8)},
    ),
    "relu": ([node("Relu", ["x"], "y")], {}),
    "leaky relu": ([node("LeakyRelu", ["x"], "y", alpha=0.2)], {}),
    "sigmoid": ([node("Sigmoid", ["x"], "y")], {}),
    "clip on both sides": (
        [node("Clip", ["x", "low", "high"], "y")],
        {"low": np.float32(-0.2), "high": np.float32(0.3)},
    ),
    "clip from below": ([node("Clip", ["x", "low"], "y")], {"low": np.float32(0.0)}),
    "add two maps": ([node("Sigmoid", ["x"], "s"), node("Add", ["x", "s"], "y")], {}),
    "subtract a constant per channel": ([node("Sub", ["x", "c"], "y")], {"c": weights(1, 8, 1, 1)}),
    "subtract from a constant": ([node("Sub", ["c", "x"], "y")], {"c": weights(8, 1, 1)}),
    "divide by a number": ([node("Div", ["x", "c"], "y")], {"c": np.float32(3.0)}),
    "clip on neither side": ([node("Clip", ["x"], "y")], {}),
    "divide two maps": ([node("Sigmoid", ["x"], "s"), node("Div", ["x", "s"], "y")], {}),
    "add a map to a reshaped tensor": (
        [node("Reshape", ["x", "same"], "a"), node("Relu", ["x"], "r"), node("Add", ["a", "r"], "y")],
        {"same": np.array([0, 8, 12, 10])},
    ),
    "squeeze and excite": (
        [
            node("GlobalAveragePool", ["x"], "p"),
            node("Conv", ["p", "k"], "q"),
            node("Sigmoid", ["q"], "s"),
            node("Mul", ["x", "s"], "y"),
        ],
        {"k": weights(8, 8, 1, 1)},
    ),
    "max pool with pads": (
        [node("MaxPool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        {},
    ),
    "max pool, ceil": ([node("MaxPool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)], {}),
    "max pool, ceil, no window starts in the pads": (
        [node("MaxPool", ["x"], "y", kernel_shape=[2, 3], strides=[3, 2], pads=[0, 0, 1, 1], ceil_mode=1)],
        {},
    ),
    "average pool, ceil, no window starts in the pads": (
        [node("AveragePool", ["x"], "y", kernel_shape=[2, 3], strides=[3, 2], pads=[0, 0, 1, 1], ceil_mode=1)],
        {},
    ),
    "average pool, ceil, with the pads": (
        [
            node(
                *("AveragePool", ["x"], "y"),
                **{"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 0, 0]},
                **{"ceil_mode": 1, "count_include_pad": 1},
            )
        ],
        {},
    ),
    "average pool": ([node("AveragePool", ["x"], "y", kernel_shape=[2, 3], strides=[2, 1])], {}),
    "average pool without the pads": (
        [node("AveragePool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])],
        {},
    ),
    "average pool with the pads": (
        [node("AveragePool", ["x"], "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)],
        {},
    ),
    "global max pool": ([node("GlobalMaxPool", ["x"], "p"), node("Add", ["x", "p"], "y")], {}),
    "mean over the map": ([node("ReduceMean", ["x"], "p", axes=[2, 3]), node("Add", ["x", "p"], "y")], {}),
    "channel shuffle": (
        [
            node("Reshape", ["x", "split"], "a"),
            node("Transpose", ["a"], "b", perm=[0, 2, 1, 3, 4]),
            node("Reshape", ["b", "joined"], "y"),
        ],
        {"split": np.array([0, 2, 4, 12, 10]), "joined": np.array([0, 8, 12, 10])},
    ),
    "there and back": (
        [node("Transpose", ["x"], "a", perm=[0, 2, 3, 1]), node("Transpose", ["a"], "y", perm=[0, 3, 1, 2])],
        {},
    ),
    "transposed": ([node("Transpose", ["x"], "y", perm=[0, 1, 3, 2])], {}),
    "concatenate": ([node("Relu", ["x"], "r"), node("Concat", ["x", "r"], "y", axis=1)], {}),
    "dropout and identity": ([node("Dropout", ["x"], "d"), node("Identity", ["d"], "y")], {}),
    "a folded constant": (
        [node("Mul", ["c", "two"], "c2"), node("Add", ["x", "c2"], "y")],
        {"c": weights(8, 1, 1), "two": np.float32(2)},
    ),
}


ALL_CASES = {name: (nodes, constants, 13) for name, (nodes, constants) in OPERATION_CASES.items()} | CASES


@pytest.mark.parametrize("case", ALL_CASES)
def test_operation_is_onnxruntimes(case, tmp_path):
    nodes, constants, opset = ALL_CASES[case]
    stem = node("Conv", ["image", "stem"], "x", pads=[1, 1, 1, 1])
    tail = [node("Flatten", ["y"], "embedding")]
    constants = constants | {"stem": weights(8, 3, 3, 3)}
    path = write_graph(tmp_path / "graph.onnx", [stem, *nodes, *tail], constants, opset=opset)
    images = RNG.normal(0, 1, (3, 12, 10, 3)).astype(np.float32)
    backbone = build_backbone(read_graph(path))
    ours = np.asarray(backbone(images, training=False)["embedding"])
    np.testing.assert_allclose(ours, run(path, images), rtol=1e-4, atol=1e-5)


def test_every_operation_is_in_a_case():
    tried = {each.op_type for nodes, _, _ in ALL_CASES.values() for each in nodes}
    # Operator set 24 is newer than the oldest onnxruntime in use.
    in_whole_networks = {"Flatten", "Gemm", "MatMul", "Shape", "Squeeze", "Swish"}
    assert tried - {"Constant"} | in_whole_networks == set(OPERATIONS)
