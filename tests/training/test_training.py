"""Whole runs: they continue exactly, refuse other settings, and leave folders that explain themselves."""

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

import cshml_tf
from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.images import read_image
from cshml_tf.model_folder import read_card, read_classifier, trained_people
from cshml_tf.recogniser import backbone_of
from cshml_tf.training.hr import prepare_hr, train_hr
from cshml_tf.training.loop import TrainingDiverged
from cshml_tf.training.lr import prepare_lr, train_lr
from cshml_tf.training.run_folder import open_run
from cshml_tf.training.settings import HrSettings, LrSettings


@pytest.fixture
def lr_options(run_options, hr_model_dir):
    return run_options | {"pretrained_model": str(hr_model_dir), "resolution": (8,)}


def weights(model_dir):
    return cshml_tf.load_recogniser(model_dir).get_weights()


def same_weights(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def history(run):
    with open(run.log_dir / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_an_hr_run_learns_and_explains_itself(hr_options):
    run, outcome = train_hr(HrSettings(**hr_options | {"max_steps": 40, "run_name": "hr"}), progress=False)
    rows = history(run)
    assert outcome.complete and outcome.steps == 40
    assert [int(row["step"]) for row in rows] == list(range(2, 41, 2))
    assert float(rows[-1]["classifier"]) < 0.5 * float(rows[0]["classifier"])
    card = read_card(run.model_dir)
    assert card["kind"] == "hr" and card["image_size"] == [48, 40] and card["resolutions"] == []
    assert card["standardisation"] == "per_image" and card["weights"] == "last step" and card["steps"] == 40
    assert card["settings"]["learning_rate"] == 0.05 and card["versions"]["keras"]
    centres, classes = read_classifier(run.model_dir)
    assert centres.shape == (16, 6) and classes == sorted(trained_people(run.model_dir))
    assert any(path.name.startswith("events.out") for path in run.log_dir.iterdir())


def test_an_lr_run_learns_and_keeps_the_teacher_out_of_its_folder(lr_options, hr_model_dir):
    settings = LrSettings(**lr_options | {"max_steps": 40, "resolution": (8, (10, 6)), "run_name": "lr"})
    run, _ = train_lr(settings, progress=False)
    rows = history(run)
    assert float(rows[-1]["total"]) < float(rows[0]["total"])
    assert {"classifier", "contrastive", "multi_hierarchy", "total", "learning_rate"} <= rows[0].keys()
    card = read_card(run.model_dir)
    assert card["kind"] == "lr" and card["resolutions"] == [8, [10, 6]] and card["degradation"] == "antialias"
    assert len(weights(run.model_dir)) == len(weights(hr_model_dir))
    assert not same_weights(weights(run.model_dir), weights(hr_model_dir))


def test_the_options_of_pairs_reach_the_batches(lr_options):
    def first_batch(**options):
        return next(iter(prepare_lr(LrSettings(**lr_options | options)).batches_from(0)))

    plain, moved, mixed = first_batch(), first_batch(random_shift=3), first_batch(mixup=1.0)
    assert not np.array_equal(plain["hr"], moved["hr"]) and np.array_equal(plain["hr_label"], moved["hr_label"])
    assert np.all(np.equal(mixed["hr_label"], -1)) and np.all(np.greater_equal(plain["hr_label"], 0))
    assert np.any(np.not_equal(first_batch(negative_share=1.0)["lr_label"], plain["lr_label"]))


KILLED = """
import sys
from cshml_tf.training import loop
from cshml_tf.training.hr import train_hr
from cshml_tf.training.settings import HrSettings
import json, os, signal
record = loop.History.record
def record_then_die(self, step, *rest):
    record(self, step, *rest)
    if step == 7:
        os.kill(os.getpid(), signal.SIGKILL)
loop.History.record = record_then_die
options = json.loads(sys.argv[1])
options["image_size"] = tuple(options["image_size"])
train_hr(HrSettings(**options), progress=False)
"""


def test_a_killed_run_continues_bit_for_bit(hr_options):
    """Dropout, flips and momentum included: killed after step 7, the newest checkpoint is of step 4."""
    options = hr_options | {"max_steps": 12, "checkpoint_steps": 4, "epoch_size": 6}
    whole, _ = train_hr(HrSettings(**options | {"run_name": "whole"}), progress=False)
    broken = options | {"run_name": "broken"}
    killed = subprocess.run([sys.executable, "-c", KILLED, json.dumps(broken)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    run, outcome = train_hr(HrSettings(**broken), progress=False)
    assert outcome.complete
    assert same_weights(weights(whole.model_dir), weights(run.model_dir))
    assert np.array_equal(read_classifier(whole.model_dir)[0], read_classifier(run.model_dir)[0])
    losses = [[row["total"] for row in history(each)] for each in (whole, run)]
    assert losses[0] == losses[1] and len(losses[0]) == 6


def test_a_finished_run_says_so_and_a_stopped_one_goes_on(lr_options):
    settings = LrSettings(**lr_options | {"run_name": "lr", "max_minutes": 1e-9})
    run, outcome = train_lr(settings, progress=False)
    assert not outcome.complete and outcome.steps == 0 and read_card(run.model_dir)["complete"] is False
    longer = dataclasses.replace(settings, max_minutes=None)
    run, outcome = train_lr(longer, progress=False)
    assert outcome.complete and outcome.steps == 6
    assert train_lr(longer, progress=False)[1] is None
    assert not list(run.checkpoint_dir.glob("*.npz"))


def test_other_settings_under_the_same_name_are_refused(hr_options):
    settings = HrSettings(**hr_options | {"run_name": "hr", "max_steps": 1})
    train_hr(settings, progress=False)
    with pytest.raises(ValueError, match=r"other settings \(seed\): seed was 666 and is 1"):
        train_hr(dataclasses.replace(settings, seed=1), progress=False)


def test_a_folder_of_something_else_is_left_alone(hr_options, tmp_path):
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "diary.txt").write_text("dear")
    with pytest.raises(ValueError, match="is no run's folder"):
        train_hr(HrSettings(**hr_options | {"run_name": "mine"}), progress=False)
    assert [path.name for path in folder.iterdir()] == ["diary.txt"]


def test_a_run_that_cannot_begin_leaves_nothing(hr_options, tmp_path):
    with pytest.raises(ValueError, match="expected an aligned face of 64 x 64, got 48 x 40"):
        train_hr(HrSettings(**hr_options | {"image_size": (64, 64), "run_name": "hr"}), progress=False)
    assert not (tmp_path / "models").exists()


def test_nan_stops_the_run_naming_step_and_term(hr_options):
    settings = HrSettings(**hr_options | {"learning_rate": 1e30, "max_steps": 30})
    with pytest.raises(TrainingDiverged, match=r"step \d+: the loss term \w+ is (nan|inf)"):
        train_hr(settings, progress=False)


def test_an_unreadable_image_is_named(hr_options, texture_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(texture_folder, copy)
    (copy / "person_3" / "person_3_0002.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="person_3_0002.png"):
        train_hr(HrSettings(**hr_options | {"data_dir": str(copy)}), progress=False)


def test_an_image_of_another_size_is_named(hr_options, texture_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(texture_folder, copy)
    cv2.imwrite(str(copy / "person_5" / "person_5_0005.png"), np.zeros((50, 40, 3), np.uint8))
    with pytest.raises(ValueError, match="person_5_0005.png: expected an aligned face of 48 x 40, got 50 x 40"):
        train_hr(HrSettings(**hr_options | {"data_dir": str(copy)}), progress=False)


def test_other_classes_are_an_error_that_names_both(lr_options, tmp_path):
    people = tmp_path / "people.txt"
    people.write_text("person_0\nperson_1\n")
    settings = LrSettings(**lr_options | {"people": str(people)})
    with pytest.raises(ValueError, match="6 classes in .*, 2 in the data; --new_classifier"):
        train_lr(settings, progress=False)
    run, _ = train_lr(dataclasses.replace(settings, new_classifier=True), progress=False)
    assert read_classifier(run.model_dir)[0].shape == (16, 2)
    assert len(trained_people(run.model_dir)) == 6


def test_a_moving_average_is_saved_instead_of_the_last_weights(hr_options):
    options = hr_options | {"moving_average_decay": 0.9}
    averaged, _ = train_hr(HrSettings(**options), progress=False)
    plain, _ = train_hr(HrSettings(**hr_options | {"run_name": "plain"}), progress=False)
    assert read_card(averaged.model_dir)["weights"] == "moving average"
    kernels = [
        backbone_of(cshml_tf.load_recogniser(run.model_dir)).get_layer("stem.conv").kernel
        for run in (averaged, plain)
    ]
    assert np.max(np.abs(np.asarray(kernels[0]) - np.asarray(kernels[1]))) > 1e-4


def test_mixed_precision_saves_float32(hr_options, texture_folder):
    run, _ = train_hr(HrSettings(**hr_options | {"mixed_precision": True}), progress=False)
    recogniser = cshml_tf.load_recogniser(run.model_dir)
    policies = {layer.dtype_policy.name for layer in backbone_of(recogniser).layers}
    assert policies == {"float32"}
    assert {str(value.dtype) for value in recogniser.get_weights()} == {"float32"}


def test_dropout_is_facenets_keep_probability(hr_options):
    network = prepare_hr(HrSettings(**hr_options | {"keep_probability": 0.7})).network
    rates = [
        layer.rate for layer in backbone_of(network.recogniser).layers if isinstance(layer, keras.layers.Dropout)
    ]
    assert np.allclose(rates, [0.3])


def write_pairs(folder):
    """Write a list of two folds of two pairs of each kind of the textures."""
    lines = ["2\t2"]
    for fold in ((0, 1), (2, 3)):
        lines += [f"person_{person}\t1\t2" for person in fold]
        lines += [f"person_{fold[0]}\t{image}\tperson_{fold[1]}\t{image}" for image in (1, 2)]
    path = folder / "pairs.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_lfw_figures_come_while_training(hr_options, texture_folder, tmp_path):
    pairs = write_pairs(tmp_path)
    options = hr_options | {"lfw_dir": str(texture_folder), "lfw_pairs": str(pairs), "epoch_size": 3}
    run, _ = train_hr(HrSettings(**options), progress=False)
    assert 0 <= read_card(run.model_dir)["figures"]["HR"] <= 1
    text = (run.log_dir / "lfw_result.txt").read_text()
    assert [line.split("\t")[0] for line in text.splitlines()] == ["step 3", "step 6"]


def test_lfw_options_are_evaluations_own(hr_options, texture_folder, tmp_path):
    pairs = write_pairs(tmp_path)
    options = hr_options | {"lfw_dir": str(texture_folder), "lfw_pairs": str(pairs), "max_steps": 1}
    options |= {"use_flipped_images": True, "subtract_mean": True}
    run, _ = train_hr(HrSettings(**options), progress=False)
    listed = read_pairs(pairs)
    images, recogniser = find_images(texture_folder, listed), cshml_tf.load_recogniser(run.model_dir)
    report = evaluate(listed, images, recogniser, options=Options(flip=True, subtract_mean=True)).report
    assert read_card(run.model_dir)["figures"]["HR"] == report["HR"]["accuracy"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"batch_size": 0}, "batch_size: expected a positive number, got 0"),
        ({"moving_average_decay": 1.0}, "moving_average_decay: expected 0 to below 1"),
        ({"lfw_dir": "lfw"}, "lfw_dir and lfw_pairs: expected both or neither"),
        ({"keep_probability": 0.0}, "keep_probability: expected above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a finite number, got nan"),
        ({"run_name": "../elsewhere"}, "run_name: expected the name of a folder, without a path"),
        ({"seed": 2**32}, "seed: expected 0 to 4294967295, got 4294967296"),
        ({"replicas": 2}, "replicas: expected strategy mirrored, got auto"),
        ({"learning_rate_schedule_file": "s.txt"}, "learning_rate_schedule_file: expected learning_rate -1"),
    ],
)
def test_settings_that_no_run_can_have(hr_options, change, message):
    with pytest.raises(ValueError, match=message):
        HrSettings(**hr_options | change)


def test_all_weights_zero_is_refused(lr_options):
    with pytest.raises(ValueError, match="the weights of equation 6: expected 0 or more, one above 0"):
        LrSettings(**lr_options, classifier_weight=0.0, contrastive_weight=0.0, multi_hierarchy_weight=0.0)


def test_mixtures_that_nothing_learns_from_are_refused(lr_options):
    with pytest.raises(ValueError, match="mixup: expected equation 3 or 5 as well"):
        LrSettings(**lr_options, mixup=0.5, contrastive_weight=0.0, multi_hierarchy_weight=0.0)


@pytest.mark.parametrize("name", ["mixup", "negative_share"])
def test_shares_of_pairs_are_refused_before_anything_is_computed(lr_options, name):
    with pytest.raises(ValueError, match=f"{name}: expected 0 to 1, got 1.5"):
        LrSettings(**lr_options, **{name: 1.5})


def test_ctrl_c_saves_and_the_run_goes_on(hr_options, tmp_path):
    options = hr_options | {"run_name": "stopped", "max_steps": 100_000}
    code = KILLED.replace("signal.SIGKILL", "signal.SIGINT")
    stopped = subprocess.Popen([sys.executable, "-c", code, json.dumps(options)])
    assert stopped.wait(timeout=120) == 0
    card = read_card(tmp_path / "models" / "stopped")
    assert card["complete"] is False and card["steps"] == 7
    assert (tmp_path / "models" / "stopped" / "checkpoints" / "step-00000007.npz").exists()


def test_a_changed_schedule_is_refused(hr_options, tmp_path):
    schedule = tmp_path / "schedule.txt"
    schedule.write_text("0: 0.05\n")
    options = hr_options | {"learning_rate": -1, "learning_rate_schedule_file": str(schedule), "run_name": "hr"}
    train_hr(HrSettings(**options | {"max_minutes": 1e-6}), progress=False)
    schedule.write_text("0: 0.9\n")
    with pytest.raises(ValueError, match="began with another learning rate schedule than there is now"):
        train_hr(HrSettings(**options), progress=False)


def test_changed_data_are_refused(hr_options, texture_folder, tmp_path):
    shutil.copytree(texture_folder, tmp_path / "faces")
    options = hr_options | {"data_dir": str(tmp_path / "faces"), "run_name": "hr"}
    train_hr(HrSettings(**options | {"max_minutes": 1e-6}), progress=False)
    (tmp_path / "faces" / "person_1" / "person_1_0002.png").unlink()
    with pytest.raises(ValueError, match="began with another data than there is now"):
        train_hr(HrSettings(**options), progress=False)


def test_an_unnamed_run_goes_on_under_the_name_it_was_given(hr_options):
    run, outcome = train_hr(HrSettings(**hr_options | {"max_minutes": 1e-6}), progress=False)
    assert not outcome.complete
    again, outcome = train_hr(HrSettings(**hr_options | {"run_name": run.model_dir.name}), progress=False)
    assert again.model_dir == run.model_dir and outcome.complete


def test_two_processes_cannot_write_to_one_run(hr_options):
    settings = HrSettings(**hr_options | {"run_name": "hr"})
    other = open_run("hr", settings)
    other.begin({})
    with pytest.raises(ValueError, match="hr: another process is writing to this folder"):
        train_hr(settings, progress=False)
    other.release()
    assert train_hr(settings, progress=False)[1].complete


def test_the_last_steps_are_logged_too(hr_options):
    run, _ = train_hr(HrSettings(**hr_options | {"max_steps": 5, "log_every": 3}), progress=False)
    assert [int(row["step"]) for row in history(run)] == [3, 5]


def test_an_average_of_no_steps_is_the_network_itself(hr_options):
    options = hr_options | {"max_minutes": 1e-9, "moving_average_decay": 0.9, "run_name": "hr"}
    run, outcome = train_hr(HrSettings(**options), progress=False)
    assert outcome.steps == 0
    assert all(np.any(values) for values in weights(run.model_dir) if values.ndim > 1)


def test_an_lr_network_is_no_teacher(lr_options):
    run, _ = train_lr(LrSettings(**lr_options | {"max_steps": 1, "run_name": "lr"}), progress=False)
    with pytest.raises(ValueError, match="lr: expected the model folder of an HR network"):
        train_lr(LrSettings(**lr_options | {"pretrained_model": str(run.model_dir)}), progress=False)


def test_a_given_network_brings_its_own_options(hr_options, hr_model_dir):
    with pytest.raises(
        ValueError, match="model_def: cannot be combined with pretrained_model, which has its own; got small"
    ):
        HrSettings(**hr_options | {"pretrained_model": str(hr_model_dir)})


def test_w_starts_at_the_class_means_where_there_is_none(lr_options, hr_model_dir, tmp_path):
    """One step at a rate of almost nothing: column c of W is the mean HR embedding of class c, of unit length."""
    without = shutil.copytree(hr_model_dir, tmp_path / "hr")
    (without / "classifier.npy").unlink()
    (without / "classes.txt").write_text("")
    options = lr_options | {"pretrained_model": str(without), "max_steps": 1, "learning_rate": 1e-12}
    run, _ = train_lr(LrSettings(**options), progress=False)
    centres, classes = read_classifier(run.model_dir)
    recogniser = cshml_tf.load_recogniser(hr_model_dir)
    for column, name in enumerate(classes):
        files = sorted((Path(lr_options["data_dir"]) / name).iterdir())
        mean = np.mean([np.asarray(recogniser(read_image(file)[None]))[0] for file in files], axis=0)
        np.testing.assert_allclose(centres[:, column], mean / np.linalg.norm(mean), atol=1e-5)


def test_any_layers_map_can_be_the_tap(lr_options):
    run, _ = train_lr(LrSettings(**lr_options | {"max_steps": 1, "tap": "stem.pool"}), progress=False)
    assert read_card(run.model_dir)["tap"] == "stem.pool"
    with pytest.raises(ValueError, match="a layer that outputs feature maps, got 'flatten'"):
        train_lr(LrSettings(**lr_options | {"tap": "flatten"}), progress=False)


def test_a_resolution_beyond_the_faces_is_refused(lr_options):
    with pytest.raises(ValueError, match="resolution: expected at most the faces' 48 x 40, got 44 x 44"):
        train_lr(LrSettings(**lr_options | {"resolution": (44,)}), progress=False)
