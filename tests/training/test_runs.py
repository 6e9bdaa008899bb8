"""Whole runs: they learn, and their folders describe them completely."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from runs import history, same_weights, weights

import cshml_tf
from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.files import ListWarning
from cshml_tf.images import read_image
from cshml_tf.model_folder import read_card, read_classifier, trained_people
from cshml_tf.recogniser import backbone_of
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.experiment import _write_lfw_result
from cshml_tf.training.hr import prepare_hr, train_hr
from cshml_tf.training.lr import prepare_lr, train_lr
from cshml_tf.training.validation import make_lfw_evaluation


def test_an_hr_run_learns_and_describes_itself(hr_options):
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


@pytest.mark.slow
def test_an_lr_run_learns_and_saves_only_the_lr_network(lr_options, hr_model_dir):
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

    plain, shifted, mixed = first_batch(), first_batch(random_shift=3), first_batch(mixup=1.0)
    assert not np.array_equal(plain["hr"], shifted["hr"])
    assert np.array_equal(plain["hr_label"], shifted["hr_label"])
    assert np.all(np.equal(mixed["hr_label"], -1)) and np.all(np.greater_equal(plain["hr_label"], 0))
    assert np.any(np.not_equal(first_batch(negative_share=1.0)["lr_label"], plain["lr_label"]))


@pytest.mark.slow
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


def test_mixed_precision_saves_float32(hr_options):
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


def test_lfw_is_measured_during_training(hr_options, texture_folder, tmp_path):
    pairs = write_pairs(tmp_path)
    options = hr_options | {"lfw_dir": str(texture_folder), "lfw_pairs": str(pairs), "epoch_size": 3}
    run, _ = train_hr(HrSettings(**options), progress=False)
    lines = (run.log_dir / "lfw_result.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["step 3", "step 6"]
    # The last line and the card state the accuracy of the saved network itself.
    listed = read_pairs(pairs)
    images, recogniser = find_images(texture_folder, listed), cshml_tf.load_recogniser(run.model_dir)
    accuracy = evaluate(listed, images, recogniser).report["HR"]["accuracy"]
    assert read_card(run.model_dir)["figures"]["HR"] == accuracy
    assert f"HR {accuracy:.5f}" in lines[1].split("\t")


@pytest.mark.slow
def test_lfw_options_mean_what_they_mean_in_evaluation(hr_options, texture_folder, tmp_path):
    pairs = write_pairs(tmp_path)
    options = hr_options | {"lfw_dir": str(texture_folder), "lfw_pairs": str(pairs), "max_steps": 1}
    options |= {"use_flipped_images": True, "subtract_mean": True}
    run, _ = train_hr(HrSettings(**options), progress=False)
    listed = read_pairs(pairs)
    images, recogniser = find_images(texture_folder, listed), cshml_tf.load_recogniser(run.model_dir)
    report = evaluate(listed, images, recogniser, options=Options(flip=True, subtract_mean=True)).report
    assert read_card(run.model_dir)["figures"]["HR"] == report["HR"]["accuracy"]


def test_pairs_that_the_validation_lacks_are_counted(hr_options, texture_folder, tmp_path):
    pairs = write_pairs(tmp_path)
    pairs.write_text(pairs.read_text().replace("person_3\t1\t2", "person_3\t1\t99"))
    settings = HrSettings(**hr_options | {"lfw_dir": str(texture_folder), "lfw_pairs": str(pairs)})
    with pytest.warns(ListWarning, match="pairs.txt: 1 of 8 pairs left out of the validation"):
        make_lfw_evaluation(settings)


def test_the_last_steps_are_logged_too(hr_options):
    run, _ = train_hr(HrSettings(**hr_options | {"max_steps": 5, "log_every": 3}), progress=False)
    assert [int(row["step"]) for row in history(run)] == [3, 5]


def test_an_average_of_no_steps_is_the_network_itself(hr_options):
    options = hr_options | {"max_minutes": 1e-9, "moving_average_decay": 0.9, "run_name": "hr"}
    run, outcome = train_hr(HrSettings(**options), progress=False)
    assert outcome.steps == 0
    untrained = prepare_hr(HrSettings(**options)).recogniser.get_weights()
    assert len(untrained) > 10 and same_weights(weights(run.model_dir), untrained)


@pytest.mark.slow
def test_w_starts_at_the_class_means_if_the_hr_network_has_none(lr_options, hr_model_dir, tmp_path):
    """After one step at a tiny rate, column c of W is still the mean HR embedding of class c, of unit length."""
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


@pytest.mark.slow
def test_any_layers_map_can_be_the_tap(lr_options):
    run, _ = train_lr(LrSettings(**lr_options | {"max_steps": 1, "tap": "stem.pool"}), progress=False)
    assert read_card(run.model_dir)["tap"] == "stem.pool"
    with pytest.raises(ValueError, match="a layer that outputs feature maps, got 'flatten'"):
        train_lr(LrSettings(**lr_options | {"tap": "flatten"}), progress=False)


def test_lfw_result_keeps_lines_that_are_not_its_own(tmp_path):
    path = tmp_path / "lfw_result.txt"
    path.write_text("step 3\tHR 0.5\nmy remark\n\nstep\nstep 6\tHR 0.6\nstep 9\tH")
    _write_lfw_result(tmp_path, 6, {"HR": 0.75, "gap": None})
    assert path.read_text() == "step 3\tHR 0.5\nmy remark\n\nstep\nstep 6\tHR 0.75000\n"
