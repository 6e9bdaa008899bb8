"""Lists of people meet folders in any Unicode form; whoever is absent is counted and named."""

import unicodedata

import cv2
import numpy as np
import pytest

from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.packed.source import read_packed
from cshml_tf.data.packed.writer import pack
from cshml_tf.data.protocols import read_people
from cshml_tf.files import ListWarning

NAMES = ["Ann Lee", "Zoë", "Åsa", "김민준", "José", "Bob"]


def nfd(name):
    return unicodedata.normalize("NFD", name)


@pytest.fixture
def decomposed(tmp_path):
    """Class folders whose names are in the form that macOS writes, with one picture each."""
    for name in NAMES:
        folder = tmp_path / "faces" / nfd(name)
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "a.png"), np.zeros((4, 4, 3), np.uint8))
    return tmp_path / "faces"


def people_file(folder, names):
    path = folder / "people.txt"
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return path


def test_a_composed_list_takes_all_decomposed_folders(decomposed, tmp_path):
    people = read_people(people_file(tmp_path, NAMES))
    assert people == NAMES
    assert len(read_class_folders(decomposed, people).classes) == 6
    pack(decomposed, tmp_path / "packed")
    assert len(read_packed(tmp_path / "packed", people).classes) == 6


def test_a_decomposed_list_takes_composed_folders(tmp_path):
    (tmp_path / "faces" / "Zoë").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "faces" / "Zoë" / "a.png"), np.zeros((4, 4, 3), np.uint8))
    people = read_people(people_file(tmp_path, [nfd("Zoë"), "Zoë"]))
    assert people == ["Zoë"] and read_class_folders(tmp_path / "faces", people).classes == ["Zoë"]


def test_who_is_absent_is_counted_and_named(decomposed, tmp_path):
    (decomposed / "Empty").mkdir()
    people = [*NAMES, "Empty", "Nobody", "No One"]
    message = r"^3 of the 9 people listed have no images in .*faces, and are left out: Empty, Nobody, No One$"
    with pytest.warns(ListWarning, match=message):
        assert len(read_class_folders(decomposed, people).classes) == 6
    pack(decomposed, tmp_path / "packed")
    with pytest.warns(ListWarning, match="^3 of the 9 people listed have no images in .*packed"):
        read_packed(tmp_path / "packed", people)


def test_only_the_first_few_are_named(decomposed):
    people = ["Bob", *(f"Nobody {number}" for number in range(7))]
    with pytest.warns(ListWarning, match="^7 of the 8 .*: Nobody 0, .*, Nobody 4 and 2 more$"):
        read_class_folders(decomposed, people)


def test_letter_case_counts_and_is_mentioned(decomposed):
    with pytest.warns(ListWarning, match="are left out: bob; 'bob' is not 'Bob'$"):
        read_class_folders(decomposed, ["bob", "Zoë"])
    with pytest.raises(
        ValueError, match="of the 1 people listed, found none in .*faces; 'ann_lee' is not 'Ann Lee'"
    ):
        read_class_folders(decomposed, ["ann_lee"])


def test_blanks_at_the_ends_of_a_line_are_no_part_of_a_name(decomposed, tmp_path):
    people = read_people(people_file(tmp_path, ["Bob ", "\tZoë\t "]))
    assert len(read_class_folders(decomposed, people).classes) == 2


def test_two_folders_of_one_name_are_refused(decomposed, tmp_path):
    (decomposed / "Zoë").mkdir()
    for people in (None, ["Bob"]):
        with pytest.raises(ValueError, match=r"expected one folder per person, got two .* 'Zo\\xeb'"):
            read_class_folders(decomposed, people)


def test_line_ends_that_only_unicode_knows_do_not_split_a_name(tmp_path):
    names = ["a\u2028b", "c\x85d", "e\x1cf", "g\x0ch"]
    assert read_people(people_file(tmp_path, names)) == names


def test_a_list_of_one_line_with_a_tab(tmp_path):
    with pytest.raises(ValueError, match="line 1: expected the number of folds or of people, got 'Ann.t4'"):
        read_people(people_file(tmp_path, ["Ann\t4"]))
