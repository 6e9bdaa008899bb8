"""Real files of five exporters, made by the scripts next to them, against onnxruntime."""

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from cshml_tf.pretrained.onnx import build_backbone, embedding_tensor, largest_difference, read_graph
from cshml_tf.recogniser import build_recogniser, clone

FOLDER = Path(__file__).parent / "exports"
FILES = sorted(path.name for path in FOLDER.glob("*.onnx"))
EXPORTERS = ("keras", "mxnet", "paddle", "tf2onnx", "torch_dynamo", "torch_script")


@pytest.fixture(scope="module", params=FILES)
def export(request):
    graph = read_graph(FOLDER / request.param)
    embedding = embedding_tensor(graph, None)
    return request.param, graph, embedding, build_backbone(graph, embedding=embedding)


def test_every_exporter_is_tried():
    assert all(sum(name.startswith(exporter) for name in FILES) >= 3 for exporter in EXPORTERS)
    assert all((FOLDER / f"export_{name}.py").is_file() for name in ("keras", "mxnet", "paddle", "torch"))


def test_an_export_is_onnxruntimes(export):
    name, graph, embedding, backbone = export
    images = np.random.default_rng(0).normal(0, 1, (5, *backbone.input_shape[1:])).astype(np.float32)
    # float16 rounds at 2^-11, so two unit embeddings agree no better than that.
    tolerance = 2e-3 if "half" in name else 1e-5
    assert graph.is_half == ("half" in name)
    assert largest_difference(graph, backbone, images, embedding) < tolerance
    assert backbone.output["embedding"].shape == (None, 8)
    assert all(variable.dtype == "float32" for variable in backbone.variables)


def test_an_export_trains_in_every_learnt_weight(export, gradient_of):
    """Every matrix, kernel and slope of the file is learnt, and a step along the gradient lowers the loss."""
    _, graph, _, backbone = export
    convolutions = [node for node in graph.nodes if node.operation == "Conv"]
    kernels = [variable for variable in backbone.trainable_variables if len(variable.shape) == 4]
    assert len(kernels) >= len(convolutions) > 0
    images = np.random.default_rng(1).normal(0, 1, (2, *backbone.input_shape[1:])).astype(np.float32)
    first = next(variable for variable in backbone.trainable_variables if len(variable.shape) == 4)
    start = np.asarray(first)

    def loss(kernel):
        variables = [kernel if variable is first else variable.value for variable in backbone.trainable_variables]
        state = [variable.value for variable in backbone.non_trainable_variables]
        outputs, _ = backbone.stateless_call(variables, state, images, training=False)
        return keras.ops.sum(outputs["embedding"][:, 0])

    gradient = gradient_of(loss, start)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    step = 1e-3 / np.abs(gradient).max()
    assert loss(start - step * gradient) < loss(start)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keras_residual", "mxnet_residual", "paddle_residual", "torch_dynamo_padded"])
def test_an_export_is_saved_loaded_and_cloned(name, tmp_path):
    backbone = build_backbone(read_graph(FOLDER / f"{name}.onnx"))
    pixels = np.random.default_rng(2).integers(0, 256, (2, *backbone.input_shape[1:])).astype(np.float32)
    recogniser = build_recogniser(backbone, "fixed")
    recogniser.save(tmp_path / "recogniser.keras")
    again = keras.models.load_model(tmp_path / "recogniser.keras")
    np.testing.assert_array_equal(again(pixels), recogniser(pixels))
    np.testing.assert_allclose(clone(recogniser)(pixels), recogniser(pixels), atol=1e-6)


def test_the_feature_is_chosen_from_feature_and_norm():
    for name in ("torch_script_norm.onnx", "torch_dynamo_norm.onnx"):
        graph = read_graph(FOLDER / name)
        assert embedding_tensor(graph, None) == graph.outputs[0] and len(graph.outputs) == 2


def test_the_files_name_no_folder():
    for name in FILES:
        assert not onnx.load(FOLDER / name).metadata_props or b"/home" not in (FOLDER / name).read_bytes()
        assert b"/tmp/" not in (FOLDER / name).read_bytes()
