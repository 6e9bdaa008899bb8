"""Faces changed on the device are those changed on the host: exactly, or within one grey level where mixed."""

import functools
import itertools
import shutil

import keras
import numpy as np
import pytest

from cshml_tf.data.batches import hr_batches, two_branch_batches
from cshml_tf.data.on_device import change_on_device
from cshml_tf.data.sources import open_source
from cshml_tf.data.unreadable import Unreadable
from cshml_tf.degradation.degrade import DRAWN, MODES, degrade_each

SIZE, RESOLUTIONS = (48, 40), (8, (12, 10), 40)
VIEWS = {
    "plain": {"flip": False},
    "mirrored": {},
    "shifted": {"shift": 3, "flip": False},
    "mirrored and shifted": {"shift": 5},
    "mixed": {"mixup": 0.6, "shift": 2},
    "another image": {"pairing": "same_person", "shift": 2},
    "another image, mixed": {"pairing": "same_person", "mixup": 0.6},
    "any image": {"pairing": "random"},
    "two people": {"negative_share": 0.5, "shift": 2},
}


@pytest.fixture
def source(packed_textures):
    return open_source(packed_textures)


def compiled(function):
    """Compile a function of tensors, so that the backend may fuse operations as in a training step."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def take(stream, count=3):
    batches = itertools.islice(stream, count)
    taken = [{name: np.asarray(value) for name, value in batch.items()} for batch in batches]
    stream.close()
    return taken


@functools.cache
def changed_and_reduced(mode):
    """Return the compiled change of a batch, followed by a degradation unless that is None."""

    def change(batch):
        changed = change_on_device(batch)
        if mode is not None:
            changed["lr"] = degrade_each(changed["lr"], RESOLUTIONS, changed["resolution"], mode)
        return changed

    return compiled(change)


def on_device(batch, mode=None):
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in batch.items()}
    return {name: np.asarray(value) for name, value in changed_and_reduced(mode)(tensors).items()}


def difference(left, right, name):
    return np.abs(left[name].astype(np.float64) - right[name]).max()


@pytest.mark.parametrize("view", VIEWS)
def test_pairs_are_those_of_the_host(source, view):
    stream = functools.partial(two_branch_batches, source, SIZE, 8, 5, RESOLUTIONS, **VIEWS[view])
    hosts, devices = take(stream(degrade_here=False)), take(stream(change_here=False))
    for host, device in zip(hosts, map(on_device, devices), strict=True):
        assert device.keys() == host.keys()
        assert {name: value.dtype for name, value in device.items()} == {name: v.dtype for name, v in host.items()}
        assert all(np.array_equal(device[name], host[name]) for name in ("hr_label", "lr_label", "resolution"))
        most = 1 if "mixed" in view else 0
        assert difference(device, host, "hr") <= most and difference(device, host, "lr") <= most
    assert ("lr" in devices[0]) == (view not in ("plain", "mirrored", "shifted", "mirrored and shifted", "mixed"))


@pytest.mark.parametrize("mode", sorted(set(MODES) - set(DRAWN)))
@pytest.mark.parametrize("view", ["mirrored and shifted", "mixed", "another image, mixed"])
def test_every_degradation_stays_within_one_grey_level(source, view, mode):
    stream = functools.partial(two_branch_batches, source, SIZE, 8, 5, RESOLUTIONS, mode=mode, **VIEWS[view])
    for host, device in zip(take(stream()), take(stream(change_here=False)), strict=True):
        found = on_device(device, mode)
        assert difference(found, host, "lr") <= 1 and found["lr"].dtype == np.float32
        # Only where both sides were mixed may any differ at all.
        assert "mixed" in view or np.array_equal(found["lr"], host["lr"])


def test_hr_faces_are_those_of_the_host(source):
    stream = functools.partial(hr_batches, source, SIZE, 8, 5, shift=4)
    for host, device in zip(take(stream()), take(stream(change_here=False)), strict=True):
        found = on_device(device)
        assert found.keys() == host.keys() and all(np.array_equal(found[name], host[name]) for name in host)


def test_each_half_of_a_batch_can_be_changed_alone(source):
    """Replicas and workers get halves: what the first row is mixed with must travel with it."""
    stream = functools.partial(two_branch_batches, source, SIZE, 8, 5, RESOLUTIONS, mixup=1.0, shift=2)
    whole = take(stream(change_here=False), 1)[0]
    changed = on_device(whole)
    for worker, rows in enumerate((slice(0, 4), slice(4, 8))):
        own = take(stream(change_here=False, worker=worker, workers=2), 1)[0]
        for part in ({name: value[rows] for name, value in whole.items()}, own):
            found = on_device(part)
            assert all(np.array_equal(found[name], changed[name][rows]) for name in changed)


def test_only_8_bit_faces_and_decisions_travel(source):
    stream = functools.partial(two_branch_batches, source, SIZE, 8, 5, RESOLUTIONS)
    host, device = take(stream(), 1)[0], take(stream(change_here=False), 1)[0]
    assert {name for name, value in device.items() if value.ndim == 4} == {"hr"} and device["hr"].dtype == np.uint8
    sizes = [sum(value.nbytes for value in batch.values()) for batch in (device, host)]
    assert sizes[0] < 0.25 * sizes[1]


def test_an_unreadable_face_has_the_stand_in_of_the_host(texture_folder, tmp_path):
    folder = tmp_path / "faces"
    shutil.copytree(texture_folder, folder)
    (folder / "person_1" / "person_1_0003.png").write_bytes(b"no picture")
    streams = []
    for change_here in (True, False):
        faces = open_source(folder)
        unreadable = Unreadable(faces, SIZE, 5, limit=1)
        options = {"unreadable": unreadable, "degrade_here": False, "change_here": change_here}
        streams.append(take(two_branch_batches(faces, SIZE, 10, 5, RESOLUTIONS, **options)))
        assert sum(unreadable.count(step) or 0 for step in range(3)) > 0
    for host, device in zip(streams[0], map(on_device, streams[1]), strict=True):
        assert all(np.array_equal(device[name], host[name]) for name in host)


@pytest.mark.parametrize("options", [{"jitter": 0.1}, {"mode": "camera"}])
def test_what_only_the_host_can_do_is_refused(source, options):
    with pytest.raises(ValueError, match="change_here: expected True with jitter, a teacher or a simulated"):
        two_branch_batches(source, SIZE, 8, 5, RESOLUTIONS, change_here=False, **options)
    with pytest.raises(ValueError, match="change_here: expected True with resolutions"):
        hr_batches(source, SIZE, 8, 5, change_here=False, resolutions=(8,))
