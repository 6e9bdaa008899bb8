"""`--cache_teacher`: the terms of equation 6 without a pass through the HR network, and what the cache refuses."""

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from runs import history, interrupt_after, same_weights, weights

from cshml_tf.cli import train_cshml
from cshml_tf.data.sources import open_source
from cshml_tf.data.teacher_values import UNREAD
from cshml_tf.data.unreadable import Unreadable, UnreadableFace
from cshml_tf.files import lock_folder, partial_of, visible_entries
from cshml_tf.settings.training import LrSettings
from cshml_tf.training import teacher_building
from cshml_tf.training.lr import prepare_lr, train_lr
from cshml_tf.training.teacher_building import Plan, build
from cshml_tf.training.teacher_cache import open_teacher

SIZE, IMAGES = (48, 40), 30
# Rounding to float16 changes a number by at most this share of it.
HALF_STEP = 2.0**-11


@pytest.fixture(scope="module")
def experiment(texture_folder, hr_model_dir):
    """The two branches at the start of a run without a cache."""
    keras.utils.set_random_seed(7)
    settings = LrSettings(data_dir=str(texture_folder), pretrained_model=str(hr_model_dir), resolution=(8,))
    return prepare_lr(settings)


@pytest.fixture
def settings(lr_options, tmp_path):
    return LrSettings(**lr_options | {"learning_rate": 1e-3}, cache_teacher=str(tmp_path / "cache"))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(teacher_building, "_BATCH", 4)
    monkeypatch.setattr(teacher_building, "_BLOCK", 8)


@pytest.fixture
def opened(experiment, settings):
    """Return a function that opens the cache, with other settings or another source if given."""

    def open_with(network=None, source=None, limit=0, **changes):
        source = source or experiment.source
        changed = dataclasses.replace(settings, **changes)
        unreadable = Unreadable(source, SIZE, 0, limit)
        return open_teacher(changed, network or experiment.network, source, unreadable, SIZE)

    return open_with


@pytest.fixture
def words(texture_folder, hr_model_dir, tmp_path):
    """The words of a command that trains on a copy of the textures, apart from its cache."""
    shutil.copytree(texture_folder, tmp_path / "faces")
    words = ["--data_dir", tmp_path / "faces", "--pretrained_model", hr_model_dir, "--resolution", 8]
    words += ["--models_base_dir", tmp_path / "models", "--logs_base_dir", tmp_path / "logs", "--run_name", "run"]
    words += ["--batch_size", 8, "--max_steps", 20, "--checkpoint_steps", 100, "--learning_rate", 1e-3]
    return [str(word) for word in words]


def folder_of(settings):
    (folder,) = Path(settings.cache_teacher).iterdir()
    return folder


def content_of(folder):
    return {path.name: path.read_bytes() for path in visible_entries(folder) if path.suffix == ".npy"}


def test_every_value_and_every_term_is_within_float16s_error(experiment, opened):
    """With E the relative error of one rounding, values differ by E; from that follow the terms' errors.

    Unit embeddings move by 2 E at most (E, and E for their length), their cosines too. Equation 2 is a difference
    of two logits of scale s: 2 s 2 E. Equation 3 is a squared distance of at most 4: its root, 2, moves by 2 E.
    Equation 5 is a mean of squares m with HR values h: 2 sqrt(m mean(h^2)) E + mean(h^2) E^2.
    """
    network, teacher = experiment.network, opened()
    faces = experiment.source.read(np.arange(IMAGES), SIZE)
    for mirrored, start in np.ndindex(2, 3):
        rows = np.arange(10 * start, 10 * start + 10)
        hr = faces[rows][:, :, ::-1] if mirrored else faces[rows]
        exact = {f"teacher_{name}": np.asarray(value) for name, value in network.hr_values(hr).items()}
        stored = teacher.take(rows, np.full(10, bool(mirrored)))
        assert stored.keys() == exact.keys() == {"teacher_embedding", "teacher_pooled"}
        for name, value in exact.items():
            # 1e-5: batches of another size are summed in another order; 1e-7: float16's smallest steps.
            assert np.all(np.abs(stored[name] - value) <= (HALF_STEP + 1e-5) * np.abs(value) + 1e-5)
        labels = experiment.source.labels[rows]
        rest = {"lr": hr.astype(np.float32) // 8 * 8, "hr_label": labels, "lr_label": np.roll(labels, 2)}
        found, expected = (
            {name: float(value) for name, value in network.terms(rest | values).items()}
            for values in (stored, {"hr": hr})
        )
        squares, scale = np.mean(exact["teacher_pooled"] ** 2), network.settings.scale
        error = 2 * np.sqrt(expected["multi_hierarchy"] * squares) * HALF_STEP + squares * HALF_STEP**2
        assert abs(found["multi_hierarchy"] - expected["multi_hierarchy"]) <= 1.1 * error
        assert abs(found["contrastive"] - expected["contrastive"]) <= 8 * HALF_STEP
        assert abs(found["classifier"] - expected["classifier"]) <= 4 * scale * HALF_STEP
        assert found != expected


def test_a_cache_is_made_once_and_shared(experiment, opened, settings, monkeypatch):
    """Another tap adds its map; a run that mirrors no face has a cache of its own, without mirror images."""
    opened()
    folder = folder_of(settings)
    first = content_of(folder)
    assert set(first) == {"checksums.npy", "embedding.npy", "pooled-tap_block_c-pool_size_2.npy"}
    passes = []
    own = teacher_building._outputs
    monkeypatch.setattr(teacher_building, "_outputs", lambda *given: passes.append(given) or own(*given))
    opened()
    assert not passes
    monkeypatch.setattr(experiment.network, "tap", "block_b")
    # A map of 6 x 5 x 8, pooled by 2.
    assert opened().values["pooled"].shape == (IMAGES, 2, 3, 2, 8)
    assert len(passes) == 1 and content_of(folder).items() > first.items() and len(content_of(folder)) == 4
    opened(random_flip=False)
    (other,) = set(Path(settings.cache_teacher).iterdir()) - {folder}
    assert np.load(other / "embedding.npy").shape == (IMAGES, 1, 16)
    assert np.array_equal(np.load(other / "embedding.npy")[:, 0], np.load(folder / "embedding.npy")[:, 0])


def test_an_interrupted_cache_is_finished_as_if_it_had_not_been(opened, settings, small_blocks, monkeypatch):
    opened()
    folder = folder_of(settings)
    expected = content_of(folder)
    shutil.rmtree(folder)
    own, starts = teacher_building._outputs, []

    def interrupted(plan, images, faces):
        starts.append(int(images[0]))
        if len(starts) == 6:
            raise KeyboardInterrupt
        return own(plan, images, faces)

    monkeypatch.setattr(teacher_building, "_outputs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        opened()
    assert not content_of(folder) and partial_of(folder / "embedding.npy").exists()
    opened()
    # Faces 0 to 19 had been written, and 0 to 15 flushed.
    assert starts == [0, 4, 8, 12, 16, 20, 16, 20, 24, 28] and content_of(folder) == expected
    # Killed between the names of two arrays: the last block is compared with the checksums, and written again.
    whole = folder / "embedding.npy"
    whole.rename(partial_of(whole))
    opened()
    assert starts[10:] == [24, 28] and content_of(folder) == expected


@pytest.mark.parametrize("keep", [0, 50, 300, -1])
def test_a_cut_file_is_refused(opened, settings, keep):
    opened()
    path = folder_of(settings) / "embedding.npy"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"embedding.npy: expected .*; remove .*cache/\w+ to compute it anew$"):
        opened()


def test_parts_of_another_cache_are_refused(opened, settings):
    opened()
    folder = folder_of(settings)
    np.save(folder / "embedding.npy", np.zeros((IMAGES, 2, 8), np.float16))
    with pytest.raises(
        ValueError, match=r"embedding.npy: expected shape \(30, 2, 16\), got \(30, 2, 8\); remove "
    ):
        opened()
    inputs = json.loads((folder / "inputs.json").read_text())
    (folder / "inputs.json").write_text(json.dumps(inputs | {"network": "another"}))
    with pytest.raises(ValueError, match=r"inputs.json: expected the inputs of this run, got others \(network\)"):
        opened()
    (folder / "inputs.json").write_text(json.dumps(inputs))
    (folder / "checksums.npy").unlink()
    with pytest.raises(ValueError, match="expected checksums.npy beside the HR network's outputs"):
        opened()


def test_one_process_writes_at_a_time(opened, settings):
    opened()
    folder = folder_of(settings)
    (folder / "embedding.npy").unlink()
    with lock_folder(folder), pytest.raises(ValueError, match="another process is writing to this folder"):
        opened()
    opened()


def test_a_disk_that_is_too_small_is_refused_before_anything_is_computed(opened, monkeypatch):
    usage = teacher_building.shutil.disk_usage(".")
    monkeypatch.setattr(teacher_building.shutil, "disk_usage", lambda path: usage._replace(free=4079))
    monkeypatch.setattr(teacher_building, "_outputs", None)
    # 30 faces, each with 8 bytes of checksum and twice 16 + 16 values of two bytes.
    with pytest.raises(ValueError, match="cache_teacher: expected 4.08 kB of free space .*, got 4.08 kB in "):
        opened()


def test_values_beyond_float16_are_refused(experiment, tmp_path):
    pixels = keras.Input((*SIZE, 3))
    model = keras.Model(pixels, {"embedding": keras.layers.GlobalAveragePooling2D()(pixels) * 1e4})
    files, shapes = {"embedding": "embedding.npy"}, {"embedding.npy": (IMAGES, 2, 3)}
    plan = Plan(tmp_path, experiment.source, experiment.unreadable, SIZE, model, files, shapes)
    message = "float16 can hold, got a value in the embedding of person_0/person_0_0001.png that is too large"
    with pytest.raises(ValueError, match=message):
        build(plan, lambda: None, progress=False)


def test_a_damaged_image_ends_the_computation_until_it_is_replaced(opened, texture_folder, tmp_path):
    folder = tmp_path / "faces"
    shutil.copytree(texture_folder, folder)
    bad = folder / "person_1" / "person_1_0003.png"
    bad.write_text("no picture")
    source = open_source(folder)
    with pytest.raises(UnreadableFace, match="person_1_0003.png: .*; replace the file under its own name"):
        opened(source=source)
    with pytest.raises(UnreadableFace, match="skip_unreadable: expected at most 1 images, got 2, such as "):
        (folder / "person_2" / "person_2_0003.png").write_text("no picture")
        opened(source=source, limit=1)
    teacher = opened(source=source, limit=2)
    assert list(np.flatnonzero(teacher.checksums == UNREAD)) == [7, 12]
    # A new output must come from the same pixels as the others.
    shutil.copy(texture_folder / "person_1" / "person_1_0003.png", bad)
    (teacher.folder / "embedding.npy").unlink()
    with pytest.raises(UnreadableFace, match="^person_1/person_1_0003.png: expected the pixels from which"):
        opened(source=source, limit=2)


def rows_of(run):
    names = ("classifier", "contrastive", "multi_hierarchy", "weight_decay")
    return np.array([[float(row[name]) for name in names] for row in history(run)])


@pytest.mark.slow
def test_a_run_learns_what_it_learns_without_the_cache(settings):
    """Also with two replicas; and stopped, then continued after the cache has moved."""
    cache = Path(settings.cache_teacher)
    changes = {"plain": {"cache_teacher": None}, "cached": {}}
    if keras.backend.backend() == "tensorflow":
        changes["replicas"] = {"strategy": "mirrored", "replicas": 2}
    runs = {
        name: train_lr(dataclasses.replace(settings, run_name=name, log_every=1, **changed), progress=False)[0]
        for name, changed in changes.items()
    }
    terms = {name: rows_of(run) for name, run in runs.items()}
    assert terms["plain"].shape == (6, 4) and len(list(cache.iterdir())) == 1
    for name in terms:
        np.testing.assert_allclose(terms[name], terms["plain"], rtol=2e-3)
    broken = dataclasses.replace(settings, run_name="broken")
    train_lr(broken, progress=False, on_step=interrupt_after(3))
    moved = dataclasses.replace(broken, cache_teacher=str(cache.rename(cache.with_name("moved"))))
    again, outcome = train_lr(moved, progress=False)
    assert outcome.complete and same_weights(weights(again.model_dir), weights(runs["cached"].model_dir))


KILLED = """
import os, signal, sys
from cshml_tf.training import teacher_building
teacher_building._BATCH, teacher_building._BLOCK = 4, 8
own = teacher_building._outputs

def killed(plan, images, faces):
    if images[0] == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return own(plan, images, faces)

teacher_building._outputs = killed
from cshml_tf.cli import train_cshml
sys.exit(train_cshml.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_command_finishes_what_a_killed_one_began(words, tmp_path, small_blocks, monkeypatch):
    words += ["--max_minutes", "1e-9"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words, "--cache_teacher", str(tmp_path / "one")])
    (folder,) = (tmp_path / "one").iterdir()
    assert killed.returncode == -signal.SIGKILL and not content_of(folder)
    own, starts = teacher_building._outputs, []
    monkeypatch.setattr(
        teacher_building, "_outputs", lambda *given: starts.append(int(given[1][0])) or own(*given)
    )
    for name, first in (("one", 8), ("other", 0)):
        starts.clear()
        assert train_cshml.main([*words, "--cache_teacher", str(tmp_path / name)]) == 0
        # Of faces 0 to 19, the process had flushed 0 to 15 and trusted 0 to 7 or 0 to 15.
        assert starts[0] in (first, 2 * first) and starts[-1] == 28
    assert content_of(folder) == content_of(tmp_path / "other" / folder.name)


@pytest.mark.slow
def test_the_command_refuses_in_one_line(words, tmp_path, capsys):
    data = tmp_path / "faces"

    def refused(*more):
        capsys.readouterr()
        code = train_cshml.main([*words, "--cache_teacher", *map(str, more)])
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert code == 2 and len(lines) == 1
        return lines[0]

    assert "--cache_teacher: expected a place outside" in refused(data / "cache")
    assert "which is a file" in refused(data / "person_0" / "person_0_0001.png")
    with pytest.raises(SystemExit, match="2"):
        refused(tmp_path / "cache", "--random_shift", 2)
    assert re.search(
        r"--cache_teacher: cannot be combined with --random_shift, .*; got 2", capsys.readouterr().err
    )
    assert not (tmp_path / "cache").exists() and not (tmp_path / "models").exists()
    # A picture that changes after its outputs were computed ends the run that meets it; what is learnt is kept.
    assert train_cshml.main([*words, "--cache_teacher", str(tmp_path / "cache"), "--max_minutes", "1e-9"]) == 0
    shutil.copy(data / "person_0" / "person_0_0001.png", data / "person_3" / "person_3_0002.png")
    message = refused(tmp_path / "cache")
    assert "person_3/person_3_0002.png: expected the pixels from which the HR network's outputs" in message
