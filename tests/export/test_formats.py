"""ONNX, OpenVINO and LiteRT: equal to the Keras model, whole or absent, and loadable with their runtime alone."""

import json
import subprocess
import sys
from importlib import metadata

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow exports", allow_module_level=True)

import cshml_tf
from cshml_tf import backbones
from cshml_tf.export import Source, UnlikeKeras, check, export, exporting, faces_for, load_format
from cshml_tf.pretrained.importing import import_onnx
from cshml_tf.recogniser import build_recogniser
from cshml_tf.settings.choices import EXPORT_FORMATS

SIZE = (48, 40)
FORMATS = ("onnx", "openvino", "litert")
CARD = {
    "kind": "lr",
    "resolutions": [12, [14, 12]],
    "degradation": "plain",
    "image_size": list(SIZE),
    "figures": {},
}


@pytest.fixture(scope="module")
def recogniser():
    keras.utils.set_random_seed(3)
    return build_recogniser(backbones.build("small_resnet", SIZE, 16, width=4))


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (6, *SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def exports(recogniser, faces, tmp_path_factory):
    """Return a function of a format and a precision that exports once: (folder, what was checked)."""
    made, parent = {}, tmp_path_factory.mktemp("exports")

    def get(name, precision):
        if (name, precision) not in made:
            folder = parent / f"{name}_{precision}"
            source = Source(recogniser, CARD, faces if precision == "int8" else None)
            made[name, precision] = folder, export(source, folder, name, precision, faces, accept=True)
        return made[name, precision]

    return get


def embedder(exports, name, precision="float32"):
    return load_format(name, precision).load(exports(name, precision)[0], precision)


def cosines(left, right):
    return np.sum(left * right, axis=1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


@pytest.mark.parametrize("name", FORMATS)
def test_batches_of_any_length_match_keras(recogniser, faces, exports, name):
    embed = embedder(exports, name)
    expected = np.asarray(recogniser(faces, training=False))
    embeddings = embed(faces)
    assert (embeddings.shape, embeddings.dtype) == ((6, 16), np.float32)
    assert np.abs(embeddings - expected).max() < 1e-5
    assert np.abs(np.linalg.norm(embeddings, axis=1) - 1).max() < 1e-5
    assert np.abs(np.concatenate([embed(face[None]) for face in faces]) - expected).max() < 1e-5


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("name", FORMATS)
def test_pixels_of_nought_to_one_have_no_embedding(faces, exports, name, precision):
    """No embedding is better than a wrong one; black faces and whole batches beside them are not concerned."""
    embed = embedder(exports, name, precision)
    mixed = faces.copy()
    mixed[1] /= 255
    mixed[2] = 0
    embeddings = embed(mixed)
    assert np.isnan(embeddings[1]).all()
    assert np.isfinite(embeddings[[0, 2, 3, 4, 5]]).all()
    assert np.abs(embeddings[3:] - embed(faces[3:])).max() < 1e-5


@pytest.mark.parametrize("name", FORMATS)
def test_float16_halves_the_weights_and_keeps_the_embeddings(recogniser, faces, exports, name):
    folder, checked = exports(name, "float16")
    assert checked.smallest_cosine >= 0.999 and checked.faces == 6
    weights = {"onnx": "recogniser.onnx", "openvino": "recogniser.bin", "litert": "recogniser.tflite"}[name]
    whole = (exports(name, "float32")[0] / weights).stat().st_size
    assert (folder / weights).stat().st_size < 0.8 * whole
    assert cosines(embedder(exports, name, "float16")(faces), np.asarray(recogniser(faces))).min() >= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_int8_holds_most_weights_in_a_byte(faces, exports, name):
    folder, checked = exports(name, "int8")
    assert checked.smallest_cosine > 0.9
    assert "int8" in types_of(name, folder) and "int8" not in types_of(name, exports(name, "float32")[0])
    embeddings = embedder(exports, name, "int8")(faces)
    assert embeddings.dtype == np.float32
    assert np.abs(np.linalg.norm(embeddings, axis=1) - 1).max() < 1e-3


def types_of(name, folder):
    """Return the names of the types of all tensors in an export, such as "float32"."""
    if name == "onnx":
        import onnx

        model = onnx.shape_inference.infer_shapes(onnx.load(folder / "recogniser.onnx"))
        kinds = {tensor.data_type for tensor in model.graph.initializer}
        kinds |= {value.type.tensor_type.elem_type for value in model.graph.value_info}
        return {str(onnx.helper.tensor_dtype_to_np_dtype(kind)) for kind in kinds}
    if name == "openvino":
        import openvino

        model = openvino.Core().read_model(folder / "recogniser.xml")
        found = {out.get_element_type().to_string() for node in model.get_ordered_ops() for out in node.outputs()}
        return {{"i8": "int8", "f64": "float64", "f32": "float32"}.get(kind, kind) for kind in found}
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / "recogniser.tflite"))
    return {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}


@pytest.mark.parametrize("name", FORMATS)
def test_no_tensor_has_float64(exports, name):
    types = types_of(name, exports(name, "float32")[0])
    assert "float32" in types and "float64" not in types


ALONE = {
    "onnx": "import onnxruntime\n"
    "session = onnxruntime.InferenceSession(folder + '/recogniser.onnx', providers=['CPUExecutionProvider'])\n"
    "embeddings = session.run(['embeddings'], {'images': faces})[0]\n",
    "openvino": "import openvino\n"
    "options = {'INFERENCE_PRECISION_HINT': 'f32'}\n"
    "model = openvino.Core().compile_model(folder + '/recogniser.xml', 'CPU', options)\n"
    "embeddings = model(faces)['embeddings']\n",
    "litert": "from ai_edge_litert.interpreter import Interpreter\n"
    "interpreter = Interpreter(folder + '/recogniser.tflite')\n"
    "interpreter.resize_tensor_input(interpreter.get_input_details()[0]['index'], faces.shape)\n"
    "interpreter.allocate_tensors()\n"
    "interpreter.set_tensor(interpreter.get_input_details()[0]['index'], faces)\n"
    "interpreter.invoke()\n"
    "embeddings = interpreter.get_tensor(interpreter.get_output_details()[0]['index'])\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_it_loads_with_its_runtime_alone(recogniser, faces, exports, name, tmp_path):
    np.save(tmp_path / "faces.npy", faces)
    code = (
        "import sys\n"
        "for name in ('keras', 'tensorflow', 'tf_keras', 'cshml_tf', 'jax'): sys.modules[name] = None\n"
        "import numpy as np\n"
        f"folder, faces = {str(exports(name, 'float32')[0])!r}, np.load({str(tmp_path / 'faces.npy')!r})\n"
        f"{ALONE[name]}np.save({str(tmp_path / 'embeddings.npy')!r}, embeddings)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    expected = np.asarray(recogniser(faces, training=False))
    assert np.abs(np.load(tmp_path / "embeddings.npy") - expected).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("standardisation", ["per_image", "fixed"])
def test_an_exported_onnx_file_is_imported_again(faces, tmp_path, standardisation):
    keras.utils.set_random_seed(4)
    recogniser = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=4), standardisation)
    export(Source(recogniser, {}), tmp_path / "out", "onnx", "float32", faces)
    difference = import_onnx(tmp_path / "out" / "recogniser.onnx", tmp_path / "again", "none")
    assert difference < 1e-5
    again = cshml_tf.load_recogniser(tmp_path / "again")
    expected = np.asarray(recogniser(faces, training=False))
    assert np.abs(np.asarray(again(faces, training=False)) - expected).max() < 1e-5


@pytest.mark.parametrize("name", FORMATS)
def test_the_card_describes_the_export(exports, name):
    folder, checked = exports(name, "float32")
    card = json.loads((folder / "recogniser.json").read_text())
    expected = {"kind": "lr", "resolutions": [12, [14, 12]], "degradation": "plain", "image_size": [48, 40]}
    expected |= {"embedding_size": 16, "standardisation": "per_image", "format": name, "precision": "float32"}
    assert {key: card[key] for key in expected} == expected
    assert (folder / card["file"]).is_file()
    assert "0..255" in card["input"]["images"] and "unit length" in card["output"]["embeddings"]
    assert card["check"]["smallest_cosine"] > 0.9999 and card["check"]["faces_compared"] == 6
    assert card["check"]["bytes"] == checked.bytes and set(card["check"]["milliseconds"]) == {"1", "32"}
    for package in load_format(name).packages:
        assert card["versions"][package] == metadata.version(package)


def test_an_export_unlike_the_model_is_refused_and_leaves_nothing(recogniser, faces, tmp_path, monkeypatch):
    other = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=4))
    write = load_format("onnx").write
    wrong = load_format("onnx").__class__(
        write=lambda source, folder, precision: write(Source(other, {}), folder, precision),
        load=load_format("onnx").load,
        file="recogniser.onnx",
        described=load_format("onnx").described,
    )
    monkeypatch.setattr(exporting, "load_format", lambda name, precision: wrong)
    with pytest.raises(UnlikeKeras, match="onnx in float32: expected a cosine of at least 0.999 .* on one of 6"):
        export(Source(recogniser, {}), tmp_path / "out", "onnx", "float32", faces)
    assert list(tmp_path.iterdir()) == []
    checked = export(Source(recogniser, {}), tmp_path / "out", "onnx", "float32", faces, accept=True)
    assert checked.smallest_cosine < 0.99
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"recogniser.onnx", "recogniser.json"}


def test_embeddings_that_are_not_finite_are_refused(faces, tmp_path):
    expected = np.eye(6, 16, dtype=np.float32)
    for wrong in (np.full((6, 16), np.nan, np.float32), np.zeros((6, 16), np.float32)):
        checked = check.compare(lambda batch, wrong=wrong: wrong[: len(batch)], tmp_path, faces, expected)
        assert not any(checked.is_good(precision) for precision in check.LEAST_COSINE)
        assert checked.as_json()["smallest_cosine"] is None
    with pytest.raises(ValueError, match=r"expected embeddings of shape \(6, 16\), got \(6, 4\)"):
        check.compare(lambda batch: np.ones((len(batch), 4), np.float32), tmp_path, faces, expected)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(ValueError, match=r"onnx in float32: expected the package tf2onnx, .*'cshml_tf\[export\]'"):
        load_format("onnx")


def test_int8_needs_faces_for_calibration(recogniser, faces, tmp_path):
    with pytest.raises(ValueError, match="calibration: expected faces"):
        export(Source(recogniser, {}), tmp_path / "out", "onnx", "int8", faces)
    assert list(tmp_path.iterdir()) == []


def test_every_format_is_a_file_with_its_precisions():
    for name, precisions in EXPORT_FORMATS.items():
        found = load_format(name)
        assert set(precisions) <= {"float32", "float16", "int8"}
        assert bool(found.quantiser) <= ("int8" in precisions)


def test_faces_are_those_the_network_sees(texture_folder):
    sharp = faces_for(texture_folder, SIZE, {"kind": "hr", "resolutions": []}, most=7)
    assert (sharp.shape, sharp.dtype) == ((7, *SIZE, 3), np.float32)
    low = faces_for(texture_folder, SIZE, CARD, most=7)
    from cshml_tf.degradation.degrade import degrade

    assert np.array_equal(low[::2], degrade(sharp[::2], 12, "plain"))
    assert np.array_equal(low[1::2], degrade(sharp[1::2], (14, 12), "plain"))
    drawn = faces_for(None, SIZE, {}, most=3)
    assert drawn.shape == (3, *SIZE, 3) and 20 < drawn.std() and drawn.max() <= 255
