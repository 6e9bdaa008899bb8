"""HR training with LR copies among the faces: what it learns, resumes, describes and refuses."""

import dataclasses
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from runs import history, same_weights, weights

from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.lfw import evaluate
from cshml_tf.model_folder import load_recogniser, read_card, read_classifier
from cshml_tf.settings.option import OptionError
from cshml_tf.settings.training import HrSettings
from cshml_tf.training.early import check_start
from cshml_tf.training.hr import prepare_hr, train_hr

KILLED = """
import json, os, signal, sys
from cshml_tf.settings.training import HrSettings
from cshml_tf.training.hr import train_hr
settings = HrSettings.from_json(json.loads(sys.argv[1]))
train_hr(settings, progress=False, on_step=lambda step: step == 5 and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
def test_a_killed_run_continues_bit_for_bit(hr_options):
    mixed = {"resolutions": [8, [14, 12]], "lr_share": 0.5, "max_steps": 8, "checkpoint_steps": 3}
    options = hr_options | mixed
    whole, _ = train_hr(HrSettings.from_json(options | {"run_name": "whole"}), progress=False)
    broken = options | {"run_name": "broken"}
    killed = subprocess.run([sys.executable, "-c", KILLED, json.dumps(broken)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    run, outcome = train_hr(HrSettings.from_json(broken), progress=False)
    assert outcome.complete
    assert same_weights(weights(whole.model_dir), weights(run.model_dir))
    assert np.array_equal(read_classifier(whole.model_dir)[0], read_classifier(run.model_dir)[0])


@pytest.fixture
def pairs_file(tmp_path):
    """Pairs of the textures: each person's first two pictures, and the first of two people."""
    lines = ["2\t3"]
    for people in ((0, 1, 2), (3, 4, 5)):
        lines += [f"person_{person}\t1\t2" for person in people]
        lines += [f"person_{person}\t1\tperson_{(person + 1) % 6}\t1" for person in people]
    path = tmp_path / "pairs.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_it_learns_both_and_measures_both(hr_options, texture_folder, pairs_file):
    """40 steps halve the loss of a network that sees nothing but copies; validation measures HR, HL and LL."""
    validated = {"lfw_dir": str(texture_folder), "lfw_pairs": str(pairs_file), "epoch_size": 100}
    options = hr_options | {"max_steps": 40, "resolutions": (8,), "lr_share": 1.0, "degradation": "plain"}
    run, _ = train_hr(HrSettings(**options | validated), progress=False)
    rows = history(run)
    assert float(rows[-1]["classifier"]) < 0.5 * float(rows[0]["classifier"])
    card = read_card(run.model_dir)
    assert (card["kind"], card["resolutions"], card["degradation"]) == ("hr", [8], "plain")
    pairs = read_pairs(pairs_file)
    images = find_images(texture_folder, pairs)
    report = evaluate(
        pairs, images, load_recogniser(run.model_dir), resolutions=[8], degradation="plain", image_size=(48, 40)
    ).report
    expected = {"HR": report["HR"]["accuracy"]}
    expected |= {f"{name} 8": report["8"][f"{name}_hr_network"]["accuracy"] for name in ("HL", "LL")}
    assert card["figures"] == pytest.approx(expected)


def test_the_options_reach_the_batches(hr_options):
    def first(**options):
        return np.asarray(next(iter(prepare_hr(HrSettings(**hr_options | options)).batches_from(0)))["hr"])

    sharp, every = first(), first(resolutions=(8,), lr_share=1.0)
    some = first(resolutions=(8,), lr_share=0.5)
    is_sharp, is_reduced = ((some == faces).all(axis=(1, 2, 3)) for faces in (sharp, every))
    assert is_sharp.any() and is_reduced.any() and (is_sharp | is_reduced).all()
    assert not np.array_equal(every, first(resolutions=(8,), lr_share=1.0, degradation="plain"))


def test_bad_options_are_refused(hr_options, hr_model_dir):
    settings = HrSettings(**hr_options)
    with pytest.raises(OptionError, match="resolutions: expected each once, got 8 8"):
        dataclasses.replace(settings, resolutions=(8, (8, 8)))
    with pytest.raises(OptionError, match="lr_share: expected 0 to 1, got 1.5"):
        dataclasses.replace(settings, resolutions=(8,), lr_share=1.5)
    with pytest.raises(ValueError, match="expected at most the faces' 48 x 40, got 60 x 60"):
        check_start(dataclasses.replace(settings, resolutions=(60,)))
    run_options = {name: hr_options[name] for name in ("data_dir", "models_base_dir", "logs_base_dir")}
    from_model = HrSettings(**run_options, pretrained_model=str(hr_model_dir), resolutions=(60,))
    with pytest.raises(ValueError, match="expected at most the faces' 48 x 40, got 60 x 60"):
        check_start(from_model)
