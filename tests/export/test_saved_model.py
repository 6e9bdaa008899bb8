"""SavedModels: equal to the Keras model, small, whole or absent, and loadable with only TensorFlow."""

import json
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from cshml_tf import backbones
from cshml_tf.export import export_saved_model, largest_difference, saved_model
from cshml_tf.images import read_image
from cshml_tf.recogniser import build_recogniser, clone

SIZE = (48, 40)
CARD = {"kind": "lr", "resolutions": [12, [14, 12]], "degradation": "plain", "image_size": [48, 40], "figures": {}}


@pytest.fixture(scope="module")
def recogniser():
    keras.utils.set_random_seed(3)
    return build_recogniser(backbones.build("small_resnet", SIZE, 16, width=4))


@pytest.fixture(scope="module")
def saved_dir(recogniser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "new" / "1"
    export_saved_model(recogniser, folder, CARD)
    return folder


@pytest.fixture(scope="module")
def loaded(saved_dir):
    return tf.saved_model.load(str(saved_dir))


def random_faces(count, size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3)).astype(np.uint8)


def served(loaded, images):
    return loaded.signatures["serving_default"](images=tf.constant(images))["embeddings"].numpy()


def served_files(loaded, files):
    return loaded.signatures["encoded"](image_bytes=tf.constant(files, tf.string))["embeddings"].numpy()


def encoded(pixels, suffix=".png"):
    """Encode RGB, RGBA or grey pixels as a file's bytes."""
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    pixels = cv2.cvtColor(pixels, order[pixels.shape[2]]) if pixels.ndim == 3 else pixels
    return cv2.imencode(suffix, pixels)[1].tobytes()


def difference(left, right):
    return np.abs(np.asarray(left) - np.asarray(right)).max()


@pytest.mark.parametrize("size", [SIZE, (12, 12), (37, 29), (64, 60), (181, 133)])
def test_images_of_any_size_match_keras(recogniser, loaded, size):
    faces = random_faces(16, size)
    embeddings = served(loaded, faces)
    assert (embeddings.shape, embeddings.dtype) == ((16, 16), np.float32)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    assert difference(embeddings, recogniser(faces, training=False)) < 1e-5
    singly = np.concatenate([served(loaded, face[None]) for face in faces])
    assert difference(embeddings, singly) < 1e-5


def test_files_of_many_sizes_match_keras(recogniser, loaded):
    faces = [random_faces(1, size, seed)[0] for seed, size in enumerate([SIZE, (12, 10), (90, 131), (49, 40)])]
    embeddings = served_files(loaded, [encoded(face) for face in faces])
    expected = np.concatenate([recogniser(face[None], training=False) for face in faces])
    assert difference(embeddings, expected) < 1e-5
    assert difference(embeddings[:1], embeddings[1:]) > 0.01


def test_files_are_decoded_as_the_library_reads_them(recogniser, loaded, tmp_path):
    smooth = cv2.resize(random_faces(1, (6, 5))[0], SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    opacity = np.linspace(0, 255, smooth[..., 0].size).reshape(*SIZE, 1).astype(np.uint8)
    grey_and_opacity = cv2.cvtColor(smooth[..., 0], cv2.COLOR_GRAY2RGB)
    files = [
        encoded(smooth, ".jpg"),
        encoded(smooth, ".bmp"),
        encoded(smooth[..., 0]),
        encoded(smooth[..., 0], ".jpg"),
        encoded(np.concatenate([smooth, opacity], axis=2)),
        encoded(np.concatenate([grey_and_opacity, opacity], axis=2)),
    ]
    embeddings = served_files(loaded, files)
    for data, embedding in zip(files, embeddings, strict=True):
        (tmp_path / "face").write_bytes(data)
        expected = recogniser(read_image(tmp_path / "face")[None], training=False)
        assert difference(embedding, expected[0]) < 1e-5
    assert all(difference(embeddings[0], other) > 1e-3 for other in embeddings[1:])


def test_an_empty_batch_has_no_embeddings(loaded):
    assert served(loaded, np.zeros((0, 30, 20, 3), np.uint8)).shape == (0, 16)
    assert served_files(loaded, np.zeros((0,), object)).shape == (0, 16)


def test_a_file_that_is_not_an_image_is_an_error(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        served_files(loaded, [b"no image"])


@pytest.mark.slow
def test_it_loads_with_only_tensorflow(recogniser, saved_dir, tmp_path):
    faces = random_faces(3, (50, 37))
    np.save(tmp_path / "faces.npy", faces)
    code = (
        "import sys\n"
        "for name in ('keras', 'tf_keras', 'cshml_tf'): sys.modules[name] = None\n"
        "import numpy as np, tensorflow as tf\n"
        f"loaded = tf.saved_model.load({str(saved_dir)!r})\n"
        f"faces = np.load({str(tmp_path / 'faces.npy')!r})\n"
        "files = [tf.io.encode_png(face) for face in faces]\n"
        "pixels = loaded.signatures['serving_default'](images=tf.constant(faces))['embeddings']\n"
        "stored = loaded.signatures['encoded'](image_bytes=tf.stack(files))['embeddings']\n"
        f"np.save({str(tmp_path / 'embeddings.npy')!r}, np.stack([pixels, stored]))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    expected = np.asarray(recogniser(faces, training=False))
    assert difference(np.load(tmp_path / "embeddings.npy"), expected) < 1e-5


def test_the_folder_describes_its_network(saved_dir):
    described = json.loads((saved_dir / "recogniser.json").read_text())
    expected = CARD | {"embedding_size": 16, "standardisation": "per_image"}
    del expected["figures"]
    assert {name: described[name] for name in expected} == expected
    assert set(described["signatures"]) == {"serving_default", "encoded"}
    assert {"cshml_tf", "tensorflow"} <= set(described["versions"])


def test_the_comparison_detects_another_network(recogniser, saved_dir):
    assert largest_difference(recogniser, saved_dir) < 1e-5
    other = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=4))
    assert largest_difference(other, saved_dir) > 0.01


def test_a_folder_in_use_is_refused_and_left_alone(recogniser, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    with pytest.raises(
        ValueError, match="used: expected a folder that is absent or empty, got one that contains files"
    ):
        export_saved_model(recogniser, tmp_path / "used")
    with pytest.raises(ValueError, match="notes.txt: expected a folder, got a file"):
        export_saved_model(recogniser, tmp_path / "used" / "notes.txt")
    assert [path.name for path in tmp_path.rglob("*")] == ["used", "notes.txt"]


def test_a_failed_export_leaves_nothing(recogniser, tmp_path, monkeypatch):
    def fail(path, content):
        raise OSError("No space left on device")

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(saved_model, "write_json", fail)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(recogniser, tmp_path / "out")
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]
    monkeypatch.undo()
    export_saved_model(recogniser, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert (tmp_path / "out" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_inception_resnet_v1_after_mixed_precision(tmp_path):
    """Equal to the Keras model for every batch size; the folder is at most 1.1 times the float32 weights."""
    original = build_recogniser(backbones.build("inception_resnet_v1", (75, 75)))
    recogniser = clone(clone(original, "mixed_bfloat16"))
    export_saved_model(recogniser, tmp_path / "out")
    size = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert size <= 1.1 * 4 * 23_497_424
    loaded = tf.saved_model.load(str(tmp_path / "out"))
    faces = random_faces(32, (75, 75))
    embeddings = served(loaded, faces)
    assert difference(embeddings, original(faces, training=False)) < 1e-5
    assert difference(embeddings[:1], served(loaded, faces[:1])) < 1e-5


def test_pixels_of_nought_to_one_are_refused(loaded):
    """NumPy's floats arrive as uint8 without a word from TensorFlow: of 0..1, next to nothing is left."""
    faces = random_faces(3)
    for scaled in (faces / 255, (faces / 255).astype(np.float32), np.zeros_like(faces), np.ones_like(faces)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected RGB pixels of 0..255, got a batch"):
            loaded.signatures["serving_default"](images=scaled)
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a uint8 tensor"):
        served(loaded, faces.astype(np.float32))
    faces[1] = 0
    embeddings = served(loaded, faces)
    assert np.isfinite(embeddings).all()
    assert difference(embeddings[::2], served(loaded, faces[::2])) < 1e-5


def test_no_function_of_the_exported_model_has_float64(saved_dir):
    """Other formats of networks lack it, and know no division of whole numbers of 64 bits either."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    model.ParseFromString((saved_dir / "saved_model.pb").read_bytes())
    double, seen, wrong = tf.float64.as_datatype_enum, set(), []
    for graph in (meta.graph_def for meta in model.meta_graphs):
        for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
            for node in nodes:
                seen.add(node.op)
                types = [kind for value in node.attr.values() for kind in (value.type, *value.list.type)]
                if double in types or (node.op in ("FloorDiv", "FloorMod") and tf.int64.as_datatype_enum in types):
                    wrong.append(node.name)
    assert {"Einsum", "Conv2D", "DecodePng"} <= seen
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("size", [SIZE, (60, 50)])
def test_it_converts_to_lite_rt(loaded, size):
    fixed = tf.function(
        lambda images: loaded.signatures["serving_default"](images=images),
        input_signature=[tf.TensorSpec((1, *size, 3), tf.uint8)],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed.get_concrete_function()], loaded)
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    face = random_faces(1, size)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], face)
    interpreter.invoke()
    converted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert difference(converted, served(loaded, face)) < 1e-5
