"""The command that packs aligned faces."""

import struct

import cv2
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


def test_records_are_packed_and_cut_to_their_middle(tmp_path, capsys):
    """Two images of two people, in the form of train.rec without a header record."""
    faces = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3)).astype(np.uint8)
    index, data = "", b""
    for key, face in enumerate(faces):
        payload = (
            struct.pack("<IfQQ", 0, float(5 * key), key, 0) + cv2.imencode(".png", face[..., ::-1])[1].tobytes()
        )
        index += f"{key}\t{len(data)}\n"
        data += struct.pack("<II", 0xCED7230A, len(payload)) + payload + b"\0" * (-len(payload) % 4)
    (tmp_path / "train.rec").write_bytes(data)
    (tmp_path / "train.idx").write_text(index)
    (tmp_path / "property").write_text("2,112,112\n")
    assert pack_dataset.main([str(tmp_path), str(tmp_path / "packed"), "--middle", "112", "96"]) == 0
    assert "packed: 2 faces of 2 people, 112 x 96" in capsys.readouterr().out
    source = read_packed(tmp_path / "packed")
    assert source.classes == ["00000", "00005"]
    assert np.array_equal(source.pixels, faces[:, :, 8:104])
    (tmp_path / "people.txt").write_text("somebody\n")
    assert pack_dataset.main([str(tmp_path), str(tmp_path / "p2"), "--people", str(tmp_path / "people.txt")]) == 2
    assert "--people: expected class folders, got records" in capsys.readouterr().err


def test_the_middle_is_of_records_alone(texture_folder, tmp_path, capsys):
    assert pack_dataset.main([str(texture_folder), str(tmp_path / "packed"), "--middle", "40", "40"]) == 2
    assert "--middle: expected train.rec, got class folders" in capsys.readouterr().err


@pytest.mark.parametrize(
    "faces, packed, message",
    [
        (
            "absent",
            "packed",
            "error: FACES: expected a folder of class folders, a packed folder or a train.rec, got",
        ),
        (".", "packed", "error: FACES: expected a folder of class folders"),
        ("faces", ".", "error: PACKED: expected a new folder, got"),
    ],
)
def test_bad_input_is_one_line(texture_folder, tmp_path, capsys, faces, packed, message):
    (tmp_path / "faces").symlink_to(texture_folder)
    (tmp_path / "empty").mkdir()
    folder = tmp_path / ("empty" if faces == "." else faces)
    assert pack_dataset.main([str(folder), str(tmp_path / packed)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
