"""Whole runs from packed faces and from class folders, on whichever backend the tests run."""

import dataclasses
import json
import shutil

import cv2
import keras
import numpy as np
import pytest
from runs import interrupt_after, same_weights, weights

import cshml_tf
from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.packed.source import read_packed
from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.lfw import evaluate
from cshml_tf.model_folder import read_card
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.devices import choose_strategy, distribute
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr

SIZE = (48, 40)


@pytest.fixture
def hr_settings(hr_options, packed_textures):
    return HrSettings(**hr_options | {"data_dir": str(packed_textures), "run_name": "hr", "max_steps": 30})


@pytest.fixture
def lr_settings(run_options, packed_textures, hr_settings):
    run, _ = train_hr(hr_settings, progress=False)
    own = {"data_dir": str(packed_textures), "pretrained_model": str(run.model_dir), "resolution": (8, 12)}
    return LrSettings(**run_options | own)


def totals(run):
    lines = (run.log_dir / "history.csv").read_text().splitlines()
    column = lines[0].split(",").index("total")
    return [float(line.split(",")[column]) for line in lines[1:]]


@pytest.mark.slow
def test_hr_and_lr_networks_learn_from_packed_faces(lr_settings, packed_textures, tmp_path):
    run, outcome = train_lr(dataclasses.replace(lr_settings, max_steps=20, run_name="lr"), progress=False)
    assert outcome.complete and totals(run)[-1] < totals(run)[0]
    card = read_card(run.model_dir)
    assert card["images"] == 30 and card["classes"] == 6 and card["resolutions"] == [8, 12]
    pairs_file = tmp_path / "pairs.txt"
    pairs_file.write_text(
        "1\t2\nperson_0\t1\t2\nperson_1\t1\t2\nperson_0\t1\tperson_1\t1\nperson_2\t1\tperson_3\t1\n"
    )
    pairs = read_pairs(pairs_file)
    images = find_images(packed_textures, pairs)
    hr, lr = (cshml_tf.load_recogniser(folder) for folder in (lr_settings.pretrained_model, run.model_dir))
    report = evaluate(pairs, images, hr, {8: lr, 12: lr}).report
    assert report["HR"]["accuracy"] == 1.0 and {"HL", "LL"} <= report["8"].keys() & report["12"].keys()


@pytest.mark.slow
def test_a_stopped_run_resumes_exactly(lr_settings):
    settings = dataclasses.replace(lr_settings, max_steps=8, moving_average_decay=0.9)
    whole, _ = train_lr(dataclasses.replace(settings, run_name="whole"), progress=False)
    stopped = dataclasses.replace(settings, run_name="stopped")
    _, outcome = train_lr(stopped, progress=False, on_step=interrupt_after(3))
    assert outcome.steps == 3 and not outcome.complete
    resumed, outcome = train_lr(stopped, progress=False)
    assert outcome.complete
    assert same_weights(weights(whole.model_dir), weights(resumed.model_dir))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one device on other backends")
def test_each_batch_is_divided_among_the_replicas(packed_textures):
    strategy = choose_strategy("mirrored", replicas=2)

    def stream():
        return two_branch_batches(read_packed(packed_textures), SIZE, 8, seed=3, resolutions=[8, 12])

    shared = iter(distribute(stream(), strategy))
    for whole, _ in zip(stream(), range(3), strict=False):
        parts = next(shared)
        for name, values in whole.items():
            halves = [np.asarray(half) for half in strategy.experimental_local_results(parts[name])]
            assert [len(half) for half in halves] == [4, 4]
            assert np.array_equal(np.concatenate(halves), values)


def test_faces_of_another_size_are_refused(hr_settings):
    with pytest.raises(ValueError, match="textures: expected an aligned face of 32 x 32, got 48 x 40"):
        train_hr(dataclasses.replace(hr_settings, image_size=(32, 32)), progress=False)


@pytest.mark.slow
def test_class_folders_and_packed_faces_give_one_network(hr_settings, texture_folder):
    settings = dataclasses.replace(hr_settings, max_steps=4, random_shift=2)
    packed, _ = train_hr(settings, progress=False)
    own = {"data_dir": str(texture_folder), "run_name": "folders"}
    folders, _ = train_hr(dataclasses.replace(settings, **own), progress=False)
    pairs = zip(weights(packed.model_dir), weights(folders.model_dir), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("damage", ["no picture", "another size"])
def test_the_error_for_an_unfit_file_is_one_line_that_names_it(
    hr_settings, texture_folder, tmp_path, damage, capfd
):
    shutil.copytree(texture_folder, tmp_path / "faces")
    file = tmp_path / "faces" / "person_3" / "person_3_0002.png"
    if damage == "no picture":
        file.write_bytes(b"no picture")
        message = "not a JPEG"
    else:
        cv2.imwrite(str(file), np.zeros((50, 40, 3), np.uint8))
        message = "expected an aligned face of 48 x 40, got 50 x 40"
    with pytest.raises(ValueError) as error:
        train_hr(dataclasses.replace(hr_settings, data_dir=str(tmp_path / "faces")), progress=False)
    assert str(error.value).startswith(f"{file}: {message}") and "\n" not in str(error.value)
    assert "person_3_0002" not in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["packed", "folders"])
def test_a_run_of_version_0_1_0_resumes(hr_settings, stream, capsys):
    """Version 0.1.0 recorded its order of batches; that for class folders has changed, as one warning states."""
    started, _ = train_hr(dataclasses.replace(hr_settings, max_minutes=1e-9), progress=False)
    note = started.model_dir / "run.json"
    state = json.loads(note.read_text())
    assert set(state["inputs"]) == {
        *("learning rate schedule", "data", "images", "people"),
        *("pretrained_model", "lfw_dir", "lfw_pairs"),
    }
    state["inputs"]["stream"] = stream
    note.write_text(json.dumps(state))
    capsys.readouterr()
    warned = []
    for _ in range(2):
        _, outcome = train_hr(dataclasses.replace(hr_settings, max_minutes=1e-9), progress=False)
        assert not outcome.complete
        warned.append(capsys.readouterr().err)
    if stream == "folders":
        assert warned[0].startswith(
            f"warning: {started.model_dir} was started by version 0.1.0 from class folders"
        )
        assert warned[0].count("\n") == 1
    assert warned[stream == "folders" :] == [""] * (2 - (stream == "folders"))
