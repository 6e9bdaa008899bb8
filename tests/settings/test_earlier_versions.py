"""What version 0.1.0 wrote is understood: its runs and ablations continue under the same commands."""

import json

import pytest

from cshml_tf.cli import train_cshml
from cshml_tf.data.sources import open_source
from cshml_tf.settings.ablation import recipe_options
from cshml_tf.settings.training import HrSettings, LrSettings

# The settings in run.json of `train_cshml.py`, as version 0.1.0 wrote them, but for the paths.
LR_SETTINGS = """{
    "kind": "lr", "data_dir": "faces", "people": null, "logs_base_dir": "logs", "models_base_dir": "models",
    "run_name": "lr2", "pretrained_model": "models/hr", "batch_size": 8, "epoch_size": 1000,
    "max_nrof_epochs": null, "max_steps": 2, "max_minutes": 0.0001, "optimizer": "MOM", "learning_rate": 0.02,
    "cosine_decay": false, "learning_rate_schedule_file": null, "weight_decay": 0.0005,
    "moving_average_decay": 0.0, "random_flip": true, "random_shift": 0, "seed": 666, "scale": 30.0,
    "margin": 0.35, "strategy": "auto", "replicas": null, "mixed_precision": false, "log_every": 10,
    "checkpoint_steps": null, "checkpoint_minutes": 10.0, "lfw_dir": "faces", "lfw_pairs": "pairs.txt",
    "lfw_batch_size": 7, "lfw_use_flipped_images": true, "lfw_subtract_mean": true,
    "validate_every_n_epochs": 1, "resolution": [12, [10, 8]], "degradation": "antialias",
    "degrade_on_device": false, "classifier_weight": 1.0, "contrastive_weight": 1.0,
    "multi_hierarchy_weight": 1.0, "alpha": 1.0, "tap": "block_b", "pool_size": 2, "pairing": "same_image",
    "negative_share": 0.0, "mixup": 0.0, "new_classifier": false, "lr_model": "models/lr",
    "keep_probability": 1.0}"""
# Those of `train_hr.py` that an LR network's run does not have.
HR_SETTINGS = """{
    "model_def": "small_resnet", "image_size": [48, 40], "embedding_size": 16, "keep_probability": 0.8,
    "stem_pool_stride": null, "width": 4, "depth": null, "batch_norm": null, "standardisation": "per_image",
    "data_dir": "faces", "lfw_batch_size": 32, "pretrained_model": null}"""
# The entries of ablation.json that are options.
RECIPE = {
    *("new_classifier", "degrade_on_device", "optimizer", "random_flip", "margin", "checkpoint_steps", "alpha"),
    *("weight_decay", "max_nrof_epochs", "learning_rate", "mixup", "log_every", "degradation", "scale"),
    *("keep_probability", "replicas", "classifier_weight", "cosine_decay", "mixed_precision", "strategy"),
    *("contrastive_weight", "pairing", "batch_size", "negative_share", "moving_average_decay", "max_steps"),
    *("random_shift", "pool_size", "epoch_size", "multi_hierarchy_weight"),
}
# Options that came later; what an earlier version wrote has their defaults.
LATER = {
    *("bank_weight", "bank_size", "bank_limit", "low_contrast_weight", "temperature", "triplets_weight"),
    *("triplet_margin", "map_cosine_weight", "sample_relations_weight", "relational_weight", "mirror_target"),
    *("photographs_together", "crop_jitter", "unlabelled_dir", "unlabelled_batch_size"),
}


def stored():
    settings = json.loads(LR_SETTINGS)
    del settings["kind"]
    return settings


def test_former_names_are_read_as_the_current_ones():
    settings = LrSettings.from_json(stored())
    assert settings.pretrained_lr_model == "models/lr" and settings.resolution == (12, (10, 8))
    assert (settings.embedding_batch_size, settings.use_flipped_images, settings.subtract_mean) == (7, True, True)
    renamed = {"lr_model", "lfw_batch_size", "lfw_use_flipped_images", "lfw_subtract_mean"}
    current = settings.as_json()
    assert all(current[name] == value for name, value in stored().items() if name not in renamed)
    added = {"check_images", "skip_unreadable", "cache_teacher", "augment_on", "xla"} | LATER
    assert len(current) == len(stored()) + len(added) and added <= set(current)
    hr = HrSettings.from_json(json.loads(HR_SETTINGS))
    assert (hr.image_size, hr.width, hr.embedding_batch_size) == ((48, 40), 4, 32)


@pytest.fixture
def begun(texture_folder, hr_model_dir, tmp_path):
    """The folder of a run that version 0.1.0 began and stopped before its first step, and its command."""
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("1\t1\nperson_0\t1\t2\nperson_0\t1\tperson_1\t2\n")
    paths = {
        "data_dir": str(texture_folder),
        "lfw_dir": str(texture_folder),
        "lfw_pairs": str(pairs),
        "pretrained_model": str(hr_model_dir),
        "models_base_dir": str(tmp_path / "models"),
        "logs_base_dir": str(tmp_path / "logs"),
        "lr_model": None,
    }
    settings = json.loads(LR_SETTINGS) | paths
    data = open_source(texture_folder).digest()
    inputs = {"learning rate schedule": [[0, 0.02]], "data": data, "stream": "folders"}
    folder = tmp_path / "models" / "lr2"
    folder.mkdir(parents=True)
    state = {"finished": False, "settings": settings, "inputs": inputs}
    (folder / "run.json").write_text(json.dumps(state))
    words = [word for name, path in paths.items() if path for word in (f"--{name}", path)]
    return folder, [
        *words,
        *"--run_name lr2 --batch_size 8 --max_steps 2 --learning_rate 0.02".split(),
        *"--resolution 12 10x8 --tap block_b".split(),
        *"--lfw_batch_size 7 --lfw_use_flipped_images --lfw_subtract_mean".split(),
    ]


@pytest.mark.slow
def test_a_run_that_it_began_continues_under_the_same_command(begun, capsys):
    folder, command = begun
    assert train_cshml.main([*command, "--margin", "0.2"]) == 2
    assert "a run with other settings (margin): margin was 0.35 and is 0.2" in capsys.readouterr().err
    assert train_cshml.main([*command, "--no_random_flip"]) == 2
    assert "(random_flip): random_flip was True and is False" in capsys.readouterr().err
    assert train_cshml.main(command) == 0
    shown = capsys.readouterr()
    assert "finished: 2 steps done" in shown.out
    assert "warning: --lfw_batch_size is now --embedding_batch_size" in shown.err
    state = json.loads((folder / "run.json").read_text())
    assert state["finished"] and state["settings"]["embedding_batch_size"] == 7
    # And under the same command in today's words.
    current = [word.replace("--lfw_batch_size", "--embedding_batch_size") for word in command]
    assert (
        train_cshml.main([word.replace("--lfw_use", "--use").replace("--lfw_sub", "--sub") for word in current])
        == 0
    )
    shown = capsys.readouterr()
    assert "already finished" in shown.out and "warning" not in shown.err


def test_an_ablation_compares_the_same_options():
    # Paths are compared by what they lead to.
    assert recipe_options() == (RECIPE | LATER) - {"unlabelled_dir"}
