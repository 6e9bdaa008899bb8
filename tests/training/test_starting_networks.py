"""The networks and W at the start of a run: new, cloned, or trained by an earlier run."""

import keras
import numpy as np
import pytest

import cshml_tf
from cshml_tf.derived.widening import widen_network
from cshml_tf.model_folder import read_card, read_classifier
from cshml_tf.recogniser import backbone_of
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.hr import prepare_hr, train_hr
from cshml_tf.training.lr import train_lr


def test_options_reach_the_network_that_has_them(hr_options):
    network = {"model_def": "resnet", "width": None, "depth": 4, "batch_norm": True}
    recogniser = prepare_hr(HrSettings(**hr_options | network)).recogniser
    kinds = [type(layer).__mro__ for layer in backbone_of(recogniser).layers]
    assert sum(keras.layers.Conv2D in kind for kind in kinds) == 4
    assert any(keras.layers.BatchNormalization in kind for kind in kinds)
    with pytest.raises(ValueError, match="^depth: expected a model_def that has this option, got mobilefacenet$"):
        prepare_hr(HrSettings(**hr_options | network | {"model_def": "mobilefacenet", "batch_norm": None}))


@pytest.mark.slow
def test_the_lr_network_and_w_start_from_the_hr_model(lr_options, hr_model_dir):
    """One step at a tiny rate leaves them where they started, apart from the statistics of batch norm."""
    run, _ = train_lr(LrSettings(**lr_options | {"max_steps": 1, "learning_rate": 1e-12}), progress=False)
    centres, _ = read_classifier(run.model_dir)
    assert np.max(np.abs(centres - read_classifier(hr_model_dir)[0])) < 1e-7
    before = backbone_of(cshml_tf.load_recogniser(hr_model_dir)).trainable_variables
    after = backbone_of(cshml_tf.load_recogniser(run.model_dir)).trainable_variables
    assert max(np.max(np.abs(np.asarray(a) - np.asarray(b))) for a, b in zip(before, after, strict=True)) < 1e-7


@pytest.mark.slow
def test_an_lr_run_can_start_from_an_lr_network(lr_options, hr_model_dir):
    first, _ = train_lr(LrSettings(**lr_options | {"max_steps": 10, "resolution": (12,)}), progress=False)
    idle = lr_options | {"pretrained_lr_model": str(first.model_dir), "max_steps": 1, "learning_rate": 1e-12}
    run, _ = train_lr(LrSettings(**idle | {"run_name": "second"}), progress=False)
    before, after = (backbone_of(cshml_tf.load_recogniser(folder)) for folder in (first.model_dir, run.model_dir))
    pairs = list(zip(before.trainable_variables, after.trainable_variables, strict=True))
    assert max(np.max(np.abs(np.asarray(a) - np.asarray(b))) for a, b in pairs) < 1e-7
    # W, too, comes from the LR network.
    assert np.max(np.abs(read_classifier(run.model_dir)[0] - read_classifier(first.model_dir)[0])) < 1e-7
    assert np.max(np.abs(read_classifier(run.model_dir)[0] - read_classifier(hr_model_dir)[0])) > 1e-3
    assert read_card(run.model_dir)["resolutions"] == [8]


@pytest.mark.slow
def test_a_start_that_is_no_clone_of_the_hr_network_is_refused(lr_options, hr_options, hr_model_dir):
    with pytest.raises(ValueError, match="expected the model folder of an LR network"):
        train_lr(LrSettings(**lr_options | {"pretrained_lr_model": str(hr_model_dir)}), progress=False)
    wider, _ = train_hr(
        HrSettings(**hr_options | {"width": 6, "max_steps": 1, "run_name": "wider"}), progress=False
    )
    of_wider = lr_options | {"pretrained_model": str(wider.model_dir), "max_steps": 1, "run_name": "lr"}
    other, _ = train_lr(LrSettings(**of_wider), progress=False)
    with pytest.raises(ValueError, match="lr_model: expected a network that began as a clone of the HR network"):
        train_lr(LrSettings(**lr_options | {"pretrained_lr_model": str(other.model_dir)}), progress=False)


@pytest.mark.slow
def test_wide_networks_are_trained_as_narrow_ones(lr_options, hr_model_dir, tmp_path):
    """The classifier of wide embeddings starts from class means; a wide network and a narrow one do not mix."""
    narrow, _ = train_lr(LrSettings(**lr_options | {"max_steps": 1}), progress=False)
    widen_network(hr_model_dir, tmp_path / "hr")
    widen_network(narrow.model_dir, tmp_path / "lr")
    options = lr_options | {"pretrained_model": str(tmp_path / "hr"), "max_steps": 2, "run_name": "wide"}
    run, _ = train_lr(LrSettings(**options | {"pretrained_lr_model": str(tmp_path / "lr")}), progress=False)
    width = cshml_tf.load_recogniser(tmp_path / "hr").output_shape[-1]
    assert (
        cshml_tf.load_recogniser(run.model_dir).output_shape[-1] == width == len(read_classifier(run.model_dir)[0])
    )
    for hr, lr in ((tmp_path / "hr", narrow.model_dir), (hr_model_dir, tmp_path / "lr")):
        mixed = options | {"pretrained_model": str(hr), "pretrained_lr_model": str(lr), "run_name": "mixed"}
        with pytest.raises(ValueError, match="lr_model: expected a network that began as a clone of the HR net"):
            train_lr(LrSettings(**mixed), progress=False)
