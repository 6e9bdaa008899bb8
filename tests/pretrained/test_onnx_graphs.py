"""ONNX graphs of particular forms: operator sets, shapes, names of nodes, the last map."""

import numpy as np
import onnx
import pytest
from onnx_files import built, node, pictures, weights, write_graph

from cshml_tf.pretrained.onnx import UnsupportedGraph, build_backbone, read_graph


@pytest.mark.parametrize("opset", [9, 11, 12])
def test_constants_are_computed_in_the_files_operator_set(opset, tmp_path):
    """Up to set 12, Unsqueeze has its axes as an attribute: so PyTorch exported `x.view(x.size(0), -1)`."""
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


def test_a_file_without_operator_sets_uses_the_first(tmp_path):
    """onnxruntime does not accept such a file, so the expected kernel is derived by hand."""
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
def test_the_last_map_is_not_one_that_was_transposed_or_reshaped(operation, tmp_path):
    """Keras and tf2onnx move the channels to the end before flattening."""
    change = {
        "Transpose": node("Transpose", ["x"], "t", perm=[0, 2, 3, 1]),
        "Reshape": node("Reshape", ["x", "sizes"], "t"),
    }
    nodes = [
        node("Conv", ["image", "k"], "x", pads=[1, 1, 1, 1]),
        change[operation],
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


def test_node_names_that_resemble_those_of_inner_layers(tmp_path):
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


def test_a_node_without_a_name_does_not_take_that_of_another(tmp_path):
    nodes = [node("Conv", ["image", "k"], "x"), node("Relu", ["x"], "y", "Conv_0"), node("Flatten", ["y"], "z")]
    nodes[0].ClearField("name")
    graph = read_graph(write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(5, 3, 3, 3)}, output="z"))
    assert [each.name for each in graph.nodes] == ["Conv_0_2", "Conv_0", "z"]


def test_an_open_size_is_taken_from_the_caller(tmp_path):
    nodes = [node("Conv", ["image", "k"], "y"), node("GlobalAveragePool", ["y"], "embedding")]
    path = write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(5, 3, 3, 3)}, shape=("N", 3, "H", "W"))
    backbone = build_backbone(read_graph(path), image_size=(9, 7))
    assert backbone.input_shape == (None, 9, 7, 3) and backbone.output["embedding"].shape == (None, 5)


def test_a_constant_joins_a_batch_of_one(tmp_path):
    nodes = [
        node("Conv", ["image", "k"], "x"),
        node("Concat", ["x", "c"], "y", axis=1),
        node("Flatten", ["y"], "embedding"),
    ]
    constants = {"k": weights(5, 3, 3, 3), "c": weights(1, 2, 10, 8)}
    built(write_graph(tmp_path / "graph.onnx", nodes, constants, shape=(1, 3, 12, 10)), pictures(1))
    with pytest.raises(UnsupportedGraph, match=r"the same for all images, got \(2, 2, 10, 8\)"):
        constants["c"] = weights(2, 2, 10, 8)
        build_backbone(read_graph(write_graph(tmp_path / "graph.onnx", nodes, constants, shape=(2, 3, 12, 10))))
