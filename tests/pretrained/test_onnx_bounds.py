"""Damaged ONNX files and sizes that no network has: one line that names the file, before memory is taken."""

import os

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_files import node, weights, write_graph

from cshml_tf.pretrained.importing import import_onnx
from cshml_tf.pretrained.onnx import UnsupportedGraph, build_backbone, read_graph
from cshml_tf.pretrained.onnx.network import MAX_DEPTH

KERNEL = {"k": weights(2, 3, 3, 3)}
ADD_BIG = [node("Conv", ["image", "k"], "x"), node("Add", ["x", "big"], "y"), node("Flatten", ["y"], "embedding")]


@pytest.fixture
def model(tmp_path):
    nodes = [
        node("Conv", ["image", "k"], "x", "/stem/Conv", pads=[1, 1, 1, 1]),
        node("Relu", ["x"], "r"),
        node("Flatten", ["r"], "embedding"),
    ]
    return onnx.load(write_graph(tmp_path / "whole.onnx", nodes, KERNEL))


def refused(path):
    with pytest.raises(UnsupportedGraph) as caught:
        import_onnx(path, path.with_name("hr"), "fixed")
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    assert not path.with_name("hr").exists()
    return message


def refused_model(model, tmp_path):
    onnx.save(model, tmp_path / "odd.onnx")
    return refused(tmp_path / "odd.onnx")


@pytest.mark.parametrize("kind", [0, 8, 99])
def test_a_weights_type_that_is_no_number(kind, model, tmp_path):
    model.graph.initializer[0].data_type = kind
    message = f"tensor 'k' of [2, 3, 3, 3]: expected a tensor of numbers, got data type {kind}"
    assert message in refused_model(model, tmp_path)


@pytest.mark.parametrize("kind", [0, 8, 99])
def test_an_images_type_that_is_no_number(kind, model, tmp_path):
    model.graph.input[0].type.tensor_type.elem_type = kind
    assert f"input 'image': expected images of numbers, got data type {kind}" in refused_model(model, tmp_path)


def test_names_that_are_not_utf_8(model, tmp_path):
    whole = model.SerializeToString()
    for name in (b"/stem/Conv", b"embedding"):
        (tmp_path / "odd.onnx").write_bytes(whole.replace(name, b"\xff" + name[1:]))
        assert r"expected names in UTF-8, got b'\xff" in refused(tmp_path / "odd.onnx")


@pytest.mark.parametrize(
    "sizes, message",
    [
        ([20, 3, 3, 3], "tensor 'k' of [20, 3, 3, 3] FLOAT: expected 2160 bytes, got 216"),
        ([10**12, 3, 3, 3], "expected 108000000000000 bytes, got 216"),
        ([-2, 3, 3, 3], "tensor 'k' of [-2, 3, 3, 3] FLOAT: expected sizes of at least 0"),
    ],
)
def test_sizes_that_disagree_with_the_values(sizes, message, model, tmp_path):
    model.graph.initializer[0].dims[:] = sizes
    assert message in refused_model(model, tmp_path)


def test_values_that_are_too_few_for_the_sizes(model, tmp_path):
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].float_data.extend([1.0] * 7)
    assert "tensor 'k' of [2, 3, 3, 3] FLOAT: expected 54 values, got" in refused_model(model, tmp_path)


def external(model, location, **entries):
    tensor = model.graph.initializer[0]
    values = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in ({"location": location} | entries).items():
        tensor.external_data.add(key=key, value=str(value))
    return values


def test_weights_in_a_file_of_their_own(model, tmp_path):
    """PyTorch's exporter writes them like this, and a hub hands both files out as links."""
    expected = build_backbone(read_graph(tmp_path / "whole.onnx")).get_weights()
    values = external(model, "weights.data", offset=8)
    (tmp_path / "blob").write_bytes(bytes(8) + values)
    os.symlink("blob", tmp_path / "weights.data")
    onnx.save(model, tmp_path / "split.onnx")
    found = build_backbone(read_graph(tmp_path / "split.onnx")).get_weights()
    np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize(
    "location, entries, message",
    [
        ("absent", {}, "tensor 'k' of [2, 3, 3, 3]: expected its values in {folder}/absent: No such file"),
        ("../absent", {}, "expected its values in a file beside the ONNX file, got '../absent'"),
        ("/etc/hostname", {}, "expected its values in a file beside the ONNX file, got '/etc/hostname'"),
        ("pipe", {}, "expected a regular file, got a pipe"),
        ("short", {}, "expected bytes 0 to 216 of {folder}/short, which has 5"),
        ("short", {"length": 5}, "expected 216 bytes, got 5 in 'short'"),
        ("short", {"offset": "x"}, "expected numbers as offset and length"),
    ],
)
def test_weights_in_a_file_that_does_not_hold_them(location, entries, message, model, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "short").write_bytes(b"12345")
    external(model, location, **entries)
    assert message.format(folder=tmp_path) in refused_model(model, tmp_path)


@pytest.mark.parametrize(
    "axis, message",
    [
        (0, "expected a batch of at most 256 images, got 1000000000; export"),
        (2, "expected images of 1 to 1024 pixels"),
    ],
)
def test_images_of_impossible_sizes(axis, message, model, tmp_path):
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 10**9
    assert message in refused_model(model, tmp_path)


@pytest.mark.parametrize(
    "name, message",
    [
        ("embedding", "node 'r' (Relu): it depends on its own output"),
        ("absent", "node 'r' (Relu): its input 'absent' is neither the image, a weight nor a node's output"),
    ],
)
def test_inputs_from_nowhere_and_circles(name, message, model, tmp_path):
    model.graph.node[1].input[0] = name
    assert message in refused_model(model, tmp_path)


def test_a_tensor_that_is_made_twice(model, tmp_path):
    model.graph.node[1].output[0] = "x"
    assert "node 'r' (Relu): its output 'x' exists already" in refused_model(model, tmp_path)


def test_nodes_in_any_order_are_sorted(model, tmp_path):
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))
    onnx.save(model, tmp_path / "odd.onnx")
    assert [each.operation for each in read_graph(tmp_path / "odd.onnx").nodes] == ["Conv", "Relu", "Flatten"]


def test_a_node_with_too_few_inputs(model, tmp_path):
    del model.graph.node[0].input[1:]
    message = "node '/stem/Conv' (Conv): expected other inputs, got 1: missing a required argument: 'weights'"
    assert message in refused_model(model, tmp_path)


def test_an_attribute_without_a_type(model, tmp_path):
    model.graph.node[0].attribute[0].type = 0
    assert "node '/stem/Conv' (Conv): expected an attribute 'pads' with a value" in refused_model(model, tmp_path)


@pytest.mark.parametrize(
    "count, message", [(1500, f"at most {MAX_DEPTH} nodes one after another"), (6000, "5000 nodes")]
)
def test_more_nodes_than_keras_can_handle(count, message, tmp_path):
    nodes = [node("Relu", [f"x{index}"], f"x{index + 1}") for index in range(count)]
    ends = node("Conv", ["image", "k"], "x0"), node("Flatten", [f"x{count}"], "embedding")
    path = write_graph(tmp_path / "deep.onnx", [ends[0], *nodes, ends[1]], KERNEL)
    assert message in refused(path)


@pytest.mark.parametrize(
    "nodes, constants, message",
    [
        ([node("ConstantOfShape", ["s"], "big")], {"s": np.array([10**6, 10**6])}, r"'big' \(ConstantOfShape\)"),
        ([node("Expand", ["k", "s"], "big")], {"s": np.array([10**6, 1, 1, 1, 1])}, r"'big' \(Expand\)"),
        ([node("Tile", ["k", "s"], "big")], {"s": np.array([10**6, 10**3, 1, 1])}, r"'big' \(Tile\)"),
        (
            [node("Range", ["a", "b", "c"], "big")],
            {"a": np.array(0), "b": np.array(10**11), "c": np.array(1)},
            r"'big' \(Range\): expected at most 16777216 constants, got \[100000000000\]",
        ),
        (
            [node("MatMul", ["a", "b"], "big")],
            {"a": weights(10**5, 1), "b": weights(1, 10**5)},
            r"'big' \(MatMul\)",
        ),
        (
            [node("Concat", [f"c{index}"] * 2, f"c{index + 1}", axis=0) for index in range(40)],
            {"c0": weights(100, 1, 1, 1)},
            r"'c17' \(Concat\): expected at most \d+ constants",
        ),
    ],
)
def test_constants_that_would_fill_the_memory(nodes, constants, message, tmp_path):
    tail = [node("Identity", [nodes[-1].output[0]], "big")] if nodes[-1].output[0] != "big" else []
    path = write_graph(tmp_path / "big.onnx", [*nodes, *tail, *ADD_BIG], KERNEL | constants)
    with pytest.raises(UnsupportedGraph, match=message):
        build_backbone(read_graph(path))


@pytest.mark.parametrize(
    "nodes, message",
    [
        ([node("Expand", ["image", "s"], "y")], r"node 'y' \(Expand\): expected at most 4 axes"),
        ([node("Pad", ["image", "s"], "y", mode="reflect")], r"node 'y' \(Pad\): expected pads of at most 1024"),
        (
            [node("Conv", ["image", "k"], "y", pads=[10**9] * 4)],
            r"node 'y' \(Conv\): expected pads of at most 1024, .*its inputs are \(batch, 3, 12, 10\), a constant",
        ),
        (
            [node("ReduceMean", ["image"], "p", axes=[2, 3]), node("Expand", ["p", "t"], "y")],
            r"node 'y' \(Expand\): expected at most 16777216 values per image",
        ),
    ],
)
def test_maps_that_would_fill_the_memory(nodes, message, tmp_path):
    constants = {"s": np.array([0, 0, 10**9, 0, 0, 0, 0, 0]), "t": np.array([1, 3, 10**5, 10**5])}
    path = write_graph(tmp_path / "big.onnx", [*nodes, node("Flatten", ["y"], "embedding")], KERNEL | constants)
    with pytest.raises(UnsupportedGraph, match=message):
        build_backbone(read_graph(path))


def function(name, *calls):
    nodes = [helper.make_node(call, ["a"], [f"b{index}"], domain="own") for index, call in enumerate(calls)]
    nodes.append(helper.make_node("Neg", ["a"], ["b"]))
    return helper.make_function("own", name, ["a"], ["b"], nodes, [helper.make_opsetid("", 13)])


@pytest.mark.parametrize(
    "functions, message",
    [
        ([function("F0", "F0")], "expected functions that do not call themselves, got 'F0'"),
        (
            [*(function(f"F{index}", *[f"F{index + 1}"] * 2) for index in range(30)), function("F30")],
            "expected at most 5000 nodes, got",
        ),
    ],
)
def test_functions_that_never_end(functions, message, model, tmp_path):
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend(functions)
    model.graph.node[1].domain, model.graph.node[1].op_type = "own", "F0"
    assert message in refused_model(model, tmp_path)


def test_functions_are_replaced_by_their_nodes(model, tmp_path):
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.append(function("Minus"))
    model.graph.node[1].domain, model.graph.node[1].op_type = "own", "Minus"
    onnx.save(model, tmp_path / "own.onnx")
    assert import_onnx(tmp_path / "own.onnx", tmp_path / "hr", "fixed") < 1e-5


def test_a_file_larger_than_any_network(tmp_path):
    with open(tmp_path / "huge.onnx", "wb") as file:
        file.truncate(2**42)
    assert "expected a file of at most 1073741824 bytes, got 4398046511104" in refused(tmp_path / "huge.onnx")


def test_embeddings_that_are_not_finite(tmp_path):
    nodes = [node("Conv", ["image", "k"], "x"), node("Log", ["x"], "l"), node("Flatten", ["l"], "embedding")]
    assert "expected finite embeddings, got infinity or NaN" in refused(
        write_graph(tmp_path / "nan.onnx", nodes, KERNEL)
    )
