"""The images of a data set's lists are found in any letter case and any Unicode form."""

import pytest

from cshml_tf.data.listed_images import find_entry, find_listed
from cshml_tf.evaluation.served_images import width_files

DECOMPOSED, COMPOSED = "Zoe\u0308", "Zo\u00eb"


@pytest.mark.parametrize(("on_disk", "listed"), [(DECOMPOSED, COMPOSED), (COMPOSED, DECOMPOSED)])
def test_either_form_finds_the_other(tmp_path, on_disk, listed):
    path = tmp_path / on_disk / f"{on_disk}.PNG"
    path.parent.mkdir()
    path.touch()
    assert find_entry(tmp_path, listed.upper()) == path.parent
    found, missing, unlisted = find_listed([f"{listed}.jpg"], [1], tmp_path)
    assert (found, missing, unlisted) == ([(path, 1)], [], [])
    assert width_files([tmp_path / f"{listed}.png"], [path]) == [path]


def test_two_images_of_one_name_are_refused(tmp_path):
    for name in (DECOMPOSED, COMPOSED):
        (tmp_path / f"{name}.png").touch()
    with pytest.raises(ValueError, match="expected one image named"):
        find_listed(["a.png"], [1], tmp_path)


def test_two_listed_names_that_are_one_are_refused(tmp_path):
    (tmp_path / f"{COMPOSED}.png").touch()
    with pytest.raises(ValueError, match="expected names of different images"):
        find_listed([f"{DECOMPOSED}.png", f"{COMPOSED}.png"], [1, 2], tmp_path)
