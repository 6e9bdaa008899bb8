"""Checkpoints: whole or not at all, the newest first."""

import keras
import numpy as np
import pytest

from cshml_tf.files import replacing
from cshml_tf.training.checkpoint import delete_checkpoints, restore_checkpoint, save_checkpoint


@pytest.fixture
def variables():
    return [keras.Variable(np.ones((2, 3)), name="w"), keras.Variable(np.array(5), dtype="int32", name="step")]


def test_the_newest_is_restored_bit_for_bit(tmp_path, variables):
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    save_checkpoint(tmp_path, 10, variables)
    variables[0].assign(values)
    variables[1].assign(7)
    save_checkpoint(tmp_path, 200, variables)
    variables[0].assign(np.zeros((2, 3)))
    variables[1].assign(0)
    assert restore_checkpoint(tmp_path, variables) == 200
    assert np.array_equal(variables[0], values) and int(variables[1]) == 7


def test_two_are_kept_and_none_after_deletion(tmp_path, variables):
    for step in (1, 2, 3, 10):
        save_checkpoint(tmp_path, step, variables)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003.npz", "step-00000010.npz"]
    killed = replacing(tmp_path / "step-00000011.npz", ".npz")  # kept, so that its block never ends
    killed.__enter__().touch()
    delete_checkpoints(tmp_path)
    assert not list(tmp_path.iterdir())
    assert restore_checkpoint(tmp_path, variables) == 0


def test_the_partial_file_of_a_killed_run_is_ignored(tmp_path, variables):
    save_checkpoint(tmp_path, 4, variables)
    killed = replacing(tmp_path / "step-00000008.npz", ".npz")  # kept, so that its block never ends
    half = killed.__enter__()
    half.write_bytes(b"PK\x03\x04 half")
    assert restore_checkpoint(tmp_path, variables) == 4
    save_checkpoint(tmp_path, 8, variables)
    assert not half.exists() and restore_checkpoint(tmp_path, variables) == 8


def test_weights_that_are_not_finite_are_not_saved(tmp_path, variables):
    variables[0].assign(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="step 8: expected finite weights, got NaN or infinity in w"):
        save_checkpoint(tmp_path, 8, variables)
    assert not list(tmp_path.glob("step-*"))


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path, variables):
    save_checkpoint(tmp_path, 4, variables)
    with pytest.raises(ValueError, match="expected the variables of this network, got others"):
        restore_checkpoint(tmp_path, variables[:1])
    (tmp_path / "step-00000004.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="damaged"):
        restore_checkpoint(tmp_path, variables)
