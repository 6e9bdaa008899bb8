"""ONNX files that cannot be built: the error names the node, the size or the file."""

import numpy as np
import pytest
from onnx import helper
from onnx_files import node, weights, write_graph

from cshml_tf.pretrained.onnx import UnsupportedGraph, build_backbone, read_graph

BRANCH = helper.make_graph(
    [node("Identity", ["k"], "branch")], "branch", [], [helper.make_tensor_value_info("branch", 1, None)]
)


@pytest.mark.parametrize(
    "nodes, message",
    [
        (
            [node("Hardmax", ["image"], "embedding", "/a/odd")],
            r"node '/a/odd' \(Hardmax\): not supported; supported are Abs, Add, .* choose an earlier node as the "
            r"embedding; its inputs are \(batch, 3, 12, 10\)$",
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
            r"node 'if' \(If\): not supported, as it contains subgraphs",
        ),
        (
            [node("PRelu", ["image", "k"], "embedding", "p")],
            r"node 'p' \(PRelu\): expected a slope .* got \(6, 4, 3, 3\)",
        ),
        (
            [node("Relu", ["image"], "r"), node("Shape", ["r"], "embedding")],
            "embedding: expected 'embedding' to depend on the image and to be a node's first output",
        ),
        ([node("Relu", ["image"], "embedding")], r"embedding: expected 'embedding' to be \(batch, values\)"),
    ],
)
def test_nodes_that_cannot_be_built_are_named(nodes, message, tmp_path):
    path = write_graph(tmp_path / "graph.onnx", nodes, {"k": weights(6, 4, 3, 3), "yes": np.array(True)})
    with pytest.raises(UnsupportedGraph, match=message):
        build_backbone(read_graph(path))


@pytest.mark.parametrize(
    "shape, options, message",
    [
        (("N", 4, 12, 10), {}, "expected 3 channels"),
        (("N", 3, "H", "W"), {}, "expected an image size, which the file does not fix, got none"),
        (("N", 3, 12, 10), {"image_size": (10, 12)}, r"expected images of \(12, 10\), got \(10, 12\)"),
        (("N", 3, 12, 10), {"embedding": "nothing"}, "expected a node or tensor of the graph, got 'nothing'"),
        (("N", 3, 12, 10), {"colours": "grey"}, "colours: expected one of rgb, bgr"),
    ],
)
def test_wrong_sizes_and_unknown_names_are_refused(shape, options, message, tmp_path):
    path = write_graph(tmp_path / "graph.onnx", [node("Flatten", ["image"], "embedding")], {}, shape=shape)
    with pytest.raises(ValueError, match=message):
        build_backbone(read_graph(path), **options)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "expected one input, images with four axes, got none"),
        (b"not an ONNX file", "expected an ONNX model, got"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    (tmp_path / "other.onnx").write_bytes(content)
    with pytest.raises(UnsupportedGraph, match=f"other.onnx: {message}"):
        read_graph(tmp_path / "other.onnx")
