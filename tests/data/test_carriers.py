"""Streams of batches: made ahead, returned in order, ended by closing; the errors of batches are passed on."""

import threading
import time

import keras
import numpy as np
import pytest

from cshml_tf.data.batches import hr_batches
from cshml_tf.data.carriers import MAKERS, carry
from cshml_tf.data.sources import open_source

SIGNATURE = {"step": ((2,), np.int64)}


class Maker:
    """Makes batches that contain their step, and records the steps."""

    def __init__(self, failing=()):
        self.failing = failing
        self.made = []

    def __call__(self, step):
        self.made.append(step)
        # Later steps are ready sooner.
        time.sleep(0.01 / (1 + step % 5))
        if step in self.failing:
            raise ValueError(f"face {step}: unfit")
        return {"step": np.full(2, step)}


def test_batches_come_in_order_from_any_step():
    maker = Maker()
    stream = carry(maker, SIGNATURE, 7)
    assert maker.made == []
    steps = [np.asarray(next(stream)["step"]).tolist() for _ in range(20)]
    assert steps == [[step, step] for step in range(7, 27)]
    assert len(maker.made) > 20, "some are made ahead"
    assert iter(stream) is stream
    stream.close()


def test_a_closed_stream_makes_no_more_batches():
    maker = Maker()
    before = set(threading.enumerate())
    stream = carry(maker, SIGNATURE, 0)
    next(stream)
    stream.close()
    time.sleep(0.1)
    made = len(maker.made)
    assert made <= 2 * MAKERS + 4
    time.sleep(0.2)
    assert len(maker.made) == made
    assert not [thread for thread in set(threading.enumerate()) - before if "batches" in thread.name]
    with pytest.raises(StopIteration):
        next(stream)
    carry(maker, SIGNATURE, 0).close()
    assert len(maker.made) == made, "no batch was requested"


def test_an_error_is_raised_unchanged_in_place_of_its_batch(capfd):
    """Steps 4 and 5 both fail, perhaps the later one first; the batches before them are still returned."""
    stream = carry(Maker(failing=(4, 5)), SIGNATURE, 2)
    assert [int(next(stream)["step"][0]) for _ in range(2)] == [2, 3]
    with pytest.raises(ValueError) as failure:
        next(stream)
    assert type(failure.value) is ValueError and str(failure.value) == "face 4: unfit"
    with pytest.raises(StopIteration):
        next(stream)
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one device on other backends")
def test_a_closed_stream_makes_no_more_batches_for_replicas():
    from cshml_tf.training.devices import choose_strategy, distribute

    maker = Maker()
    stream = distribute(carry(maker, SIGNATURE, 0), choose_strategy("mirrored", replicas=2))
    next(stream)
    stream.close()
    time.sleep(0.2)
    made = len(maker.made)
    time.sleep(0.3)
    assert len(maker.made) == made


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one device on other backends")
def test_an_error_is_raised_with_replicas_too(capfd):
    from cshml_tf.training.devices import choose_strategy, distribute

    strategy = choose_strategy("mirrored", replicas=2)
    stream = distribute(carry(Maker(failing=(1,)), SIGNATURE, 0), strategy)
    capfd.readouterr()
    parts = strategy.experimental_local_results(next(stream)["step"])
    assert [np.asarray(part).tolist() for part in parts] == [[0], [0]]
    with pytest.raises(ValueError, match="^face 1: unfit$"):
        next(stream)
    assert "unfit" not in capfd.readouterr().err


@pytest.mark.parametrize("form", range(3), ids=["folders", "packed", "records"])
def test_a_face_of_another_size_is_named(jpeg_forms, form):
    source = open_source(jpeg_forms[form])
    stream = hr_batches(source, (48, 48), 4, 1)
    where = [r"person_\d_\d{4}.jpg", "packed", "train.rec"][form]
    with pytest.raises(ValueError, match=f"{where}: expected an aligned face of 48 x 48, got 48 x 40"):
        next(stream)
