"""ONNX graphs against onnxruntime: each operation by itself, a whole recogniser, and what must be refused."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from cshml_tf.pretrained.onnx import UnsupportedGraph, build_backbone, largest_difference, read_graph
from cshml_tf.pretrained.onnx.operations import OPERATIONS

RNG = np.random.default_rng(0)


def weights(*shape):
    return RNG.normal(0, 0.3, shape).astype(np.float32)


def node(operation, inputs, output, name=None, **attributes):
    return helper.make_node(operation, inputs, [output], name=name or output, **attributes)


def write_graph(path, nodes, constants, output="embedding", shape=("N", 3, 12, 10), opset=13):
    """Write a graph of one input, `image`, and one output of any shape."""
    graph = helper.make_graph(
        nodes,
        "recogniser",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ("N", "E"))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save(model, path)
    return path


def run(path, images):
    """Give what onnxruntime makes of (n, H, W, 3) images, laid out as the file wants them."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    first = session.get_inputs()[0].shape[1] == 3
    return session.run(None, {"image": np.ascontiguousarray(images.transpose(0, 3, 1, 2) if first else images)})[0]


# What stands between the image's 8 feature maps `x` (8 channels, 12 x 10) and the map `y`.
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
    "prelu a channel": ([node("PRelu", ["x", "s"], "y")], {"s": weights(8, 1, 1)}),
    "prelu, one for all": ([node("PRelu", ["x", "s"], "y")], {"s": weights(1)}),
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
    "subtract a constant a channel": ([node("Sub", ["x", "c"], "y")], {"c": weights(1, 8, 1, 1)}),
    "subtract from a constant": ([node("Sub", ["c", "x"], "y")], {"c": weights(8, 1, 1)}),
    "divide by a number": ([node("Div", ["x", "c"], "y")], {"c": np.float32(3.0)}),
    "clip on no side": ([node("Clip", ["x"], "y")], {}),
    "divide two maps": ([node("Sigmoid", ["x"], "s"), node("Div", ["x", "s"], "y")], {}),
    "add a map to what was reshaped": (
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
    "max pool, ceil, no window that starts in the pads": (
        [node("MaxPool", ["x"], "y", kernel_shape=[2, 3], strides=[3, 2], pads=[0, 0, 1, 1], ceil_mode=1)],
        {},
    ),
    "average pool, ceil, no window that starts in the pads": (
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
    "turned": ([node("Transpose", ["x"], "y", perm=[0, 1, 3, 2])], {}),
    "concatenate": ([node("Relu", ["x"], "r"), node("Concat", ["x", "r"], "y", axis=1)], {}),
    "dropout and identity": ([node("Dropout", ["x"], "d"), node("Identity", ["d"], "y")], {}),
    "a constant computed away": (
        [node("Mul", ["c", "two"], "c2"), node("Add", ["x", "c2"], "y")],
        {"c": weights(8, 1, 1), "two": np.float32(2)},
    ),
}


@pytest.mark.parametrize("case", OPERATION_CASES)
def test_operation_is_onnxruntimes(case, tmp_path):
    nodes, constants = OPERATION_CASES[case]
    stem = node("Conv", ["image", "stem"], "x", pads=[1, 1, 1, 1])
    tail = [node("Flatten", ["y"], "embedding")]
    path = write_graph(tmp_path / "graph.onnx", [stem, *nodes, *tail], constants | {"stem": weights(8, 3, 3, 3)})
    images = RNG.normal(0, 1, (3, 12, 10, 3)).astype(np.float32)
    backbone = build_backbone(read_graph(path))
    ours = np.asarray(backbone(images, training=False)["embedding"])
    np.testing.assert_allclose(ours, run(path, images), rtol=1e-4, atol=1e-5)


def built(path, images):
    """Give the built network's embeddings, after they were compared with onnxruntime's."""
    backbone = build_backbone(read_graph(path), image_size=images.shape[1:3])
    ours = np.asarray(backbone(images, training=False)["embedding"])
    np.testing.assert_allclose(ours, run(path, images).reshape(ours.shape), rtol=1e-4, atol=1e-5)
    return backbone


def pictures(count=2):
    return RNG.normal(0, 1, (count, 12, 10, 3)).astype(np.float32)


@pytest.mark.parametrize("opset", [9, 11, 12])
def test_constants_are_computed_as_the_files_operator_set_says(opset, tmp_path):
    """Up to set 12 Unsqueeze has its axes as an attribute, as PyTorch wrote `x.view(x.size(0), -1)` then."""
    nodes = [
        node("Conv", ["image", "k"], "x"),
        node("Unsqueeze", ["slope"], "slopes", axes=[1, 2]),
        node("PRelu", ["x", "slopes"], "y"),
        node("Shape", ["y"], "sizes"),
        node("Gather", ["sizes", "zero"], "batch"),
        node("Unsqueeze", ["batch"], "batch_1d", axes=[0]),
        node("Concat", ["batch_1d", "rest"], "target", axis=0),
        node("Reshape", ["y", "target"], "embedding"),
    ]
    constants = {"k": weights(5, 3, 3, 3), "slope": weights(5), "zero": np.array(0), "rest": np.array([-1])}
    built(write_graph(tmp_path / "graph.onnx", nodes, constants, opset=opset), pictures())


def test_a_file_without_operator_sets_means_the_first(tmp_path):
    """onnxruntime takes no such file: what is computed is derived by hand."""
    nodes = [
        node("Neg", ["k"], "minus"),
        node("Conv", ["image", "minus"], "x"),
        node("Flatten", ["x"], "embedding"),
    ]
    path = write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(5, 3, 3, 3)})
    model = onnx.load(path)
    model.ir_version = 1
    del model.opset_import[:]
    onnx.save(model, path)
    graph = read_graph(path)
    kernel = build_backbone(graph).get_layer("x").kernel
    np.testing.assert_array_equal(kernel, -graph.constants["k"].transpose(2, 3, 1, 0))


@pytest.mark.parametrize("part", [{"start": 0, "end": 1}, {"end": -3}, {"start": -9, "end": 1}])
def test_part_of_a_shape(part, tmp_path):
    nodes = [
        node("Conv", ["image", "k"], "x"),
        node("Shape", ["x"], "batch", **part),
        node("Concat", ["batch", "rest"], "target", axis=0),
        node("Reshape", ["x", "target"], "embedding"),
    ]
    constants = {"k": weights(5, 3, 3, 3), "rest": np.array([-1])}
    built(write_graph(tmp_path / "graph.onnx", nodes, constants, opset=18), pictures())


def test_prelu_of_vectors(tmp_path):
    nodes = [
        node("Conv", ["image", "k"], "x"),
        node("ReduceMean", ["x"], "p", axes=[2, 3], keepdims=0),
        node("PRelu", ["p", "s"], "embedding"),
    ]
    built(write_graph(tmp_path / "g.onnx", nodes, {"k": weights(5, 3, 3, 3), "s": weights(1, 5)}), pictures())


@pytest.mark.parametrize("operation", ["Transpose", "Reshape"])
def test_the_last_map_is_no_map_that_was_turned_or_reshaped(operation, tmp_path):
    """Keras and tf2onnx put the channels last before they flatten."""
    turn = {
        "Transpose": node("Transpose", ["x"], "t", perm=[0, 2, 3, 1]),
        "Reshape": node("Reshape", ["x", "sizes"], "t"),
    }
    nodes = [
        node("Conv", ["image", "k"], "x", pads=[1, 1, 1, 1]),
        turn[operation],
        node("Relu", ["t"], "r"),
        node("Flatten", ["r"], "embedding"),
    ]
    constants = {"k": weights(8, 3, 3, 3), "sizes": np.array([0, 4, 2, -1])}
    backbone = built(write_graph(tmp_path / "graph.onnx", nodes, constants), pictures())
    assert backbone.output["last_map"] is backbone.get_layer("x").output


def test_an_embedding_with_the_channels_last(tmp_path):
    nodes = [
        node("Conv", ["image", "k"], "x"),
        node("GlobalAveragePool", ["x"], "p"),
        node("Transpose", ["p"], "embedding", perm=[0, 2, 3, 1]),
    ]
    backbone = built(write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(5, 3, 3, 3)}), pictures())
    assert backbone.output["embedding"].shape == (None, 5)


def test_names_that_layers_of_our_own_might_have(tmp_path):
    nodes = [
        node("Conv", ["image", "k"], "x", "pixels", pads=[0, 1, 1, 0]),
        node("Relu", ["x"], "y", "pixels_pad"),
        node("Transpose", ["y"], "z", "permute", perm=[0, 1, 3, 2]),
        node("Clip", ["z", "low", "high"], "c", "bgr"),
        node("Flatten", ["c"], "embedding", "bgr_from"),
    ]
    constants = {"k": weights(5, 3, 3, 3), "low": np.float32(0.1), "high": np.float32(0.3)}
    path = write_graph(tmp_path / "graph.onnx", nodes, constants)
    built(path, pictures())
    assert build_backbone(read_graph(path), colours="bgr").get_layer("bgr").name == "bgr"


def test_a_node_without_a_name_takes_nobodys(tmp_path):
    nodes = [node("Conv", ["image", "k"], "x"), node("Relu", ["x"], "y", "Conv_0"), node("Flatten", ["y"], "z")]
    nodes[0].ClearField("name")
    graph = read_graph(write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(5, 3, 3, 3)}, output="z"))
    assert [each.name for each in graph.nodes] == ["Conv_0_2", "Conv_0", "z"]


def test_every_operation_is_in_a_case():
    tried = {each.op_type for nodes, _ in OPERATION_CASES.values() for each in nodes}
    in_whole_networks = {"Flatten", "Gemm", "MatMul", "Shape", "Squeeze"}
    assert tried | in_whole_networks == set(OPERATIONS)


def recogniser_nodes():
    """A small recogniser as PyTorch exports one: batch flattened by its own size, two dense layers."""
    nodes = [
        node("Sub", ["image", "mean"], "centred", "/pre/Sub"),
        node("Conv", ["centred", "k1"], "c1", "/layer1/conv/Conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("PRelu", ["c1", "slope"], "r1", "/layer1/act/PRelu"),
        node("AveragePool", ["r1"], "p1", kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", ["p1"], "sizes"),
        node("Gather", ["sizes", "zero"], "batch"),
        node("Unsqueeze", ["batch", "axis"], "batch_1d"),
        node("Concat", ["batch_1d", "rest"], "target", axis=0),
        node("Reshape", ["p1", "target"], "flat"),
        node("Gemm", ["flat", "w1", "b1"], "g1", transB=1, alpha=0.5, beta=2.0),
        node("MatMul", ["g1", "w2"], "m1"),
        node("BatchNormalization", ["m1", "g", "b", "m", "v"], "embedding"),
    ]
    constants = {
        "mean": np.array([0.1, 0.2, 0.3], np.float32).reshape(1, 3, 1, 1),
        **{"k1": weights(4, 3, 3, 3), "slope": weights(4, 1, 1), "w1": weights(7, 24), "b1": weights(7)},
        **{"w2": weights(7, 5), "g": weights(5), "b": weights(5), "m": weights(5), "v": weights(5) ** 2 + 0.1},
        **{"zero": np.array(0), "axis": np.array([0]), "rest": np.array([-1])},
    }
    return nodes, constants


@pytest.fixture(scope="module")
def recogniser_file(tmp_path_factory):
    return write_graph(tmp_path_factory.mktemp("onnx") / "recogniser.onnx", *recogniser_nodes())


def test_a_whole_recogniser(recogniser_file, tmp_path):
    images = RNG.normal(0, 1, (4, 12, 10, 3)).astype(np.float32)
    graph = read_graph(recogniser_file)
    backbone = build_backbone(graph)
    np.testing.assert_allclose(backbone(images)["embedding"], run(recogniser_file, images), atol=1e-5)
    assert largest_difference(graph, backbone, images) < 1e-6
    assert {name: tuple(tap.shape[1:]) for name, tap in backbone.output.items()} == {
        "last_map": (3, 2, 4),
        "embedding": (5,),
    }
    assert backbone.get_layer("layer1.conv.Conv").kernel.shape == (3, 3, 3, 4)
    backbone.save(tmp_path / "backbone.keras")
    again = keras.models.load_model(tmp_path / "backbone.keras")
    np.testing.assert_array_equal(again(images)["embedding"], backbone(images)["embedding"])


def test_everything_that_was_learnt_can_learn_again(recogniser_file):
    import tensorflow as tf

    backbone = build_backbone(read_graph(recogniser_file))
    images = RNG.normal(0, 1, (4, 12, 10, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(backbone(images, training=True)["embedding"][:, 0] ** 2)
    gradients = tape.gradient(loss, backbone.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    # Kernel, slope, mean of the image, two dense matrices and a bias, gamma and beta; no statistics.
    assert len(gradients) == 8


def test_an_inner_node_as_embedding_leaves_out_what_follows(recogniser_file):
    images = RNG.normal(0, 1, (2, 12, 10, 3)).astype(np.float32)
    graph = read_graph(recogniser_file)
    backbone = build_backbone(graph, embedding="g1")
    assert backbone.output["embedding"].shape == (None, 7)
    assert largest_difference(graph, backbone, images, embedding="g1") < 1e-6
    assert not any(layer.name == "m1" for layer in backbone.layers)


@pytest.mark.parametrize("name", ["/layer1/act/PRelu", "layer1.act.PRelu", "r1"])
def test_an_embedding_by_any_of_its_names(name, recogniser_file):
    graph = read_graph(recogniser_file)
    with pytest.raises(UnsupportedGraph, match="expected 'r1' to be"):
        build_backbone(graph, embedding=name)


def test_bgr_networks_see_bgr(recogniser_file):
    images = RNG.normal(0, 1, (2, 12, 10, 3)).astype(np.float32)
    backbone = build_backbone(read_graph(recogniser_file), colours="bgr")
    np.testing.assert_allclose(backbone(images)["embedding"], run(recogniser_file, images[..., ::-1]), atol=1e-5)


def test_a_graph_that_takes_channels_last(tmp_path):
    nodes = [
        node("Transpose", ["image"], "x", perm=[0, 3, 1, 2]),
        node("Conv", ["x", "k"], "y"),
        node("ReduceMean", ["y"], "embedding", axes=[2, 3], keepdims=0),
    ]
    path = write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(5, 3, 3, 3)}, shape=(1, 12, 10, 3))
    images = RNG.normal(0, 1, (1, 12, 10, 3)).astype(np.float32)
    backbone = build_backbone(read_graph(path))
    np.testing.assert_allclose(backbone(images)["embedding"], run(path, images), atol=1e-5)
    assert not any(isinstance(layer, keras.layers.Permute) for layer in backbone.layers)


BRANCH = helper.make_graph(
    [node("Identity", ["k"], "branch")], "branch", [], [helper.make_tensor_value_info("branch", 1, None)]
)


@pytest.mark.parametrize(
    "nodes, message",
    [
        (
            [node("Softplus", ["image"], "embedding", "odd")],
            r"node 'odd' \(Softplus\): not supported; what is: Add",
        ),
        ([node("Conv", ["image", "k"], "embedding", "c")], r"node 'c' \(Conv\): expected 4 channels, got 3"),
        ([node("Flatten", ["image"], "embedding", "f", axis=2)], r"node 'f' \(Flatten\): expected axis 1, got 2"),
        (
            [node("Transpose", ["image"], "embedding", "t", perm=[1, 0, 2, 3])],
            r"node 't' .* the batch to stay first",
        ),
        (
            [node("Nope", ["k"], "embedding", "odd")],
            r"node 'odd' \(Nope\): expected to compute it .* got No registered",
        ),
        (
            [helper.make_node("Odd", ["k"], ["embedding"], "o", domain="ours")],
            r"node 'o' \(Odd\): .* Domain 'ours'",
        ),
        (
            [node("Constant", [], "embedding", "c", value_string="a")],
            r"node 'c' \(Constant\): expected to compute it",
        ),
        (
            [node("RandomNormal", [], "embedding", "noise", shape=[1])],
            r"node 'noise' \(RandomNormal\): expected values that the file fixes, got random ones",
        ),
        (
            [node("If", ["yes"], "embedding", "if", then_branch=BRANCH, else_branch=BRANCH)],
            r"node 'if' \(If\): not supported, as it holds graphs of its own",
        ),
        (
            [node("PRelu", ["image", "k"], "embedding", "p")],
            r"node 'p' \(PRelu\): expected a slope .* got \(6, 4, 3, 3\)",
        ),
        (
            [node("Relu", ["image"], "r"), node("Shape", ["r"], "embedding")],
            "embedding: expected 'embedding' to be a node's first output, made from the image",
        ),
        ([node("Relu", ["image"], "embedding")], r"embedding: expected 'embedding' to be \(batch, values\)"),
    ],
)
def test_what_cannot_be_built_is_named(nodes, message, tmp_path):
    path = write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(6, 4, 3, 3), "yes": np.array(True)})
    with pytest.raises(UnsupportedGraph, match=message):
        build_backbone(read_graph(path))


@pytest.mark.parametrize(
    "shape, options, message",
    [
        (("N", 4, 12, 10), {}, "expected 3 channels"),
        (("N", 3, "H", "W"), {}, "an image size must be given"),
        (("N", 3, 12, 10), {"image_size": (10, 12)}, r"expected images of \(12, 10\), got \(10, 12\)"),
        (("N", 3, 12, 10), {"embedding": "nothing"}, "expected a node or tensor of the graph, got 'nothing'"),
        (("N", 3, 12, 10), {"colours": "grey"}, "colours: expected one of rgb, bgr"),
    ],
)
def test_sizes_and_names_that_do_not_fit(shape, options, message, tmp_path):
    path = write_graph(tmp_path / "graph.onnx", [node("Flatten", ["image"], "embedding")], {}, shape=shape)
    with pytest.raises(ValueError, match=message):
        build_backbone(read_graph(path), **options)


def test_an_open_size_is_taken_from_the_caller(tmp_path):
    nodes = [node("Conv", ["image", "k"], "y"), node("GlobalAveragePool", ["y"], "embedding")]
    path = write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(5, 3, 3, 3)}, shape=("N", 3, "H", "W"))
    backbone = build_backbone(read_graph(path), image_size=(9, 7))
    assert backbone.input_shape == (None, 9, 7, 3) and backbone.output["embedding"].shape == (None, 5)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "expected one input, images of four sizes, got none"),
        (b"not an ONNX file", "expected an ONNX model, got"),
    ],
)
def test_another_file_is_refused(content, message, tmp_path):
    (tmp_path / "other.onnx").write_bytes(content)
    with pytest.raises(UnsupportedGraph, match=f"other.onnx: {message}"):
        read_graph(tmp_path / "other.onnx")
