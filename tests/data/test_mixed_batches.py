"""Batches of HR faces and LR copies mixed, against a naive loop; from every source, on both backends."""

import itertools

import numpy as np
import pytest

from cshml_tf.data.batches import hr_batches
from cshml_tf.data.sources import open_source
from cshml_tf.degradation.degrade import degrade, degrade_each

SIZE = (48, 40)
RESOLUTIONS = [8, (14, 12)]


def take(stream, count):
    made = [
        {name: np.asarray(values) for name, values in batch.items()} for batch in itertools.islice(stream, count)
    ]
    stream.close()
    return made


@pytest.mark.parametrize("form", range(3), ids=["folders", "packed", "records"])
@pytest.mark.parametrize("mode", ["antialias", "plain", "camera"])
def test_some_faces_are_replaced_by_their_copies(jpeg_forms, form, mode):
    """Streams 3, 9 and 11 of the documented random numbers decide; all else is as without copies."""
    source = open_source(jpeg_forms[form], image_size=SIZE)
    sharp = take(hr_batches(source, SIZE, 12, 5, 1, shift=3), 4)
    options = {"resolutions": RESOLUTIONS, "reduced": 0.4, "mode": mode}
    mixed = take(hr_batches(source, SIZE, 12, 5, 1, shift=3, **options), 4)
    reduced = 0
    for step, (before, after) in enumerate(zip(sharp, mixed, strict=True), start=1):
        chosen, resolution, seeds = (np.random.default_rng([5, stream, step]).random(12) for stream in (11, 3, 9))
        assert np.array_equal(before["hr_label"], after["hr_label"])
        assert after["hr"].dtype == np.float32 and after["hr"].shape == before["hr"].shape
        for row, face in enumerate(before["hr"]):
            if chosen[row] < 0.4:
                drawn_from = (seeds[row : row + 1] * 2**53).astype(np.int64)
                face = degrade_each(face[None], [RESOLUTIONS[int(resolution[row] * 2)]], None, mode, drawn_from)[0]
                reduced += 1
            assert np.array_equal(after["hr"][row], face), (step, row)
    assert 10 <= reduced <= 30, "about 0.4 of 48"


def test_all_or_none(jpeg_forms):
    source = open_source(jpeg_forms[0])
    (sharp,) = take(hr_batches(source, SIZE, 6, 1), 1)
    (none,) = take(hr_batches(source, SIZE, 6, 1, resolutions=[8], reduced=0.0), 1)
    (every,) = take(hr_batches(source, SIZE, 6, 1, resolutions=[8], reduced=1.0), 1)
    assert np.array_equal(none["hr"], sharp["hr"])
    assert np.array_equal(every["hr"], degrade(sharp["hr"], 8))


def test_workers_slices_make_the_batch(jpeg_forms):
    source = open_source(jpeg_forms[0])
    options = {"shift": 1, "resolutions": RESOLUTIONS, "reduced": 0.5}
    (whole,) = take(hr_batches(source, SIZE, 6, 3, **options), 1)
    slices = [take(hr_batches(source, SIZE, 6, 3, worker=each, workers=3, **options), 1)[0] for each in range(3)]
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([part[name] for part in slices])), name


def test_an_unknown_degradation_is_refused(jpeg_forms):
    with pytest.raises(ValueError, match="mode: expected one of antialias, plain"):
        hr_batches(open_source(jpeg_forms[0]), SIZE, 6, 1, mode="nowhere")
