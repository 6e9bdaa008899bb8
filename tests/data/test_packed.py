"""Packed folders: they contain exactly the faces that were packed, and errors name the damaged file."""

import json
import shutil

import cv2
import numpy as np
import pytest

from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.packed.source import is_packed, read_packed
from cshml_tf.data.packed.writer import pack
from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.data.sources import find_images
from cshml_tf.files import replacing
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
    files, packed = read_class_folders(texture_folder, people), read_packed(packed_textures, people)
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


def damage_pixels(folder):
    (folder / "pixels.npy").write_bytes((folder / "pixels.npy").read_bytes()[:5000])


def damage_labels(folder):
    np.save(folder / "labels.npy", np.arange(30, dtype=np.int32)[::-1])


def damage_labels_type(folder):
    np.save(folder / "labels.npy", np.zeros(30))


def damage_names(folder):
    (folder / "names.txt").write_text("one\n")


def damage_card(folder):
    (folder / "packed.json").write_text("[]")


def damage_counts(folder):
    card = json.loads((folder / "packed.json").read_text())
    (folder / "packed.json").write_text(json.dumps(card | {"images": -1}))


@pytest.mark.parametrize(
    "damage, message",
    [
        (damage_pixels, "pixels.npy: expected an array, got a damaged or truncated file"),
        (damage_labels, "labels.npy: expected labels 0 to 5 in order"),
        (damage_labels_type, "labels.npy: expected int32"),
        (damage_names, "names.txt: expected 30 lines, got 1"),
        (damage_card, "packed.json: expected the card of a packed folder"),
        (damage_counts, "packed.json: expected positive sizes"),
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
