"""Checkpoints: whole or not at all, the newest first."""

import struct

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
    assert restore_checkpoint(tmp_path, variables)[0] == 200
    assert np.array_equal(variables[0], values) and int(variables[1]) == 7


def test_two_are_kept_and_none_after_deletion(tmp_path, variables):
    for step in (1, 2, 3, 10):
        save_checkpoint(tmp_path, step, variables)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003.npz", "step-00000010.npz"]
    killed = replacing(tmp_path / "step-00000011.npz", ".npz")  # kept, so that its block never ends
    killed.__enter__().touch()
    delete_checkpoints(tmp_path)
    assert not list(tmp_path.iterdir())
    assert restore_checkpoint(tmp_path, variables)[0] == 0


def test_the_partial_file_of_a_killed_run_is_ignored(tmp_path, variables):
    save_checkpoint(tmp_path, 4, variables)
    killed = replacing(tmp_path / "step-00000008.npz", ".npz")  # kept, so that its block never ends
    half = killed.__enter__()
    half.write_bytes(b"PK\x03\x04 half")
    assert restore_checkpoint(tmp_path, variables)[0] == 4
    save_checkpoint(tmp_path, 8, variables)
    assert not half.exists() and restore_checkpoint(tmp_path, variables)[0] == 8


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


def test_the_checkpoint_before_a_damaged_one_is_restored_with_a_warning(tmp_path, variables, capsys):
    save_checkpoint(tmp_path, 4, variables, {"window": 4})
    variables[1].assign(9)
    save_checkpoint(tmp_path, 8, variables)
    newest = tmp_path / "step-00000008.npz"
    newest.write_bytes(newest.read_bytes()[:-10])
    assert restore_checkpoint(tmp_path, variables) == (4, {"window": 4}) and int(variables[1]) == 5
    said = capsys.readouterr().err
    assert said == (
        f"warning: {newest}: expected a checkpoint, got a file that is damaged; training continues from "
        "step-00000004.npz instead\n"
    )
    save_checkpoint(tmp_path, 6, variables)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000004.npz", "step-00000006.npz"]


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_ends_in_anything_but_one_line_or_the_right_values(tmp_path, variables, seed, capsys):
    random = np.random.default_rng(seed)
    save_checkpoint(tmp_path, 4, variables, {"window": {"steps": 1}})
    path = tmp_path / "step-00000004.npz"
    whole = path.read_bytes()
    for _ in range(60):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 4)):
            content[place] = random.integers(256)
        path.write_bytes(content[: random.integers(1, len(whole))] if random.random() < 0.2 else content)
        try:
            step, notes = restore_checkpoint(tmp_path, variables)
        except ValueError as error:
            assert str(error).startswith(f"{path}: expected ") and "\n" not in str(error)
        else:
            assert step == 4 and notes in ({"window": {"steps": 1}}, {})
            assert np.array_equal(variables[0], np.ones((2, 3))) and int(variables[1]) == 5


def test_nothing_is_unpickled_and_nothing_unpacked(tmp_path, variables):
    """A pickle, a compressed member and one that is said to be larger than the file are all refused as damaged."""
    path = tmp_path / "step-00000004.npz"
    np.savez(path, np.array([{"a": 1}], object), np.ones(1))
    with pytest.raises(ValueError, match="damaged"):
        restore_checkpoint(tmp_path, variables)
    np.savez_compressed(path, **{"0": np.ones((2, 3), np.float32), "1": np.array(5, np.int32)})
    with pytest.raises(ValueError, match="damaged"):
        restore_checkpoint(tmp_path, variables)
    save_checkpoint(tmp_path, 4, variables)
    content = path.read_bytes()
    sizes = struct.pack("<II", *[content.index(b"1.npy") and 132] * 2)
    assert sizes in content
    path.write_bytes(content.replace(sizes, struct.pack("<II", 2**31, 2**31)))
    with pytest.raises(ValueError, match="damaged"):
        restore_checkpoint(tmp_path, variables)


def test_many_steps_are_counted_in_order(tmp_path, variables):
    for step in (99_999_999, 100_000_000):
        save_checkpoint(tmp_path, step, variables)
    assert restore_checkpoint(tmp_path, variables)[0] == 100_000_000
