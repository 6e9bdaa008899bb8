"""What the commands refuse before Keras and its backend are imported: options, names and lists."""

import importlib
import json
import os
import zipfile

import numpy as np
import pytest

from cshml_tf.images import write_image
from cshml_tf.settings.training import LrSettings
from cshml_tf.training.early import check_network

TAPS, LAYERS = ["last_map", "embedding"], ["conv_1>pad", "conv_1", "stage.1_relu", "fc1"]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Return a folder with faces, lists, and a model folder of which only the names are there."""
    for person, number in np.ndindex(2, 2):
        folder = tmp_path / "faces" / f"person_{person}"
        folder.mkdir(parents=True, exist_ok=True)
        write_image(folder / f"person_{person}_{number + 1:04d}.png", np.zeros((48, 40, 3), np.uint8))
    (tmp_path / "pairs.txt").write_text("1\t1\nperson_0\t1\t2\nperson_0\t1\tperson_1\t1\n")
    (tmp_path / "odd.txt").write_text("no list\twith three\tand more\tand\tmore\n")
    write_model(tmp_path / "hr", {"output_layers": dict.fromkeys(TAPS), "layers": [{"name": n} for n in LAYERS]})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_model(folder, backbone):
    folder.mkdir()
    (folder / "model.json").write_text('{"kind": "hr", "image_size": [48, 40]}')
    layers = [{"name": "pixels", "config": {}}, {"name": "backbone", "config": backbone}]
    with zipfile.ZipFile(folder / "recogniser.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))


RUN = "--data_dir faces --models_base_dir models --logs_base_dir logs --run_name r --batch_size 4".split()
TRAIN = [*RUN, "--pretrained_model", "hr", "--resolution", "12"]
LFW = ["--lfw_dir", "faces", "--lfw_pairs"]
ABLATION = ["out", "--data_dir", "faces", "--networks", "hr", *LFW, "pairs.txt", "--resolutions", "12"]


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("train_cshml", [*TRAIN, "--tap", "block_z"], "--tap: expected one of last_map, or a layer that outputs"),
        ("train_cshml", [*TRAIN, "--tap", "embedding"], "--tap: expected one of last_map, or a layer"),
        (
            "run_ablation",
            [*ABLATION, "--losses", "2+5", "--taps", "block_z"],
            "--taps: expected one of last_map, or",
        ),
        ("train_cshml", [*TRAIN, *LFW, "odd.txt"], "odd.txt, line 1: expected a pair"),
        ("train_hr", [*RUN, *LFW, "odd.txt"], "odd.txt, line 1: expected a pair"),
        ("train_hr", [*RUN, "--people", "odd.txt"], "odd.txt, line 1: expected"),
        (
            "train_hr",
            [*RUN, "--learning_rate", "-1", "--learning_rate_schedule_file", "odd.txt"],
            "odd.txt, line 1: expected 'epoch: rate', got",
        ),
        (
            "train_cshml",
            [*TRAIN, "--strategy", "mirrored", "--replicas", "3"],
            "--batch_size: expected a multiple of 3 replicas, got 4",
        ),
        (
            "evaluate_lfw",
            ["faces", "--lfw_pairs", "pairs.txt", "--hr_model", "hr", "--resolutions", "44"],
            "--resolutions: expected at most the faces' 48 x 40, got 44 x 44",
        ),
        ("evaluate_tinyface", ["faces", "--hr_model", "hr"], "faces: "),
        ("evaluate_survface", ["faces", "--hr_model", "hr"], "faces: "),
        (
            "evaluate_scface",
            ["faces", "--hr_model", "hr", "--reduce", "1=44"],
            "--reduce of distance 1: expected at most the faces' 48 x 40, got 44 x 44",
        ),
    ],
)
def test_it_is_refused_before_the_backend_starts(places, capsys, monkeypatch, command, words, message):
    module = importlib.import_module(f"cshml_tf.cli.{command}")
    monkeypatch.setattr(module, "start_backend", lambda **options: pytest.fail("the backend was started"))
    assert module.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not any((places / name).exists() for name in ("models", "logs", "out"))


def settings(places, tap):
    return LrSettings(data_dir="faces", pretrained_model=str(places / "hr"), resolution=(12,), tap=tap)


@pytest.mark.parametrize("tap", [None, "last_map", "conv_1", "stage.1_relu", "/stage/1_relu", "stage/1_relu"])
def test_taps_and_layers_pass_in_any_spelling(places, tap):
    check_network(settings(places, tap))


@pytest.mark.parametrize(
    "content", [b"", b"PK\3\4damaged", None, {"layers": 3}, {"output_layers": {}, "layers": [1]}, "pipe"]
)
def test_other_files_are_left_to_the_loader(places, content):
    path = places / "hr" / "recogniser.keras"
    if isinstance(content, dict):
        (places / "hr" / "model.json").unlink()
        path.unlink()
        (places / "hr").rmdir()
        write_model(places / "hr", content)
    elif content in (None, "pipe"):
        path.unlink()
        if content == "pipe":
            os.mkfifo(path)
    else:
        path.write_bytes(content)
    check_network(settings(places, "block_z"))


def test_a_saved_recogniser_names_its_taps(hr_model_dir):
    chosen = dict(data_dir="faces", pretrained_model=str(hr_model_dir), resolution=(12,))
    for tap in ("stem_pool", "block_b", "stem.pool"):
        check_network(LrSettings(**chosen, tap=tap))
    with pytest.raises(ValueError, match="tap: expected one of stem_pool, block_a, block_b, block_c, or a layer"):
        check_network(LrSettings(**chosen, tap="block_z"))
