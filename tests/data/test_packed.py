"""Packed folders: they contain exactly the faces that were packed, and errors name the damaged file."""

import errno
import json
import os
import shutil

import cv2
import numpy as np
import pytest

from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.packed.source import is_packed, read_packed
from cshml_tf.data.packed.writer import new_packed, pack
from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.data.sources import find_images
from cshml_tf.files import ListWarning, replacing
from cshml_tf.images import read_image


def test_packed_faces_are_the_files(texture_folder, packed_textures):
    files, packed = read_class_folders(texture_folder), read_packed(packed_textures)
    assert packed.classes == files.classes and np.array_equal(packed.labels, files.labels)
    assert packed.digest() == files.digest()
    assert len(packed.images) == len(files.images) == 30
    for image, path in zip(packed.images, files.images, strict=True):
        assert np.array_equal(image, read_image(path))
    assert isinstance(packed.pixels, np.memmap)


def test_people_restrict_the_classes(texture_folder, packed_textures):
    people = ["person_4", "person_1", "nobody"]
    with pytest.warns(ListWarning, match="1 of the 3 people listed have no images in .*: nobody$") as warned:
        files, packed = read_class_folders(texture_folder, people), read_packed(packed_textures, people)
    assert len(warned) == 2
    assert packed.classes == files.classes and np.array_equal(packed.labels, files.labels)
    assert packed.digest() == files.digest()
    for image, path in zip(packed.images, files.images, strict=True):
        assert np.array_equal(image, read_image(path))
    with pytest.raises(ValueError, match="expected some of the 1 people listed, found none in "):
        read_packed(packed_textures, ["nobody"])


def test_some_people_can_be_packed(texture_folder, tmp_path):
    card = pack(texture_folder, tmp_path / "two", ["person_0", "person_3"])
    assert card == {"image_size": [48, 40], "images": 10, "classes": 2}
    assert read_packed(tmp_path / "two").classes == ["person_0", "person_3"]


def test_images_of_pairs_are_found(texture_folder, packed_textures):
    first, second, absent = FaceImage("person_2", 4), FaceImage("person_5", 1), FaceImage("person_5", 9)
    pairs = [Pair(first, second, False, 0), Pair(second, absent, True, 0)]
    found = find_images(packed_textures, pairs)
    assert set(found) == {first, second} == set(find_images(texture_folder, pairs))
    assert np.array_equal(found[first], read_image(find_images(texture_folder, pairs)[first]))


def test_a_pack_that_fails_leaves_nothing(tmp_path):
    faces = tmp_path / "faces" / "somebody"
    faces.mkdir(parents=True)
    for number, size in ((1, 20), (2, 21)):
        cv2.imwrite(str(faces / f"somebody_000{number}.png"), np.zeros((size, 20, 3), np.uint8))
    with pytest.raises(ValueError, match="somebody_0002.png: expected 20 x 20 as the first image, got 21 x 20"):
        pack(tmp_path / "faces", tmp_path / "packed")
    (faces / "somebody_0002.png").write_text("no image")
    with pytest.raises(ValueError, match="somebody_0002.png: expected an image"):
        pack(tmp_path / "faces", tmp_path / "packed")
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_the_partial_folder_of_a_killed_pack_is_no_class_and_the_next_pack_removes_it(texture_folder, tmp_path):
    faces = tmp_path / "faces"
    shutil.copytree(texture_folder, faces)
    killed = replacing(faces / "packed")  # kept, so that its block never ends
    left = killed.__enter__()
    shutil.copytree(texture_folder / "person_0", left)
    assert read_class_folders(faces).digest() == read_class_folders(texture_folder).digest()
    pack(faces, faces / "packed")
    assert not left.exists() and is_packed(faces / "packed")


def test_existing_folders_are_not_overwritten(texture_folder, packed_textures, tmp_path):
    with pytest.raises(ValueError, match="expected a new folder"):
        pack(texture_folder, tmp_path)
    with pytest.raises(ValueError, match="is packed already"):
        pack(packed_textures, tmp_path / "again")


@pytest.mark.parametrize(
    "extra, message",
    [
        ("person_0_0001.bmp", "expected one image of this name"),
        ("person_0_0009.jp2", "expected only aligned faces in .png"),
        ("line\nend.png", "names: expected UTF-8 without line ends"),
    ],
)
def test_names_that_would_be_lost_are_refused(texture_folder, tmp_path, extra, message):
    shutil.copytree(texture_folder / "person_0", tmp_path / "faces" / "person_0")
    shutil.copy(texture_folder / "person_0" / "person_0_0001.png", tmp_path / "faces" / "person_0" / extra)
    with pytest.raises(ValueError, match=message):
        pack(tmp_path / "faces", tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_one_process_at_a_time_packs_into_a_folder(texture_folder, packed_textures, tmp_path):
    """The second is refused before any work; it used to remove the partial folder of the first."""
    source = read_packed(packed_textures)
    others = [face for face in source.images]
    with new_packed(tmp_path / "packed") as write:
        left = [path for path in tmp_path.iterdir()]

        def images():
            for number, face in enumerate(others):
                if number == 3:
                    with pytest.raises(ValueError, match="packed: another process is writing it"):
                        pack(texture_folder, tmp_path / "packed", progress=lambda _: pytest.fail("work was done"))
                yield number, face

        write(images(), source.labels, source.classes, source.names)
    assert len(left) == 1 and left[0].name.startswith(".lock-")
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
    for file in packed_textures.iterdir():
        assert (tmp_path / "packed" / file.name).read_bytes() == file.read_bytes()


def test_a_disk_that_is_full_locks_nothing(texture_folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(OSError, match="No space left on device"):
            pack(texture_folder, tmp_path / "new" / "packed")
    assert list((tmp_path / "new").iterdir()) == []
    pack(texture_folder, tmp_path / "new" / "packed")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["packed"]


def test_a_link_to_nowhere_is_no_new_folder(texture_folder, tmp_path):
    (tmp_path / "packed").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected a new folder"):
        pack(texture_folder, tmp_path / "packed")
    assert not (tmp_path / "nowhere").exists()


def _truncate(name, size):
    return lambda folder: os.truncate(folder / name, size)


def _text(name, text):
    return lambda folder: (folder / name).write_bytes(text)


def _card(**changes):
    def damage(folder):
        card = json.loads((folder / "packed.json").read_text())
        (folder / "packed.json").write_text(json.dumps(card | changes))

    return damage


def _labels(values):
    return lambda folder: np.save(folder / "labels.npy", np.asarray(values))


@pytest.mark.parametrize(
    "damage, message",
    [
        (_truncate("pixels.npy", 5000), r"pixels.npy: expected 172928 bytes for shape \(30, 48, 40, 3\)"),
        (_truncate("pixels.npy", 0), "pixels.npy: expected a .npy file"),
        (_text("pixels.npy", b"PK\3\4" + bytes(500)), "pixels.npy: expected a .npy file"),
        (_text("pixels.npy", b"\x93NUMPY\1\0v\0" + b"(" * 5000), "pixels.npy: expected a .npy file"),
        (_labels(np.arange(30, dtype=np.int32)[::-1]), "labels.npy: expected labels 0 to 5 in order"),
        (_labels(np.repeat(np.int32([2**31 - 1, -(2**31)]), 15)), "labels.npy: expected labels 0 to 5 in order"),
        (_labels(np.zeros(30)), r"labels.npy: expected an array of 1 dimension\(s\) of int32"),
        (_labels(np.zeros(29, np.int32)), r"labels.npy: expected shape \(30,\), as packed.json states"),
        (_text("names.txt", b"one\n"), "names.txt: expected 30 lines, got 1"),
        (_text("names.txt", b"\xff\n" * 30), "names.txt: expected text in UTF-8"),
        (_text("classes.txt", b"a\n" * 6), "classes.txt: expected each class once, got 'a' 6 times"),
        (_text("packed.json", b"[]"), "packed.json: expected object, got array"),
        (_text("packed.json", b"[" * 100_000), "packed.json: expected JSON, got JSON that is nested too deeply"),
        (_text("packed.json", b"{"), "packed.json: expected JSON, got a file that cannot be parsed"),
        (_card(images=-1), "packed.json: images: expected int >= 1"),
        (_card(images=30.5), "packed.json: images: expected int, got float"),
        (_card(classes=True), "packed.json: classes: expected int, got bool"),
        (_card(image_size=[48]), "packed.json: image_size: expected array of length (>= )?2"),
        (_card(image_size=[48, 2**40]), r"packed.json: image_size\[1\]: expected int <= 65536"),
        (_card(images=2**40), r"pixels.npy: expected shape \(1099511627776, 48, 40, 3\), as packed.json states"),
    ],
)
def test_damage_is_named(packed_textures, tmp_path, damage, message):
    folder = tmp_path / "damaged"
    shutil.copytree(packed_textures, folder)
    damage(folder)
    assert is_packed(folder)
    with pytest.raises(ValueError, match=message):
        read_packed(folder)


def test_class_folders_are_no_packed_folder(texture_folder):
    assert not is_packed(texture_folder)
    with pytest.raises(ValueError, match="expected a packed folder, got one without packed.json"):
        read_packed(texture_folder)
