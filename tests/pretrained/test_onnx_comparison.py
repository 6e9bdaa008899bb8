"""The comparison with onnxruntime: the batches that it feeds, and failures reported in one line."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from cshml_tf.pretrained.onnx import UnsupportedGraph, build_backbone, largest_difference, read_graph

RNG = np.random.default_rng(0)


def read(tmp_path, batch="N", dtype=np.float32, opset=13, tail="Flatten", **attributes):
    """Write and read a graph of one convolution and a flattening node."""
    kernel = RNG.normal(0, 0.3, (4, 3, 3, 3)).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(kernel.dtype)
    inputs = ["x"] if tail == "Flatten" else ["x", "sizes"]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "k"], ["x"], "x"),
            helper.make_node(tail, inputs, ["embedding"], "embedding", **attributes),
        ],
        "recogniser",
        [helper.make_tensor_value_info("image", kind, (batch, 3, 12, 10))],
        [helper.make_tensor_value_info("embedding", kind, None)],
        [numpy_helper.from_array(kernel, "k"), numpy_helper.from_array(np.array([1, -1]), "sizes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save(model, tmp_path / "graph.onnx")
    return read_graph(tmp_path / "graph.onnx")


def images(count):
    return RNG.normal(0, 1, (count, 12, 10, 3)).astype(np.float32)


@pytest.mark.parametrize("count", [3, 8, 11])
def test_a_fixed_batch_is_filled(count, tmp_path):
    graph = read(tmp_path, batch=8)
    assert largest_difference(graph, build_backbone(graph), images(count)) < 1e-6


def test_half_precision_is_fed_half_precision(tmp_path):
    """float16 rounds at 2^-11, so two unit embeddings agree no better than that."""
    graph = read(tmp_path, dtype=np.float16)
    assert largest_difference(graph, build_backbone(graph), images(2)) < 2e-3


def test_a_file_that_onnxruntime_refuses(tmp_path):
    graph = read(tmp_path, opset=99)
    backbone = build_backbone(graph)
    with pytest.raises(UnsupportedGraph, match="expected onnxruntime to run the file, got .*opset.*") as caught:
        largest_difference(graph, backbone, images(1))
    assert "\n" not in str(caught.value)


def test_a_different_number_of_values(tmp_path):
    """A fixed batch of 2 is reshaped to one row."""
    graph = read(tmp_path, batch=2, tail="Reshape")
    with pytest.raises(UnsupportedGraph, match=r"expected embeddings \(1, 320\) from onnxruntime, got \(1, 640\)"):
        largest_difference(graph, build_backbone(graph), images(1))


def test_a_network_that_does_not_run(tmp_path):
    def backbone(pictures, training):
        raise RuntimeError("no such kernel\nand a stack of calls")

    with pytest.raises(UnsupportedGraph, match="^expected the built network to run, got no such kernel$"):
        largest_difference(read(tmp_path), backbone, images(1))
