"""Class folders with what people and programs leave in them."""

import os
import shutil
import unicodedata

import pytest

from cshml_tf.data.class_names import check_class_names
from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.packed.source import read_packed
from cshml_tf.data.packed.writer import pack


@pytest.fixture
def faces(texture_folder, tmp_path):
    folder = tmp_path / "faces"
    shutil.copytree(texture_folder, folder)
    return folder


def test_hidden_entries_and_other_files_are_passed_over(faces, texture_folder, tmp_path):
    shutil.copytree(faces / "person_0", faces / ".ipynb_checkpoints")
    (faces / "person_1" / "._person_1_0001.png").write_bytes(b"\0\5\x16\7")
    (faces / "person_1" / ".partial-0123.png").write_bytes(b"half")
    (faces / "person_1" / "notes.txt").write_text("mine")
    (faces / "person_1" / "originals").mkdir()
    (faces / "readme.png").write_text("no class")
    os.mkfifo(faces / "a pipe")
    (faces / "empty").mkdir()
    assert read_class_folders(faces).digest() == read_class_folders(texture_folder).digest()
    pack(faces, tmp_path / "packed")
    assert read_packed(tmp_path / "packed").digest() == read_class_folders(texture_folder).digest()


@pytest.mark.parametrize(
    "make, what",
    [
        (os.mkfifo, "a pipe, a socket or a device"),
        (os.mkdir, "a folder"),
        (lambda path: os.symlink("nowhere", path), "a link that leads nowhere"),
        (lambda path: os.symlink("/dev/zero", path), "a pipe, a socket or a device"),
    ],
)
def test_an_image_that_is_no_regular_file_is_named(faces, tmp_path, make, what):
    odd = faces / "person_2" / "person_2_0009.PNG"
    make(odd)
    for read in (read_class_folders, lambda folder: pack(folder, tmp_path / "packed")):
        with pytest.raises(ValueError, match=f"^{odd}: expected an image file, got {what}$"):
            read(faces)


def test_a_link_to_a_class_folder_is_followed_and_one_to_nowhere_is_named(faces):
    (faces / "person_9").symlink_to(faces / "person_0")
    assert len(read_class_folders(faces).classes) == 7
    (faces / "person_8").symlink_to("nowhere")
    with pytest.raises(ValueError, match="person_8: expected a class folder, got a link that leads nowhere"):
        read_class_folders(faces)


ODD_NAMES = ["a\nb", "a\rb", "a\x85b", "a\u2028b", "a\u2029b", "a\x0bb", "a\x1cb", "a\n", "\ufeffa", "\udcff"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_that_no_list_can_hold_are_refused_by_every_source(faces, tmp_path, name):
    (faces / "person_3").rename(faces / name)
    for read in (read_class_folders, lambda folder: pack(folder, tmp_path / "packed")):
        with pytest.raises(ValueError) as error:
            read(faces)
        assert str(error.value).startswith(f"{faces}: expected names of people in UTF-8 without line ends, got '")
        assert str(error.value).isprintable()


def test_a_packed_folder_with_such_a_name_is_refused(texture_folder, tmp_path):
    pack(texture_folder, tmp_path / "packed")
    path = tmp_path / "packed" / "classes.txt"
    path.write_text(path.read_text().replace("person_3", "per\u2028son"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"classes.txt: expected names .*, got 'per\\u2028son'$"):
        read_packed(tmp_path / "packed")


def test_other_names_are_accepted():
    check_class_names(["Zoë", "李雷", "a b", "a\tb", " a ", "a,b", "a\u200db"], "faces")


def test_both_forms_of_a_name_are_one_source(tmp_path):
    """macOS writes letters and their accents apart, which alone would sort otherwise: a copy is the same data."""
    digests, classes = set(), []
    for form in ("NFC", "NFD"):
        for name in ("Jos\u00e9 A", "Josef B", "\u00c9va C", "Zoe D"):
            path = (
                tmp_path / form / unicodedata.normalize(form, name) / unicodedata.normalize(form, f"{name}_1.png")
            )
            path.parent.mkdir(parents=True)
            path.touch()
        source = read_class_folders(tmp_path / form)
        digests.add(source.digest())
        classes.append([unicodedata.normalize("NFC", name) for name in source.classes])
    assert len(digests) == 1 and classes[0] == classes[1]
