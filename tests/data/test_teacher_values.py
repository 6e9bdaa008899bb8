"""The HR network's stored outputs in batches: each row carries those of its face, mirrored as the face is."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.sources import open_source
from cshml_tf.data.teacher_values import UNREAD, TeacherValues, checksums_of
from cshml_tf.data.unreadable import Unreadable, UnreadableFace

SIZE, IMAGES = (48, 40), 30


@pytest.fixture(params=["texture_folder", "packed_textures", "texture_records"])
def source(request):
    return open_source(request.getfixturevalue(request.param), image_size=SIZE)


def numbered(source):
    """Return values that name their place: the image's index, and a half more for its mirror image."""
    faces = source.read(np.arange(IMAGES), SIZE)
    values = np.stack([np.arange(IMAGES), np.arange(IMAGES) + 0.5], axis=1).astype(np.float16)
    return TeacherValues(Path("cache"), source, checksums_of(faces), {"number": values[:, :, None]}), faces


@pytest.mark.parametrize(
    "options",
    [{}, {"pairing": "same_person", "negative_share": 0.5}, {"flip": False}, {"worker": 1, "workers": 2}],
)
def test_each_row_carries_the_values_of_its_face(source, options):
    teacher, faces = numbered(source)
    plain, cached = (
        two_branch_batches(source, SIZE, 10, 3, [8], 2, teacher=each, **options) for each in (None, teacher)
    )
    seen = set()
    for _ in range(6):
        expected, batch = ({k: np.asarray(v) for k, v in next(stream).items()} for stream in (plain, cached))
        for picture, (number,) in zip(expected.pop("hr"), batch.pop("teacher_number"), strict=True):
            face = faces[int(number)]
            assert np.array_equal(picture, face[:, ::-1] if number % 1 else face)
            seen.add(float(number))
        assert expected.keys() == batch.keys()
        assert all(np.array_equal(batch[name], expected[name]) for name in batch)
    assert any(number % 1 for number in seen) == options.get("flip", True) and len(seen) > 20
    plain.close()
    cached.close()


def test_a_face_that_stands_in_brings_its_own_values(source):
    teacher, faces = numbered(source)
    read = type(source).read

    class Damaged(type(source)):
        def read(self, indices, image_size):
            if 7 in indices:
                raise ValueError("damaged")
            return read(self, indices, image_size)

    damaged = Damaged(**{field.name: getattr(source, field.name) for field in dataclasses.fields(source)})
    unread = teacher.checksums.copy()
    unread[7] = UNREAD
    teacher = dataclasses.replace(teacher, checksums=unread)
    numbers, stood_in = [], 0
    for values in (None, teacher):
        unreadable = Unreadable(damaged, SIZE, 3, limit=1)
        stream = two_branch_batches(damaged, SIZE, 10, 3, [8], unreadable=unreadable, teacher=values)
        numbers.append([{k: np.asarray(v) for k, v in next(stream).items()} for _ in range(3)])
        stream.close()
    for expected, batch in zip(*numbers, strict=True):
        for picture, label, (number,) in zip(
            expected["hr"], batch["hr_label"], batch["teacher_number"], strict=True
        ):
            face = faces[int(number)]
            assert int(number) != 7 and source.labels[int(number)] == label
            assert np.array_equal(picture, face[:, ::-1] if number % 1 else face)
            stood_in += int(number) // 5 == 1
    # Three batches of ten contain each of the five images of person 1 once, image 7 replaced by another of them.
    assert stood_in == 5


def test_changed_pixels_are_noticed(source):
    teacher, faces = numbered(source)
    teacher.check(np.arange(IMAGES), faces)
    changed = faces.copy()
    changed[7, 3, 4, 1] += 1
    name = source.name_of(7)
    with pytest.raises(
        UnreadableFace, match=f"^{name}: expected the pixels from which .* remove cache to compute"
    ):
        teacher.check(np.arange(IMAGES), changed)


def test_damaged_values_are_noticed(source):
    teacher, _ = numbered(source)
    teacher.values["number"][7, 1] = np.nan
    teacher.take(np.array([6, 7]), np.array([True, False]))
    with pytest.raises(UnreadableFace, match="^cache: expected finite .* in its number; remove the folder"):
        teacher.take(np.array([6, 7]), np.array([True, True]))


@pytest.mark.parametrize("options", [{"shift": 1}, {"mixup": 0.5}])
def test_faces_that_change_in_every_step_have_no_stored_values(source, options):
    teacher, _ = numbered(source)
    with pytest.raises(ValueError, match="teacher: cannot be combined with shift, mixup or unlabelled"):
        two_branch_batches(source, SIZE, 10, 3, [8], teacher=teacher, **options)
