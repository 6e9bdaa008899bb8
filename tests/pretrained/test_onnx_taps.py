"""Taps of imported networks: a node's name selects onnxruntime's output of that node, also after saving."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from cshml_tf.pretrained.onnx import build_backbone, read_graph
from cshml_tf.recogniser import backbone_of, build_recogniser, features, with_tap

RNG = np.random.default_rng(0)
# The names of nodes, and the tensors requested from onnxruntime.
TENSORS = {
    "/a/Conv": "conv",
    "a.Conv": "conv",
    "/a/Depthwise": "depthwise",
    "/a/Clip": "clip",
    "/a/Identity": "identity",
    "/a/Pool": "pool",
    "Relu;1:0": "relu",
}


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    """Write a network whose nodes become several layers each, or no layer of their own."""
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["conv"], "/a/Conv", pads=[0, 1, 1, 0]),
        helper.make_node("Conv", ["conv", "d"], ["depthwise"], "/a/Depthwise", group=4, strides=[2, 1]),
        helper.make_node("Clip", ["depthwise", "low", "high"], ["clip"], "/a/Clip"),
        helper.make_node("Identity", ["clip"], ["identity"], "/a/Identity"),
        helper.make_node("AveragePool", ["identity"], ["pool"], "/a/Pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["pool"], ["relu"], "Relu;1:0"),
        helper.make_node("Transpose", ["relu"], ["last"], "/a/Transpose", perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "sizes"], ["four"], "/a/Reshape"),
        helper.make_node("Flatten", ["four"], ["embedding"], "/a/Flatten"),
    ]
    constants = {
        "k": RNG.normal(0, 0.01, (4, 3, 3, 3)).astype(np.float32),
        "d": RNG.normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32),
        **{"low": np.float32(-0.5), "high": np.float32(0.5), "sizes": np.array([0, 2, 2, -1])},
    }
    graph = helper.make_graph(
        nodes,
        "recogniser",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("N", 3, 12, 10))],
        [helper.make_empty_tensor_value_info(name) for name in ("embedding", "last", *set(TENSORS.values()))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path = tmp_path_factory.mktemp("onnx") / "taps.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    return path


@pytest.fixture(scope="module")
def recogniser(onnx_file):
    """Return its recogniser after saving and loading, when only the names of layers remain."""
    path = onnx_file.with_name("recogniser.keras")
    build_recogniser(build_backbone(read_graph(onnx_file), embedding="embedding"), "none").save(path)
    return keras.models.load_model(path)


@pytest.fixture(scope="module")
def pixels():
    return RNG.integers(0, 256, (2, 12, 10, 3)).astype(np.float32)


def onnxruntimes(path, tensor, pixels):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run([tensor], {"image": np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))})[0]


@pytest.mark.parametrize("name", TENSORS)
def test_a_nodes_name_selects_its_output(name, onnx_file, recogniser, pixels):
    tapped = features(with_tap(recogniser, name), pixels)[name]
    expected = onnxruntimes(onnx_file, TENSORS[name], pixels).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(tapped, expected, rtol=1e-4, atol=1e-5)


def test_a_map_with_channels_last_is_not_transposed_again(onnx_file, recogniser, pixels):
    tapped = features(with_tap(recogniser, "/a/Transpose"), pixels)["/a/Transpose"]
    np.testing.assert_allclose(tapped, onnxruntimes(onnx_file, "last", pixels), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(tapped, features(recogniser, pixels)["last_map"])


@pytest.mark.parametrize("name", ["/a/Reshape", "/a/Flatten", "/a/Nothing", "embedding"])
def test_taps_that_are_not_maps_are_refused(name, recogniser):
    with pytest.raises(ValueError, match=f"tap: expected one of last_map, or a layer .*, got '{name}'"):
        with_tap(recogniser, name)


def test_a_tapped_recogniser_is_saved_and_traced(recogniser, pixels, tmp_path):
    import tensorflow as tf

    tapped = with_tap(recogniser, "/a/Clip")
    tapped.save(tmp_path / "tapped.keras")
    again = keras.models.load_model(tmp_path / "tapped.keras")
    traced = tf.function(backbone_of(again))(pixels)
    np.testing.assert_allclose(traced["/a/Clip"], features(tapped, pixels)["/a/Clip"], rtol=1e-4, atol=1e-5)
