"""The command with the real detector on drawn photographs."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cshml_tf.cli.align_dataset import main
from cshml_tf.data.synthetic import draw_photograph
from cshml_tf.images import read_image

SCRIPT = Path(__file__).parents[2] / "align" / "align_dataset.py"
# Drawn people whose first picture MTCNN finds, which is not what this file tests.
SITTERS = (0, 1, 2, 3)


def rows_of(folder):
    with open(folder / "alignment.csv", encoding="utf-8", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def photographs():
    return [draw_photograph(sitter, 1) for sitter in SITTERS]


@pytest.fixture
def source(tmp_path, photographs):
    """Class folders with pictures of every kind, readable or not."""
    folder = tmp_path / "photographs"
    images = [Image.fromarray(photograph.pixels) for photograph in photographs]
    for name in ("Ann", "Zoë", "Broken"):
        (folder / name).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    images[0].save(folder / "Ann/plain.png")
    images[0].convert("RGBA").save(folder / "Ann/rgba.png")
    images[0].rotate(90).save(folder / "Ann/turned.jpg", exif=exif, quality=95)
    images[0].resize((2500, 2500)).save(folder / "Ann/huge.jpg", quality=95)
    images[1].convert("L").save(folder / "Zoë/grey.png")
    images[1].convert("CMYK").save(folder / "Zoë/cmyk.jpg", quality=95)
    images[2].save(folder / "at_the_root.jpg", quality=95)
    whole = (folder / "at_the_root.jpg").read_bytes()
    (folder / "Broken/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "Broken/empty.jpg").write_bytes(b"")
    (folder / "Broken/text.jpg").write_text("hello")
    Image.new("RGB", (200, 200), "grey").save(folder / "Broken/nobody.png")
    return folder


def test_every_kind_is_aligned_or_listed(source, tmp_path, photographs, capsys):
    target = tmp_path / "crops"
    assert main([str(source), str(target), "--workers", "1"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("11 images: 7 aligned, 0 center, 1 no_face, 3 unreadable; 7 crops. 11 done now")
    assert str(target / "alignment.csv") in shown.out
    rows = rows_of(target)
    assert {path: row["status"] for path, row in rows.items() if row["status"] != "aligned"} == {
        "Broken/cut.jpg": "unreadable",
        "Broken/empty.jpg": "unreadable",
        "Broken/nobody.png": "no_face",
        "Broken/text.jpg": "unreadable",
    }
    assert all(row["reason"] for row in rows.values() if row["status"] != "aligned")
    assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*.png")) == sorted(
        row["output"] for row in rows.values() if row["output"]
    )
    plain = read_image(target / "Ann/plain.png").astype(float)
    assert plain.shape == (112, 96, 3)
    # The same photograph stored otherwise gives nearly the same crop; upside down it would not.
    upside_down = np.abs(plain[::-1] - plain).mean()
    for name in ("rgba", "turned", "huge"):
        other = read_image(target / f"Ann/{name}.png")
        assert np.abs(other - plain).mean() < upside_down / 4, name
    grey = read_image(target / "Zoë/grey.png")
    assert (grey[..., 0] == grey[..., 2]).all()
    expected = photographs[2].landmarks
    found = rows["at_the_root.jpg"]
    nose = np.array([float(found["nose_x"]), float(found["nose_y"])])
    assert np.linalg.norm(nose - expected[2]) < 0.2 * np.linalg.norm(expected[0] - expected[1])

    assert main([str(source), str(target), "--workers", "1"]) == 0
    assert "0 done now" in capsys.readouterr().out
    assert rows_of(target) == rows

    assert main([str(source), str(target), "--image_size", "112", "112"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "expected image_size [112, 96], with which" in error


def test_all_faces_of_a_group(tmp_path, photographs, capsys):
    group = np.hstack([photograph.pixels for photograph in photographs])
    (tmp_path / "in").mkdir()
    Image.fromarray(group).save(tmp_path / "in/group.png")
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--detect_multiple_faces", "--workers", "1"]
    assert main([*arguments, "--image_size", "64", "64"]) == 0
    names = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert names == [f"group_{number}.png" for number in range(4)]
    assert {read_image(tmp_path / "out" / name).shape for name in names} == {(64, 64, 3)}
    assert "1 images: 1 aligned" in capsys.readouterr().out


def test_exit_code_without_any_face(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (200, 150), "grey").save(tmp_path / "in/nobody.png")
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--workers", "1"]
    assert main(arguments) == 1
    assert main([*arguments, "--fallback", "center"]) == 1
    assert read_image(tmp_path / "out/nobody.png").shape == (112, 96, 3)
    assert "0 aligned, 1 center" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, message",
    [
        (["missing", "out"], "error: INPUT_DIR: expected a folder of images, got missing, which does not exist"),
        (["a_file", "out"], "error: INPUT_DIR: expected a folder of images, got a_file, which is a file"),
        (["empty", "out"], "error: empty: expected a folder with images"),
        (["empty", "empty"], "error: empty: expected"),
        (["empty", "out", "--image_size", "0", "96"], "error: --image_size: expected 1 or more, got 0"),
        (["empty", "out", "--workers", "0"], "error: --workers: expected 1 to 128, got 0"),
        (["empty", "out", "--longest_side", "0"], "error: --longest_side: expected 20 or more, got 0"),
        (["empty", "out", "--min_face", "11"], "error: --min_face: expected 12 or more, got 11"),
    ],
)
def test_bad_arguments_end_in_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("a_file").touch()
    try:
        code = main(words)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.slow
def test_the_number_of_workers_decides_nothing(source, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(folders, start=1):
        assert main([str(source), str(folder), "--workers", str(number), "--detect_multiple_faces"]) == 0
    one, two = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in folders
    )
    assert one == two and len(one) == 9


def test_the_width_of_the_smallest_face_is_an_option(source, tmp_path, capsys):
    """The drawn faces are about 100 pixels wide, and that of the large photograph 640 after shrinking."""
    arguments = [str(source), str(tmp_path / "crops"), "--workers", "1"]
    assert main([*arguments, "--min_face", "300"]) == 0
    aligned = [path for path, row in rows_of(tmp_path / "crops").items() if row["status"] == "aligned"]
    assert aligned == ["Ann/huge.jpg"]
    assert main(arguments) == 2
    assert "expected min_face 300, with which the folder was begun, got 20" in capsys.readouterr().err


@pytest.mark.slow
def test_the_script_with_workers_stops_in_order(source, tmp_path):
    """SIGTERM leaves a sorted record of whole crops, and nothing but our own lines was said."""
    for number in range(3000):
        os.link(source / "at_the_root.jpg", source / f"Ann/{number:04d}.jpg")
    target = tmp_path / "crops"
    command = [sys.executable, SCRIPT, source, target, "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[1])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(target.rglob("*.png")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    said = [line for line in error.splitlines() if line.strip()]
    assert out == "" and all(line.startswith("aligning:") for line in said), said
    rows = rows_of(target)
    assert list(rows) == sorted(rows)
    for row in rows.values():
        assert row["status"] != "aligned" or read_image(target / row["output"]).shape == (112, 96, 3)
    assert not list(target.rglob(".*"))
