"""Arrays that grow on the disk: whole under their names, continued after a kill."""

import os

import numpy as np
import pytest

from cshml_tf.files import GrowingArray, partial_of, read_array

ROWS = np.arange(10 * 3, dtype=np.float16).reshape(10, 3)


def opened(path, block=4, shape=ROWS.shape):
    array = GrowingArray(path, shape, np.float16, block)
    array.keep(array.rows)
    return array


def test_the_array_appears_once_it_is_whole(tmp_path):
    path = tmp_path / "values.npy"
    array = opened(path)
    for start in range(0, 10, 2):
        assert array.bytes_left == (10 - start) * 6 and not path.exists()
        array.append(ROWS[start : start + 2])
    array.finish()
    assert np.array_equal(read_array(path, np.float16, 2), ROWS) and np.array_equal(np.load(path), ROWS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["values.npy"]


def test_an_array_that_lacks_rows_does_not_appear(tmp_path):
    array = opened(tmp_path / "values.npy")
    array.append(ROWS[:9])
    with pytest.raises(ValueError, match="values.npy: expected 10 rows, got 9"):
        array.finish()
    array.close()
    assert not (tmp_path / "values.npy").exists()


@pytest.mark.parametrize("written, bytes_lost, trusted", [(2, 0, 0), (4, 0, 0), (6, 0, 4), (8, 0, 4), (10, 1, 8)])
def test_only_blocks_before_the_last_are_trusted(tmp_path, written, bytes_lost, trusted):
    """A loss of power may leave anything after the last block that was flushed."""
    path = tmp_path / "values.npy"
    array = opened(path)
    for start in range(0, written, 2):
        array.append(ROWS[start : start + 2])
    array.close()
    whole = partial_of(path).read_bytes()
    partial_of(path).write_bytes(whole[: len(whole) - bytes_lost])
    again = opened(path)
    assert again.rows == trusted
    again.append(ROWS[trusted:])
    again.finish()
    assert np.array_equal(read_array(path, np.float16, 2), ROWS)


def test_a_beginning_of_another_shape_is_not_continued(tmp_path):
    array = opened(tmp_path / "values.npy")
    array.append(ROWS[:8])
    array.close()
    other = opened(tmp_path / "values.npy", shape=(12, 3))
    assert other.rows == 0
    other.append(np.ones((12, 3)))
    other.finish()
    assert np.array_equal(np.load(tmp_path / "values.npy"), np.ones((12, 3)))


def test_fewer_rows_can_be_kept(tmp_path):
    array = opened(tmp_path / "values.npy")
    array.append(ROWS[:4])
    array.append(ROWS[4:6])
    array.close()
    again = GrowingArray(tmp_path / "values.npy", ROWS.shape, np.float16, 4)
    again.keep(1)
    again.append(ROWS[1:])
    again.finish()
    assert np.array_equal(np.load(tmp_path / "values.npy"), ROWS)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_something_else_in_its_place_is_refused(tmp_path, kind):
    path, mine = tmp_path / "values.npy", tmp_path / "mine"
    mine.write_text("mine")
    place = partial_of(path)
    {"link": lambda: place.symlink_to(mine), "pipe": lambda: os.mkfifo(place), "folder": place.mkdir}[kind]()
    with pytest.raises(ValueError, match=f"expected a regular file to go on writing, got a {kind}"):
        opened(path)
    assert mine.read_text() == "mine"
