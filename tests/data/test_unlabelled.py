"""Batches with faces without names: read from any depth, after the named pairs, the same wherever made."""

import functools
import itertools

import numpy as np
import pytest

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.on_device import change_on_device
from cshml_tf.data.packed.writer import pack
from cshml_tf.data.sources import open_source
from cshml_tf.data.teacher_values import TeacherValues
from cshml_tf.data.unlabelled import Unlabelled, open_unlabelled
from cshml_tf.images import read_image, write_image

SIZE, RESOLUTIONS = (48, 40), (8, 12)


@pytest.fixture(scope="module")
def loose_folder(tmp_path_factory):
    """Seven faces of noise at several depths, a hidden file and a note."""
    folder = tmp_path_factory.mktemp("loose")
    pixels = np.random.default_rng(3).integers(0, 256, (7, *SIZE, 3), np.uint8)
    names = ["a.png", "b.png", "one/c.png", "one/two/d.png", "one/two/e.png", "three/f.png", "three/g.png"]
    for name, face in zip(names, pixels, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(folder / name, face)
    (folder / ".hidden.png").write_bytes(b"not read")
    (folder / "note.txt").write_text("not read")
    return folder


@pytest.fixture
def nameless(loose_folder):
    return Unlabelled(open_unlabelled(loose_folder, SIZE), batch_size=6)


@pytest.fixture
def stream(texture_folder, nameless):
    return functools.partial(
        two_branch_batches, open_source(texture_folder), SIZE, 8, 5, RESOLUTIONS, unlabelled=nameless
    )


def take(batches, count=4):
    taken = [
        {name: np.asarray(value) for name, value in each.items()} for each in itertools.islice(batches, count)
    ]
    batches.close()
    return taken


def equal(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def test_images_of_any_depth_are_found(loose_folder):
    source = open_unlabelled(loose_folder, SIZE)
    assert source.names[:4] == ["a.png", "b.png", "one/c.png", "one/two/d.png"] and len(source) == 7
    assert np.array_equal(source.read(np.array([3]), SIZE)[0], read_image(loose_folder / "one/two/d.png"))


def test_packed_faces_and_records_lose_their_names(stream, texture_folder, tmp_path, texture_records):
    pack(texture_folder, tmp_path / "packed")
    for folder in (tmp_path / "packed", texture_records):
        batch = take(stream(unlabelled=Unlabelled(open_unlabelled(folder, SIZE), 6)), 1)[0]
        assert (batch["hr_label"][8:] == -1).all() and (batch["hr_label"][:8] >= 0).all()


def test_named_pairs_are_those_of_a_stream_without_the_others(stream):
    for batch, alone in zip(take(stream()), take(stream(unlabelled=None)), strict=True):
        assert equal({name: rows[:8] for name, rows in batch.items()}, alone)


def test_all_of_the_others_are_seen_once_an_epoch_each_with_its_own_copy(stream, loose_folder):
    batches = take(stream(flip=False, degrade_here=False), 7)
    shown = np.concatenate([batch["hr"][8:] for batch in batches])
    faces = open_unlabelled(loose_folder, SIZE).read(np.arange(7), SIZE)
    places = [int(np.flatnonzero((faces == face).all(axis=(1, 2, 3)))[0]) for face in shown]
    assert sorted(places) == sorted(list(range(7)) * 6)
    assert all(sorted(places[start : start + 7]) == list(range(7)) for start in range(0, 42, 7))
    for batch in batches:
        assert np.array_equal(batch["hr"], batch["lr"])
        assert (batch["hr_label"][8:] == -1).all() and (batch["lr_label"][8:] == -1).all()


def test_their_resolutions_are_not_those_of_the_named_rows(stream):
    batches = take(stream(), 8)
    named, others = (np.concatenate([b["resolution"][rows] for b in batches]) for rows in (slice(6), slice(8, 14)))
    assert set(others) == {0, 1} and not np.array_equal(named, others)


@pytest.mark.parametrize("options", [{"pairing": "random"}, {"negative_share": 0.5}, {"pairing": "same_person"}])
def test_each_is_paired_with_itself_however_the_named_ones_are(stream, options):
    for batch in take(stream(degrade_here=False, **options)):
        assert np.array_equal(batch["hr"][8:], batch["lr"][8:])


@pytest.mark.parametrize("options", [{}, {"mixup": 0.5, "shift": 2}, {"pairing": "same_person"}])
def test_two_workers_make_the_rows_of_one(stream, options):
    whole = take(stream(**options))
    first, second = (take(stream(worker=worker, workers=2, **options)) for worker in range(2))
    for batch, *halves in zip(whole, first, second, strict=True):
        for name, rows in batch.items():
            a, b = (half[name] for half in halves)
            assert np.array_equal(rows, np.concatenate([a[:4], b[:4], a[4:], b[4:]]))


@pytest.mark.parametrize("options", [{"shift": 2}, {"negative_share": 0.5}])
def test_changed_on_the_device_they_are_those_of_the_host(stream, options):
    hosts = take(stream(degrade_here=False, **options))
    for host, sent in zip(hosts, take(stream(change_here=False, **options)), strict=True):
        found = {name: np.asarray(value) for name, value in change_on_device(sent).items()}
        assert equal(found, host)


def test_what_cannot_be_is_refused(stream, loose_folder, tmp_path):
    with pytest.raises(ValueError, match="unlabelled_batch_size: expected a multiple of 4 workers, got 6"):
        stream(worker=0, workers=4)
    values = TeacherValues(tmp_path, open_unlabelled(loose_folder, SIZE), np.zeros(7, np.int64), {})
    with pytest.raises(ValueError, match="teacher: cannot be combined with shift, mixup or unlabelled"):
        stream(teacher=values)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ValueError, match=r"unlabelled_dir: expected images \(.*\) in .*empty or below, found none"
    ):
        open_unlabelled(tmp_path / "empty", SIZE)
