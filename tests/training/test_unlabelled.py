"""Runs with faces without names: what they teach, how runs resume, and what is refused."""

import dataclasses
import shutil

import numpy as np
import pytest
from runs import history, same_weights, weights

from cshml_tf.settings.training import LrSettings
from cshml_tf.training.lr import prepare_lr, train_lr


@pytest.fixture
def options(lr_options, texture_folder, tmp_path):
    """A run with half of the textures' people as named ones and the others nested in a folder without names."""
    people = tmp_path / "people.txt"
    people.write_text("person_0\nperson_1\nperson_2\n")
    for name in ("person_3", "person_4", "person_5"):
        shutil.copytree(texture_folder / name, tmp_path / "loose" / "deep" / name)
    names = {
        "people": str(people),
        "unlabelled_dir": str(tmp_path / "loose"),
        "unlabelled_batch_size": 4,
        "new_classifier": True,
    }
    return lr_options | names


@pytest.mark.slow
def test_a_run_resumes_bit_for_bit_wherever_the_faces_are(options, tmp_path):
    options |= {"checkpoint_steps": 3, "epoch_size": 3, "mixup": 0.5, "bank_weight": 0.5}
    whole, _ = train_lr(LrSettings(**options | {"run_name": "whole"}), progress=False)
    settings = LrSettings(**options | {"run_name": "parts"})

    def stop(step):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_lr(settings, progress=False, on_step=stop)
    (tmp_path / "loose").rename(tmp_path / "moved")
    moved = dataclasses.replace(settings, unlabelled_dir=str(tmp_path / "moved"))
    face = tmp_path / "moved" / "deep" / "person_3" / "person_3_0001.png"
    face.rename(tmp_path / face.name)
    with pytest.raises(ValueError, match="run_name: .* the content of unlabelled_dir changed"):
        train_lr(moved, progress=False)
    (tmp_path / face.name).rename(face)
    run, outcome = train_lr(moved, progress=False)
    assert outcome.complete and same_weights(weights(whole.model_dir), weights(run.model_dir))
    rows = history(run)
    assert all(float(row["pairs_per_second"]) > 0 and np.isfinite(float(row["bank"])) for row in rows)


def test_equations_3_and_5_learn_from_them_and_equation_2_does_not(options):
    """Each term with the faces without names is the mean over all rows; equation 2's is that of the named rows."""
    alone = prepare_lr(LrSettings(**options | {"unlabelled_dir": None, "unlabelled_batch_size": 30}))
    beside = prepare_lr(LrSettings(**options))
    batch, named = next(beside.batches_from(0)), next(alone.batches_from(0))
    terms, of_named = beside.network.terms(batch), beside.network.terms(named)
    others = {name: value[8:] for name, value in batch.items()}
    of_others = beside.network.terms(others)
    # Batch norm of the LR network sees other rows, so that its embeddings of the named ones differ a little.
    assert float(terms["classifier"]) == pytest.approx(float(of_named["classifier"]), rel=0.2)
    assert float(of_others["classifier"]) == 0 and float(of_others["contrastive"]) > 0
    assert beside.settings.rows_per_step == 12 and alone.settings.rows_per_step == 8


@pytest.mark.parametrize(
    "change, words",
    [
        ({"contrastive_weight": 0.0, "multi_hierarchy_weight": 0.0}, "expected a term that needs no label"),
        ({"cache_teacher": "cache"}, "cache_teacher, which lacks faces without names"),
        (
            {"mixup": 0.5, "unlabelled_batch_size": 1},
            "mixup.* expected .*unlabelled_batch_size.* 2 or more, got 1",
        ),
        (
            {"unlabelled_batch_size": 3, "replicas": 2, "strategy": "mirrored"},
            "expected a multiple of 2 replicas, got 3",
        ),
    ],
)
def test_settings_without_sense_are_refused(options, change, words):
    with pytest.raises(ValueError, match=words):
        train_lr(LrSettings(**options | change), progress=False)


def test_an_unreadable_face_without_a_name_ends_the_run_before_it_begins(options, tmp_path, capsys):
    (tmp_path / "loose" / "deep" / "person_4" / "person_4_0003.png").write_bytes(b"no picture")
    with pytest.raises(
        ValueError, match="unlabelled_dir: expected no unreadable image, got 1 of 15, listed above"
    ):
        train_lr(LrSettings(**options, check_images=True), progress=False)
    assert "person_4_0003.png" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"deep.person_4.person_4_0003\.png: .*; replace the file"):
        train_lr(LrSettings(**options | {"max_steps": 30, "run_name": "run"}), progress=False)
    # The steps before it are kept.
    assert list((tmp_path / "models" / "run" / "checkpoints").glob("*.npz"))
