"""Folders of version 0.1.0 can still be used: its networks return the same embeddings, its runs resume.

It wrote the files in `version_0_1_0` from the packed textures of `drawn.draw_textures`: an HR network; an LR run
of 8 steps that was killed after its checkpoint of step 4; and the classifier of the same run without a kill.
"""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from drawn import draw_textures

import cshml_tf
from cshml_tf.cli import evaluate_lfw
from cshml_tf.data.packed.writer import pack
from cshml_tf.images import read_image
from cshml_tf.model_folder import read_card, read_classifier
from cshml_tf.settings.training import LrSettings
from cshml_tf.training.lr import train_lr

WRITTEN = Path(__file__).parent / "version_0_1_0"
# The options with which the run was begun, under their present names.
OPTIONS = {
    "pretrained_model": "models/hr",
    "resolution": (8, 12),
    "batch_size": 8,
    "learning_rate": 0.05,
    "log_every": 2,
    "max_steps": 8,
    "checkpoint_steps": 4,
    "random_shift": 2,
    "mixup": 0.5,
    "use_flipped_images": True,
}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """The folder that version 0.1.0 worked in."""
    (tmp_path / "textures").mkdir()
    draw_textures(tmp_path / "textures")
    pack(tmp_path / "textures", tmp_path / "packed")
    for name in ("hr", "cut"):
        shutil.copytree(WRITTEN / name, tmp_path / "models" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_saved_network_returns_the_same_embeddings(workplace):
    recogniser = cshml_tf.load_recogniser("models/hr")
    pixels = np.stack([read_image(f"textures/person_{n}/person_{n}_0001.png") for n in range(3)])
    expected = np.load(WRITTEN / "embeddings.npy")
    assert expected.shape == (3, 16)
    assert np.abs(keras.ops.convert_to_numpy(recogniser(pixels)) - expected).max() < 1e-5


@pytest.mark.slow
def test_a_killed_run_resumes_as_if_it_had_not_been_killed(workplace):
    run, outcome = train_lr(LrSettings(data_dir="packed", run_name="cut", **OPTIONS), progress=False)
    assert outcome.complete and outcome.steps == 8
    centres, classes = read_classifier(run.model_dir)
    started = np.load(WRITTEN / "hr" / "classifier.npy")
    expected = np.load(WRITTEN / "whole_classifier.npy")
    assert len(classes) == 6 and np.abs(expected - started).max() > 1e-3
    # Equal bit for bit on the machine that wrote it; other processors sum in a different order.
    assert np.abs(centres - expected).max() < 1e-5
    assert read_card(run.model_dir)["settings"]["mixup"] == 0.5


def test_a_model_folder_is_measured(workplace, capsys):
    lines = ["2\t3"]
    for people in ("012", "345"):
        lines += [f"person_{name}\t1\t2" for name in people]
        lines += [f"person_{people[i]}\t1\tperson_{people[i - 1]}\t3" for i in range(3)]
    Path("pairs.txt").write_text("\n".join(lines) + "\n")
    words = ["textures", "--lfw_pairs", "pairs.txt", "--hr_model", "models/hr", "--resolutions", "8"]
    assert evaluate_lfw.main([*words, "--report", "report.json"]) == 0
    report = json.loads(Path("report.json").read_text())
    # As version 0.1.0 measured it: 10 of 12 pairs sharp, 11 with one or both at 8 x 8.
    accuracies = [
        part["accuracy"] for part in (report["HR"], report["8"]["HL_hr_network"], report["8"]["LL_hr_network"])
    ]
    assert accuracies == pytest.approx([10 / 12, 11 / 12, 11 / 12])
    assert "HL  HR network for both" in capsys.readouterr().out
