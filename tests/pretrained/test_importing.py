"""From a pretrained file to a model folder that trains and serves."""

import cv2
import numpy as np
import pytest
from onnx import helper, numpy_helper, save

import cshml_tf
from cshml_tf.cli import import_recogniser, train_cshml
from cshml_tf.model_folder import read_card, read_classifier
from cshml_tf.pretrained.importing import import_onnx

FIXED = ("--standardisation", "fixed")


@pytest.fixture
def recogniser_file(tmp_path):
    """Write an ONNX recogniser for 48 x 40 with one convolution."""
    rng = np.random.default_rng(0)
    weights = {"k": rng.normal(0, 0.1, (6, 3, 5, 5)), "w": rng.normal(0, 0.1, (8, 6 * 11 * 9))}
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["c"], "conv", strides=[4, 4]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("Flatten", ["r"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w"], ["embedding"], "dense", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "recogniser",
        [helper.make_tensor_value_info("image", 1, ("N", 3, 48, 40))],
        [helper.make_tensor_value_info("embedding", 1, ("N", 8))],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    path = tmp_path / "recogniser.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    return path


def test_an_onnx_file_becomes_an_hr_network_that_trains(recogniser_file, texture_folder, tmp_path, capsys):
    hr_dir = tmp_path / "models" / "hr"
    assert import_recogniser.main([str(recogniser_file), str(hr_dir), "--standardisation", "fixed"]) == 0
    shown = capsys.readouterr().out
    assert "largest difference from onnxruntime" in shown
    assert "faces: align_dataset.py --image_size 48 40; standardisation fixed" in shown
    card = read_card(hr_dir)
    assert card["template"] == "landmarks"
    assert (card["kind"], card["standardisation"], card["image_size"]) == ("hr", "fixed", [48, 40])
    assert card["source"]["file"] == "recogniser.onnx" and len(card["source"]["sha256"]) == 64
    assert read_classifier(hr_dir) == (None, [])
    embeddings = np.asarray(cshml_tf.load_recogniser(hr_dir)(np.full((2, 48, 40, 3), 99, np.uint8)))
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)

    folders = ["--models_base_dir", str(tmp_path / "models"), "--logs_base_dir", str(tmp_path / "logs")]
    words = ["--data_dir", str(texture_folder), *folders, "--pretrained_model", str(hr_dir), "--resolution", "12"]
    short = ["--run_name", "lr", "--max_steps", "3", "--batch_size", "6", "--learning_rate", "0.01"]
    assert train_cshml.main([*words, *short]) == 0
    assert read_card(tmp_path / "models" / "lr")["tap"] == "last_map"
    assert read_classifier(tmp_path / "models" / "lr")[0].shape == (8, 6)


@pytest.mark.parametrize("faces", ["texture_folder", "packed_textures"])
def test_the_comparison_can_use_faces(recogniser_file, tmp_path, capsys, request, faces):
    words = [*FIXED, "--compare_on", str(request.getfixturevalue(faces))]
    assert import_recogniser.main([str(recogniser_file), str(tmp_path / "hr"), *words]) == 0
    assert "of a unit embedding, on 30 faces" in capsys.readouterr().out


def test_faces_of_the_wrong_size_are_refused(recogniser_file, tmp_path, capsys):
    (tmp_path / "faces" / "somebody").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "faces" / "somebody" / "1.png"), np.zeros((20, 30, 3), np.uint8))
    words = [*FIXED, "--compare_on", str(tmp_path / "faces")]
    assert import_recogniser.main([str(recogniser_file), str(tmp_path / "hr"), *words]) == 2
    assert "faces: expected 48 x 40, the network's size, got 20 x 30" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "--standardisation: expected the scaling that the network was trained with"),
        (
            ["--standardisation", "fixed", "--stem_pool_stride", "2"],
            "--stem_pool_stride: expected a FaceNet checkpoint, got",
        ),
        ([*FIXED, "--embedding", "absent"], "expected a node or tensor of the graph"),
        (
            ["--standardisation", "fixed", "--image_size", "112", "112"],
            "expected images of (48, 40), got (112, 112)",
        ),
    ],
)
def test_bad_arguments_are_one_line(recogniser_file, tmp_path, capsys, words, message):
    try:
        code = import_recogniser.main([str(recogniser_file), str(tmp_path / "hr"), *words])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not (tmp_path / "hr").exists()


def test_an_unknown_template_is_refused(recogniser_file, tmp_path):
    with pytest.raises(ValueError, match="template: expected one of landmarks, box, got 'hair'"):
        import_onnx(recogniser_file, tmp_path / "hr", "fixed", template="hair")
    assert not (tmp_path / "hr").exists()


def test_a_folder_in_use_is_left_alone(recogniser_file, tmp_path, capsys):
    assert import_recogniser.main([str(recogniser_file), str(tmp_path), "--standardisation", "fixed"]) == 2
    assert "expected a folder that is absent or empty" in capsys.readouterr().err


def test_a_missing_source_is_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    absent = "SOURCE: expected an ONNX file or a FaceNet checkpoint, got"
    messages = {"absent.onnx": absent, "absent": absent, "empty": "expected a folder with one checkpoint"}
    for name, message in messages.items():
        assert import_recogniser.main([str(tmp_path / name), str(tmp_path / "hr"), *FIXED]) == 2
        error = capsys.readouterr().err
        assert message in error and len(error.splitlines()) == 1


def test_a_network_that_differs_from_onnxruntime_is_not_written(recogniser_file, tmp_path, monkeypatch, capsys):
    from cshml_tf.pretrained import importing

    monkeypatch.setattr(importing, "TOLERANCE", -1.0)
    assert import_recogniser.main([str(recogniser_file), str(tmp_path / "hr"), "--standardisation", "none"]) == 2
    assert "expected embeddings within -1e+00 of onnxruntime's, got a difference of" in capsys.readouterr().err
    assert not (tmp_path / "hr").exists()
