"""Settings, faces and networks that cannot be used for training: the error is one line that names them."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest

from cshml_tf.model_folder import read_classifier, trained_people
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr
from cshml_tf.training.unread import TrainingDiverged


def test_a_run_that_cannot_begin_leaves_nothing(hr_options, tmp_path):
    with pytest.raises(ValueError, match="expected an aligned face of 64 x 64, got 48 x 40"):
        train_hr(HrSettings(**hr_options | {"image_size": (64, 64), "run_name": "hr"}), progress=False)
    assert not (tmp_path / "models").exists()


@pytest.mark.slow
def test_nan_stops_the_run_and_the_error_names_step_and_term(hr_options):
    # The weights grow by a factor of about a million per step.
    settings = HrSettings(**hr_options | {"learning_rate": 1000.0, "weight_decay": 1000.0, "max_steps": 30})
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


@pytest.mark.slow
def test_other_classes_are_an_error_that_names_both(lr_options, tmp_path):
    people = tmp_path / "people.txt"
    people.write_text("person_0\nperson_1\n")
    settings = LrSettings(**lr_options | {"people": str(people)})
    with pytest.raises(ValueError, match="6 classes in .*, 2 in the data; --new_classifier"):
        train_lr(settings, progress=False)
    run, _ = train_lr(dataclasses.replace(settings, new_classifier=True), progress=False)
    assert read_classifier(run.model_dir)[0].shape == (16, 2)
    assert len(trained_people(run.model_dir)) == 6


@pytest.mark.parametrize(
    "change, message",
    [
        ({"batch_size": 0}, "batch_size: expected a positive number, got 0"),
        ({"moving_average_decay": 1.0}, "moving_average_decay: expected 0 or more, below 1"),
        ({"lfw_dir": "lfw"}, "lfw_dir and lfw_pairs: expected both or neither"),
        ({"keep_probability": 0.0}, "keep_probability: expected above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a finite number, got nan"),
        ({"run_name": "../elsewhere"}, "run_name: expected the name of a folder, without a path"),
        ({"seed": 2**32}, "seed: expected 0 to 4294967295, got 4294967296"),
        ({"replicas": 2}, "replicas: expected strategy mirrored, got auto"),
        ({"learning_rate_schedule_file": "s.txt"}, "learning_rate_schedule_file: expected learning_rate -1"),
    ],
)
def test_invalid_settings_are_refused(hr_options, change, message):
    with pytest.raises(ValueError, match=message):
        HrSettings(**hr_options | change)


def test_all_weights_zero_is_refused(lr_options):
    with pytest.raises(ValueError, match="weights of equation 6: expected at least one above 0, got 0 for all"):
        LrSettings(**lr_options, classifier_weight=0.0, contrastive_weight=0.0, multi_hierarchy_weight=0.0)


def test_mixtures_that_nothing_learns_from_are_refused(lr_options):
    with pytest.raises(ValueError, match="mixup: expected equation 3 or 5 as well"):
        LrSettings(**lr_options, mixup=0.5, contrastive_weight=0.0, multi_hierarchy_weight=0.0)


@pytest.mark.parametrize("name", ["mixup", "negative_share"])
def test_shares_of_pairs_are_checked_with_the_settings(lr_options, name):
    with pytest.raises(ValueError, match=f"{name}: expected 0 to 1, got 1.5"):
        LrSettings(**lr_options, **{name: 1.5})


@pytest.mark.slow
def test_an_lr_network_cannot_serve_as_the_hr_network(lr_options):
    run, _ = train_lr(LrSettings(**lr_options | {"max_steps": 1, "run_name": "lr"}), progress=False)
    with pytest.raises(ValueError, match="lr: expected the model folder of an HR network"):
        train_lr(LrSettings(**lr_options | {"pretrained_model": str(run.model_dir)}), progress=False)


def test_options_of_a_new_network_are_refused_with_a_pretrained_one(hr_options, hr_model_dir):
    with pytest.raises(
        ValueError, match="model_def: cannot be combined with pretrained_model, which has its own; got small"
    ):
        HrSettings(**hr_options | {"pretrained_model": str(hr_model_dir)})


def test_a_resolution_beyond_the_faces_is_refused(lr_options):
    with pytest.raises(ValueError, match="resolution: expected at most the faces' 48 x 40, got 44 x 44"):
        train_lr(LrSettings(**lr_options | {"resolution": (44,)}), progress=False)
