"""From a pretrained file to a model folder that trains and serves."""

import contextlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import helper, load, numpy_helper, save

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


def whole(model_dir):
    return sorted(path.name for path in model_dir.iterdir()) == sorted(
        ["classes.txt", "model.json", "people.txt", "recogniser.keras"]
    )


@pytest.fixture
def failing_write(monkeypatch):
    """Let the first import fail as on a full disk, in the middle of its writing."""
    from cshml_tf import model_folder

    write_json = model_folder.write_json

    def fail(path, content):
        monkeypatch.setattr(model_folder, "write_json", write_json)
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(model_folder, "write_json", fail)


@pytest.mark.parametrize("exists", [False, True])
def test_a_failed_first_write_leaves_nothing_and_can_be_repeated(
    exists, failing_write, recogniser_file, tmp_path, capsys
):
    hr_dir = tmp_path / "models" / "hr"
    if exists:
        hr_dir.mkdir(parents=True)
    assert import_recogniser.main([str(recogniser_file), str(hr_dir), *FIXED]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert [path for path in hr_dir.parent.rglob("*") if path != hr_dir and path.name != ".lock"] == []
    assert import_recogniser.main([str(recogniser_file), str(hr_dir), *FIXED]) == 0
    assert read_card(hr_dir)["source"]["embedding"] == "embedding"


def test_what_a_killed_import_and_other_programs_have_left_does_not_count(recogniser_file, tmp_path):
    """0.2.0 left `.partial-` files in the folder itself, and file managers leave hidden files anywhere."""
    hr_dir = tmp_path / "hr"
    hr_dir.mkdir()
    (hr_dir / ".partial-0123abcd-99-0.keras").write_bytes(b"half")
    (hr_dir / ".DS_Store").write_bytes(b"kept")
    assert import_recogniser.main([str(recogniser_file), str(hr_dir), *FIXED]) == 0
    assert (hr_dir / ".DS_Store").read_bytes() == b"kept"
    assert not list(hr_dir.glob(".partial-*")) and read_card(hr_dir)["kind"] == "hr"


def test_a_new_folder_appears_whole(recogniser_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hr").mkdir()
    (tmp_path / "link").symlink_to("hr")
    import_onnx(recogniser_file, "new", "fixed")
    import_onnx(recogniser_file, "link", "fixed")
    assert whole(tmp_path / "new") and read_card(tmp_path / "hr")["kind"] == "hr"
    assert {path.name for path in tmp_path.iterdir()} == {"recogniser.onnx", "hr", "link", "new"}


@pytest.mark.parametrize("exists", [False, True])
def test_a_second_import_into_the_same_folder_is_refused_before_its_work(
    exists, recogniser_file, tmp_path, capsys
):
    from cshml_tf.files import claimed, lock_folder

    hr_dir = tmp_path / "hr"
    if exists:
        hr_dir.mkdir()
    with contextlib.closing(lock_folder(hr_dir)) if exists else claimed(hr_dir):
        # The file is never read: it is no ONNX file.
        (tmp_path / "other.onnx").write_bytes(b"not ONNX")
        assert import_recogniser.main([str(tmp_path / "other.onnx"), str(hr_dir), *FIXED]) == 2
    error = capsys.readouterr().err
    assert f"{hr_dir}: another process is writing" in error and len(error.splitlines()) == 1
    assert import_recogniser.main([str(recogniser_file), str(hr_dir), *FIXED]) == 0


@pytest.mark.slow
def test_two_imports_at_once(recogniser_file, tmp_path):
    hr_dir = tmp_path / "hr"
    code = "import sys; from cshml_tf.cli.import_recogniser import main; sys.exit(main())"
    words = [sys.executable, "-c", code, str(recogniser_file), str(hr_dir), *FIXED]
    both = [
        subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in range(2)
    ]
    results = [(process.communicate(timeout=300)[1], process.returncode) for process in both]
    assert 0 in [code for _, code in results]
    # TensorFlow may write before the last line.
    refused = [error.splitlines()[-1] for error, code in results if code]
    assert all(line.startswith(f"error: {hr_dir}: ") for line in refused)
    assert np.asarray(cshml_tf.load_recogniser(hr_dir)(np.zeros((1, 48, 40, 3), np.uint8))).shape == (1, 8)


def test_the_embedding_is_chosen_and_named(tmp_path, capsys):
    exports = Path(__file__).parent / "exports"
    path = exports / "torch_script_norm.onnx"
    assert import_recogniser.main([str(path), str(tmp_path / "hr"), *FIXED]) == 0
    assert "embedding: 67; left out: onnx::Div_66" in capsys.readouterr().out
    assert read_card(tmp_path / "hr")["source"]["other_outputs"] == ["onnx::Div_66"]


def test_float16_has_its_own_tolerance(tmp_path):
    path = Path(__file__).parent / "exports" / "torch_script_half.onnx"
    assert 1e-4 < import_onnx(path, tmp_path / "hr", "fixed") < 2e-3


def test_classes_of_hidden_folders_are_passed_over(tmp_path):
    for name in ("b", "a", ".ipynb_checkpoints", "._a"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").write_text("no class")
    assert import_recogniser._class_names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("standardisation", ["fixed", "none"])
def test_an_error_in_a_node_names_the_file(standardisation, recogniser_file, tmp_path, capsys):
    model = load(recogniser_file)
    model.graph.node[1].op_type = "Hardmax"
    save(model, recogniser_file)
    words = [str(recogniser_file), str(tmp_path / "hr"), "--standardisation", standardisation]
    assert import_recogniser.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {recogniser_file}: node 'relu' (Hardmax): not supported; supported are Abs")
    assert "its inputs are (batch, 6, 11, 9)" in error and len(error.splitlines()) == 1
