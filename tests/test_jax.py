"""The JAX backend on a machine without TensorFlow: it imports, trains and measures, and agrees with TensorFlow."""

import csv
import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from worker_processes import largest_difference

import cshml_tf
from cshml_tf.cli import train_cshml

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed"),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compares JAX with TensorFlow"),
]

# Modules that exist only for TensorFlow.
OF_TENSORFLOW = {
    "data.bitmaps",
    "data.decoding",
    "data.file_bytes",
    "data.refusals",
    "data.tensorflow_carrier",
    *(f"export{name}" for name in ("", ".exporting", ".litert", ".onnx", ".openvino", ".saved_model", ".served")),
    *(f"export.{name}" for name in ("accuracy", "check", "description", "faces", "folder", "format")),
    "runtimes.graph",
    "training.tensorflow_step",
    "cli.export_saved_model",
}

PAIRS = "1\t2\nperson_0\t1\t2\nperson_1\t1\t2\nperson_0\t1\tperson_1\t1\nperson_2\t1\tperson_3\t1\n"

WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # An import of it fails.
import runpy
script, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(script, run_name="__main__") if script.endswith(".py") else exec(script)
"""


def run_without_tensorflow(*words):
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_the_package_imports():
    package = cshml_tf.__path__[0]
    script = f"""
import importlib, pathlib
for path in sorted(pathlib.Path({package!r}).rglob("*.py")):
    parts = path.relative_to({package!r}).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    if name and name not in {OF_TENSORFLOW!r}:
        importlib.import_module("cshml_tf." + name)
"""
    result = run_without_tensorflow(script)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def command(packed_textures, hr_model_dir, tmp_path):
    words = ["--data_dir", packed_textures, "--pretrained_model", hr_model_dir, "--resolution", "8", "12"]
    words += ["--batch_size", "8", "--learning_rate", "0.001", "--max_steps", "4", "--log_every", "1"]
    words += ["--models_base_dir", tmp_path / "models", "--logs_base_dir", tmp_path / "logs"]
    return [str(word) for word in words]


def rows_of(tmp_path, name):
    with open(tmp_path / "logs" / name / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_training_agrees_with_tensorflow_and_evaluation_runs(command, packed_textures, hr_model_dir, tmp_path):
    result = run_without_tensorflow("train/train_cshml.py", *command, "--run_name", "jax")
    assert result.returncode == 0, result.stderr
    assert train_cshml.main([*command, "--run_name", "tensorflow"]) == 0
    on_jax, on_tensorflow = rows_of(tmp_path, "jax"), rows_of(tmp_path, "tensorflow")
    assert len(on_jax) == len(on_tensorflow) == 4
    for a, b in zip(on_jax, on_tensorflow, strict=True):
        for term in ("classifier", "contrastive", "multi_hierarchy", "weight_decay"):
            assert abs(float(a[term]) / float(b[term]) - 1) < 1e-3
    # TensorFlow reads the folder that JAX wrote.
    one, other = (cshml_tf.load_recogniser(tmp_path / "models" / name) for name in ("jax", "tensorflow"))
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 48, 40, 3)).astype(np.float32)
    assert np.max(np.abs(np.asarray(one(pixels)) - np.asarray(other(pixels)))) < 1e-2

    pairs = tmp_path / "pairs.txt"
    pairs.write_text(PAIRS)
    words = [packed_textures, "--lfw_pairs", pairs, "--hr_model", hr_model_dir]
    words += ["--lr_model", tmp_path / "models" / "jax", "--report", tmp_path / "report.json"]
    result = run_without_tensorflow("eval/evaluate_lfw.py", *words)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "report.json").exists() and "12 HL  LR network" in result.stdout


@pytest.mark.slow
def test_the_ablation_runs(packed_textures, hr_model_dir, tmp_path):
    (tmp_path / "pairs.txt").write_text(PAIRS)
    words = [tmp_path / "out", "--networks", hr_model_dir, "--resolutions", "8", "--losses", "2+3+5"]
    words += ["--data_dir", packed_textures, "--lfw_dir", packed_textures, "--lfw_pairs", tmp_path / "pairs.txt"]
    words += ["--batch_size", "8", "--learning_rate", "0.01", "--cosine_decay", "--max_steps", "2"]
    result = run_without_tensorflow("train/run_ablation.py", *words)
    assert result.returncode == 0, result.stderr
    assert "hr_8_eq2+3+5_seed666" in result.stdout and (tmp_path / "out" / "figure.png").exists()


def test_a_command_that_needs_tensorflow_fails_with_one_line(hr_model_dir, tmp_path):
    result = run_without_tensorflow("train/export_saved_model.py", hr_model_dir, tmp_path / "saved")
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "KERAS_BACKEND: expected tensorflow, which this command needs" in result.stderr


@pytest.mark.slow
def test_class_folders_train_as_packed_faces_do(command, texture_folder, packed_textures, tmp_path):
    for name, folder in (("folders", texture_folder), ("packed", packed_textures)):
        words = [str(folder) if word == str(packed_textures) else word for word in command]
        result = run_without_tensorflow("train/train_cshml.py", *words, "--run_name", name)
        assert result.returncode == 0, result.stderr
    losses = [[row["total"] for row in rows_of(tmp_path, name)] for name in ("folders", "packed")]
    assert losses[0] == losses[1] and len(losses[0]) == 4


@pytest.mark.slow
def test_cached_outputs_of_the_hr_network_train_as_the_network_does(command, tmp_path):
    for name, cache in (("plain", []), ("cached", ["--cache_teacher", tmp_path / "cache"])):
        result = run_without_tensorflow("train/train_cshml.py", *command, "--run_name", name, *cache)
        assert result.returncode == 0, result.stderr
    assert "30 faces: 4.08 kB to write to" in result.stderr
    for a, b in zip(rows_of(tmp_path, "plain"), rows_of(tmp_path, "cached"), strict=True):
        for term in ("classifier", "contrastive", "multi_hierarchy"):
            assert abs(float(a[term]) / float(b[term]) - 1) < 2e-3


@pytest.mark.slow
def test_two_replicas_learn_what_one_device_learns(command, tmp_path):
    names = {"one": [], "two": ["--strategy", "mirrored", "--replicas", "2", "--log_every", "2"]}
    for name, words in names.items():
        result = run_without_tensorflow("train/train_cshml.py", *command, "--run_name", name, *words)
        assert result.returncode == 0, result.stderr
    one, two = (cshml_tf.load_recogniser(tmp_path / "models" / name).get_weights() for name in names)
    assert largest_difference(one, two) < 1e-5


def test_a_batch_that_two_replicas_cannot_share_is_refused(command):
    words = [*command, "--strategy", "mirrored", "--replicas", "2", "--batch_size", "7"]
    result = run_without_tensorflow("train/train_cshml.py", *words)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "--batch_size: expected a multiple of 2 replicas, got 7" in result.stderr
