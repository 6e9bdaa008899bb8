"""The photographs that lists name are found in any Unicode form, by number or by path, one face or several."""

import unicodedata

import cv2
import numpy as np
import pytest

from cshml_tf.data.face_files import find_image, find_images_below
from cshml_tf.data.named_faces import FaceImage, ListedFile
from cshml_tf.data.packed.writer import pack
from cshml_tf.data.protocols import Pair
from cshml_tf.data.sources import find_images
from cshml_tf.files import ListWarning

COMPOSED = "Zoë_Ångström"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def draw(folder, *names):
    """Write pictures, each of another grey; return the folder."""
    for grey, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _, content = cv2.imencode(path.suffix, np.full((4, 4, 3), 10 * grey, np.uint8))
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize(("on_disk", "listed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_either_unicode_form_finds_the_other(tmp_path, on_disk, listed):
    path = draw(tmp_path, f"{on_disk}/{on_disk}_0001.png") / on_disk / f"{on_disk}_0001.png"
    assert find_image(tmp_path, FaceImage(listed, 1)) == path
    assert find_image(tmp_path, ListedFile(listed, f"{listed}/{listed}_0001.jpg")) == path
    pack(tmp_path, tmp_path / "packed")
    image = FaceImage(listed, 1)
    assert list(find_images(tmp_path / "packed", [Pair(image, image, True, 0)])) == [image]


def test_letter_case_counts(tmp_path):
    draw(tmp_path, "ann/ann_0001.png")
    assert find_image(tmp_path, FaceImage("Ann", 1)) is None


def test_two_folders_of_one_name_are_refused(tmp_path):
    draw(tmp_path, f"{COMPOSED}/a.png", f"{DECOMPOSED}/b.png")
    with pytest.raises(ValueError, match=r"expected names that differ, .* 'Zoe\\u0308_A\\u030angstro"):
        find_image(tmp_path, FaceImage(COMPOSED, 1))


@pytest.mark.parametrize(
    ("on_disk", "listed"),
    [
        ("Ann/Ann_0001.png", "Ann/Ann_0001.jpg"),
        ("Ann/Ann_0001.png", "lfw-112X96/Ann/Ann_0001.jpg"),
        ("Ann/Ann_0001.png", "data/lfw/Ann/Ann_0001.jpg"),
        ("Ann_0001.png", "Ann/Ann_0001.jpg"),
        ("Ann/Ann_0001.png", "Ann_0001.jpg"),
        ("Ann_1.JPG", "Ann_1.jpg"),
        ("001/frontal/01.png", "001/frontal/01.jpg"),
        ("J.R. Lee/J.R. Lee_0001.png", "J.R. Lee/J.R. Lee_0001"),
    ],
)
def test_paths_lead_to_aligned_copies(tmp_path, on_disk, listed):
    draw(tmp_path, on_disk)
    person = "Ann" if "Ann" in listed else "x"
    assert find_image(tmp_path, ListedFile(person, listed)) == tmp_path / on_disk


@pytest.mark.parametrize("listed", ["Bob/1.jpg", "../Ann/Ann_0002.jpg", "Ann"])
def test_other_paths_lead_nowhere(tmp_path, listed):
    draw(tmp_path, "Ann/Ann_0001.png", "1.png")
    assert find_image(tmp_path, ListedFile("Ann", listed)) is None


def test_the_listed_suffix_is_preferred(tmp_path):
    draw(tmp_path, "Ann/a.png", "Ann/a.jpg")
    for suffix in (".png", ".jpg"):
        assert find_image(tmp_path, ListedFile("Ann", f"Ann/a{suffix}")) == tmp_path / "Ann" / f"a{suffix}"


def test_two_paths_to_one_image_are_refused(tmp_path):
    draw(tmp_path, "b/1.png")
    images = [ListedFile("b", "a/b/1.jpg"), ListedFile("b", "c/b/1.jpg")]
    with pytest.raises(ValueError, match="got the same for a/b/1.jpg and c/b/1.jpg: .*1.png"):
        find_images_below(tmp_path, images)


def test_one_of_several_faces_is_told(tmp_path):
    """Of two photographs aligned with --detect_multiple_faces, one shows two people."""
    draw(tmp_path, "Ann/Ann_0001_0.png", "Ann/Ann_0001_1.png", "Ann/Ann_0002_0.png", "Bob/Bob_0001.png")
    images = [FaceImage("Ann", 1), FaceImage("Ann", 2), FaceImage("Bob", 1)]
    message = "^1 of 3 photographs in .* have several aligned faces; the first one, .* is used: Ann_0001$"
    with pytest.warns(ListWarning, match=message):
        found = find_images_below(tmp_path, images)
    assert [path.name for path in found.values()] == ["Ann_0001_0.png", "Ann_0002_0.png", "Bob_0001.png"]
    pack(tmp_path, tmp_path / "packed")
    with pytest.warns(ListWarning, match=message):
        pixels = find_images(
            tmp_path / "packed", [Pair(images[0], images[1], True, 0), Pair(*images[1:], False, 0)]
        )
    assert [pixels[image].max() for image in images] == [0, 20, 30]


def test_the_photograph_itself_precedes_its_first_face(tmp_path):
    draw(tmp_path, "Ann/Ann_0001_0.png", "Ann/Ann_0001_1.png", "Ann/Ann_0001.jpg")
    assert find_images_below(tmp_path, [FaceImage("Ann", 1)]) == {
        FaceImage("Ann", 1): tmp_path / "Ann" / "Ann_0001.jpg"
    }


def test_hidden_companions_are_passed_over(tmp_path):
    draw(tmp_path, "Ann/.Ann_0001.png")
    assert find_image(tmp_path, ListedFile("Ann", "Ann/.Ann_0001.png")) is None
