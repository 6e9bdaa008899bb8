"""Images that cannot be read: passed over and counted, found before training, the same from every form of data."""

import os
import shutil
import struct

import numpy as np
import pytest

from cshml_tf.data.batches import hr_batches, two_branch_batches
from cshml_tf.data.checking import check_images
from cshml_tf.data.sources import open_source
from cshml_tf.data.unreadable import Unreadable, UnreadableFace

SIZE = (48, 40)


def damage_in_folder(folder, index):
    path = sorted(folder.glob("*/*.png"))[index]
    path.write_bytes(path.read_bytes()[:100])


def damage_in_records(folder, index):
    """Zero the start of one image, after its record's head and header."""
    offset = [int(line.split()[1]) for line in (folder / "train.idx").read_text().splitlines()][index]
    with open(folder / "train.rec", "r+b") as file:
        file.seek(offset + 8 + struct.calcsize("<IfQQ"))
        file.write(bytes(60))


@pytest.fixture(params=["folders", "records"])
def damaged(request, texture_folder, texture_records, tmp_path):
    """Return a function that copies the textures with some images damaged, as class folders or as records."""

    def make(*indices):
        origin = texture_folder if request.param == "folders" else texture_records
        folder = tmp_path / request.param
        shutil.copytree(origin, folder)
        for index in indices:
            (damage_in_folder if request.param == "folders" else damage_in_records)(folder, index)
        return open_source(folder, image_size=SIZE)

    return make


def batches(source, unreadable, steps=range(6), **options):
    """Return the batches of these steps, and the number of unreadable images after each."""
    if options:
        stream = two_branch_batches(source, SIZE, 8, 3, [8], steps[0], unreadable=unreadable, **options)
    else:
        stream = hr_batches(source, SIZE, 8, 3, steps[0], unreadable=unreadable)
    made = [
        ({name: np.asarray(value) for name, value in next(stream).items()}, unreadable.count(k)) for k in steps
    ]
    stream.close()
    return [batch for batch, _ in made], [count for _, count in made]


def test_another_face_of_the_person_stands_in(damaged, texture_folder):
    whole = open_source(texture_folder)
    source = damaged(7)
    unreadable = Unreadable(source, SIZE, 3, 1)
    made, counts = batches(source, unreadable)
    expected, _ = batches(whole, Unreadable(whole, SIZE, 3))
    person = whole.read(np.arange(5, 10), SIZE)
    stood_in = 0
    for got, right in zip(made, expected, strict=True):
        assert np.array_equal(got["hr_label"], right["hr_label"])
        for row in np.flatnonzero((got["hr"] != right["hr"]).any(axis=(1, 2, 3))):
            stood_in += 1
            assert right["hr_label"][row] == 1
            faces = [*person, *person[:, :, ::-1]]
            assert sum(np.array_equal(got["hr"][row], face) for face in faces) == 1
    # Each epoch of 30 images has the damaged one once; six batches of eight are one epoch and more.
    assert stood_in >= 1 and counts[-1] == 1 and counts == sorted(counts)
    assert unreadable.met == [7] and unreadable.names == [f"{source.classes[1]}/{source.names[7]}"]


def test_the_first_image_may_be_one_of_them(damaged):
    source = damaged(0)
    unreadable = Unreadable(source, SIZE, 3, 1)
    unreadable.check()
    assert batches(source, unreadable)[1][-1] == 1
    with pytest.raises(UnreadableFace, match="image|PNG"):
        Unreadable(source, SIZE, 3).check()


def test_a_stream_that_starts_later_has_the_same_batches(damaged):
    source = damaged(2, 7, 20, 21)
    options = {"pairing": "same_person", "negative_share": 0.3}
    made, _ = batches(source, Unreadable(source, SIZE, 3, 4), range(8), **options)
    later, _ = batches(source, Unreadable(source, SIZE, 3, 4), range(5, 8), **options)
    for left, right in zip(made[5:], later, strict=True):
        assert all(np.array_equal(left[name], right[name]) for name in left)


def test_a_person_without_a_readable_image_becomes_another(damaged):
    """Both sides of a pair become the same face, so that a pair of one person stays one."""
    source = damaged(*range(5, 10))
    options = {"pairing": "same_person", "flip": False}
    made, counts = batches(source, Unreadable(source, SIZE, 3, 5), **options)
    assert counts[-1] == 5
    for batch in made:
        assert 1 not in batch["hr_label"]
        assert np.array_equal(batch["hr_label"], batch["lr_label"])


def test_more_than_the_limit_end_the_stream_in_one_line(damaged):
    source = damaged(2, 7, 20)
    with pytest.raises(UnreadableFace, match="^skip_unreadable: expected at most 2 images, got 3: [^\n]+$"):
        batches(source, Unreadable(source, SIZE, 3, 2))


def test_without_a_limit_the_first_ends_the_stream_with_advice(damaged):
    source = damaged(7)
    with pytest.raises(
        UnreadableFace, match="; replace the file under its own name .* continues the run; --skip_un"
    ):
        batches(source, Unreadable(source, SIZE, 3))


def test_an_absent_disk_is_noticed_soon(texture_folder, tmp_path):
    shutil.copytree(texture_folder, tmp_path / "faces")
    source = open_source(tmp_path / "faces")
    read = []
    unreadable = Unreadable(source, SIZE, 3, 3)
    own = unreadable.read_one
    unreadable.read_one = lambda index: read.append(index) or own(index)
    shutil.rmtree(tmp_path / "faces")
    with pytest.raises(UnreadableFace, match="expected at most 3 images, got 4"):
        unreadable.read(0, np.arange(8))
    assert len(read) == 4


def test_the_count_goes_on_after_resuming(damaged):
    source = damaged(7)
    unreadable = Unreadable(source, SIZE, 3, 2)
    unreadable.resume([2, 7, 99])
    assert batches(source, unreadable)[1] == [2] * 6


def test_the_check_lists_every_bad_image(damaged, tmp_path, capsys):
    source = damaged(2, 20)
    with pytest.raises(
        ValueError, match="^check_images: expected no unreadable image, got 2 of 30, listed above; rep"
    ):
        check_images(source, SIZE)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("unreadable: ") for line in lines)
    assert len({line.split(": ")[1] + line.split(": ")[2] for line in lines}) == 2
    check_images(source, SIZE, limit=2)


def counting(source):
    """Count the faces that a source reads from now on."""
    read, own = [], type(source).read

    class Counted(type(source)):
        def read(self, indices, image_size):
            read.extend(indices)
            return own(self, indices, image_size)

    object.__setattr__(source, "__class__", Counted)
    return read


def test_an_interrupted_check_goes_on(damaged, tmp_path, monkeypatch):
    monkeypatch.setattr("cshml_tf.data.checking._BLOCK", 10)
    source, record = damaged(), tmp_path / "logs" / ".checked"
    read = counting(source)

    def stopped_after_two(blocks):
        for number, block in enumerate(blocks):
            if number == 2:
                raise KeyboardInterrupt
            yield block

    with pytest.raises(KeyboardInterrupt):
        check_images(source, SIZE, record=record, progress=stopped_after_two)
    with open(record, "ab") as file:
        file.write(b"\n\xff half a li")
    read.clear()
    check_images(source, SIZE, record=record)
    assert sorted(read) == list(range(20, 30))
    read.clear()
    check_images(source, SIZE, record=record)
    assert read == []
    # Another size of face is another question; a changed file is read again.
    with pytest.raises(ValueError, match="got 30 of 30"):
        check_images(source, (40, 40), record=record)
    read.clear()
    os.utime(source.files(np.array([3]))[0], ns=(1, 1))
    check_images(source, SIZE, record=record)
    assert sorted(read) in (list(range(10)), list(range(30)))


def test_packed_faces_are_checked_too(packed_textures):
    check_images(open_source(packed_textures), SIZE)
    with pytest.raises(ValueError, match="got 30 of 30"):
        check_images(open_source(packed_textures), (32, 32))
