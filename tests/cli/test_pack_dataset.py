"""The command that packs aligned faces."""

import numpy as np
import pytest

from cshml_tf.cli import pack_dataset
from cshml_tf.data.packed.source import read_packed


def test_people_are_packed_and_counted(texture_folder, tmp_path, capsys):
    (tmp_path / "people.txt").write_text("person_0\nperson_2\n")
    words = [str(texture_folder), str(tmp_path / "packed"), "--people", str(tmp_path / "people.txt")]
    assert pack_dataset.main(words) == 0
    assert "packed: 10 faces of 2 people, 48 x 40, 0.1 MB" in capsys.readouterr().out
    assert np.array_equal(read_packed(tmp_path / "packed").labels, [0] * 5 + [1] * 5)


@pytest.mark.parametrize(
    "faces, packed, message",
    [
        ("absent", "packed", "error: data_dir: expected a folder of class folders"),
        (".", "packed", "error: data_dir: expected class folders"),
        ("faces", ".", "error: packed_dir: expected a new folder"),
    ],
)
def test_bad_input_is_one_line(texture_folder, tmp_path, capsys, faces, packed, message):
    (tmp_path / "faces").symlink_to(texture_folder)
    (tmp_path / "empty").mkdir()
    folder = tmp_path / ("empty" if faces == "." else faces)
    assert pack_dataset.main([str(folder), str(tmp_path / packed)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
