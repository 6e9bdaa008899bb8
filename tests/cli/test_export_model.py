"""`cshml-export`: which exports it writes where, what it prints, and what it refuses."""

import re

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("only TensorFlow exports", allow_module_level=True)

from cshml_tf.cli.export_model import main
from cshml_tf.export import check

PAIRS = "1\t2\nperson_0\t1\t2\nperson_1\t1\t2\nperson_0\t1\tperson_1\t1\nperson_2\t1\tperson_3\t1\n"


def failure(capsys, *words):
    assert main([str(word) for word in words]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    return last


@pytest.mark.slow
def test_one_export_fills_the_folder_and_several_get_one_each(hr_model_dir, texture_folder, tmp_path, capsys):
    words = [str(hr_model_dir), str(tmp_path / "out")]
    assert main(words) == 0
    assert (tmp_path / "out" / "saved_model.pb").is_file() and (tmp_path / "out" / "recogniser.json").is_file()
    line = (
        r"(.*): saved_model in float32, [\d.]+ MB, smallest cosine (1\.\d+|0\.9999\d+) on 40 faces, .* ms for 32"
    )
    assert re.fullmatch(line, capsys.readouterr().out.strip())[1] == str(tmp_path / "out")

    (tmp_path / "pairs.txt").write_text(PAIRS)
    words = [
        str(hr_model_dir),
        str(tmp_path / "several"),
        "--format",
        "saved_model",
        "onnx",
        "--precision",
        "float32",
    ]
    words += ["float16", "--compare_on", str(texture_folder), "--lfw_pairs", str(tmp_path / "pairs.txt")]
    assert main([*words, "--resolutions", "12"]) == 0
    names = ["saved_model_float32", "onnx_float32", "onnx_float16"]
    assert {path.name for path in (tmp_path / "several").iterdir()} == set(names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].rsplit("/")[-1] for line in lines[::3]] == names
    for line in lines[1::3]:
        assert re.fullmatch(r"  HR: ([\d.]+) % before, \1 % after", line)
    for line in lines[2::3]:
        assert re.fullmatch(r"  HL at 12: ([\d.]+) % before, \1 % after", line)


@pytest.mark.slow
def test_a_refused_export_leaves_nothing_and_the_others_stay(hr_model_dir, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(check.LEAST_COSINE, "float16", 1.1)
    words = [hr_model_dir, tmp_path / "out", "--format", "onnx", "--precision"]
    assert "onnx in float16: expected a cosine of at least 1.1" in failure(capsys, *words, "float16")
    assert list(tmp_path.iterdir()) == []
    assert "1 of 2 exports refused" in failure(capsys, *words, "float16", "float32")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["onnx_float32"]
    assert main([*map(str, [hr_model_dir, tmp_path / "kept", *words[2:]]), "float16", "--accept"]) == 0
    assert (tmp_path / "kept" / "recogniser.onnx").is_file()


def test_options_that_cannot_be_combined_are_one_line(hr_model_dir, texture_folder, tmp_path, capsys):
    words = [str(hr_model_dir), str(tmp_path / "out")]
    (tmp_path / "pairs.txt").write_text(PAIRS)
    for more, expected in {
        ("--precision", "int8"): "--precision: expected float32, the only precision of a SavedModel, got int8",
        ("--format", "onnx", "--precision", "int8"): "--calibrate: expected aligned faces",
        ("--lfw_pairs", str(tmp_path / "pairs.txt")): "--compare_on: expected the aligned faces of the pairs",
        ("--resolutions", "12"): "--resolutions: expected a list of pairs",
        ("--format", "torch"): "--format",
    }.items():
        with pytest.raises(SystemExit) as stop:
            main([*words, *more])
        shown = capsys.readouterr().err
        assert stop.value.code == 2 and expected in shown and shown.count("\n") == 1, shown
    assert not (tmp_path / "out").exists()
