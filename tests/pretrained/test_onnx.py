"""A whole ONNX recogniser against onnxruntime: embeddings, training, taps, colours."""

import keras
import numpy as np
import pytest
from onnx_files import RNG, node, run, weights, write_graph

from cshml_tf.pretrained.onnx import UnsupportedGraph, build_backbone, largest_difference, read_graph


def recogniser_nodes():
    """Return a small recogniser as PyTorch exports one: flattened by the batch's own size, two dense layers."""
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


def test_every_learnt_weight_gets_a_gradient(recogniser_file):
    import tensorflow as tf

    backbone = build_backbone(read_graph(recogniser_file))
    images = RNG.normal(0, 1, (4, 12, 10, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(backbone(images, training=True)["embedding"][:, 0] ** 2)
    gradients = tape.gradient(loss, backbone.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    # Kernel, slope, mean of the image, two dense matrices and a bias, gamma and beta, but no statistics.
    assert len(gradients) == 8


def test_an_inner_node_as_embedding_omits_the_nodes_after_it(recogniser_file):
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


def test_a_graph_with_channels_last_input(tmp_path):
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
