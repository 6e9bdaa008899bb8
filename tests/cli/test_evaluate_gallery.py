"""The measurement of a gallery on the command line."""

import json

import cv2
import numpy as np
import pytest
from drawn import SIZE, save_colour_network

from cshml_tf.cli import evaluate_gallery

RED, GREEN = (230, 20, 20), (20, 230, 20)


def paint(path, colour, number=0):
    """Write a crop of one colour; its number makes the file differ from others of that colour."""
    pixels = np.tile(np.uint8(colour), (*SIZE, 1))
    pixels[0, 0] = number
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1])


def test_evaluate(tmp_path, capsys):
    """Ann and Bo have three photographs each, all right; eight people have one."""
    save_colour_network(tmp_path / "hr", "hr", [])
    save_colour_network(tmp_path / "lr", "lr", [8, 12], factor=2.0)
    for name, colour in (("Ann", RED), ("Bo", GREEN)):
        for number in range(3):
            paint(tmp_path / "faces" / name / f"{number}.png", colour, number=number)
    for number in range(8):
        paint(tmp_path / "faces" / f"Stranger {number}" / "0.png", (120 + 9 * number, 120, 190))
    report = tmp_path / "report.json"
    words = [tmp_path / "faces", "--hr_model", tmp_path / "hr", "--lr_model", tmp_path / "lr", "--report", report]
    words += ["--rates", "0.25", "0.01", "--try_weights", "0", "1"]
    assert evaluate_gallery.main(list(map(str, words))) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("2 people enrolled with 2 portraits, 4 probes; strangers: 4 set the thresholds")
    measured = json.loads(report.read_text())
    for ways in measured["results"].values():
        assert [figures["rank_1"] for figures in ways.values()] == [1.0] * len(ways)
        assert {figures["rates"]["0.01"] for figures in ways.values()} == {None}
    assert measured["protocol"]["options"]["try_weights"] == [0.0, 1.0]
    words += ["--reject", "--figures", tmp_path / "plots"]
    assert evaluate_gallery.main(list(map(str, words))) == 0
    out = capsys.readouterr().out
    assert captured.out.rstrip("\n") in out and "gain: 0 for rejection at random" in out
    rejection = json.loads(report.read_text())["rejection"]
    assert list(rejection["kinds"]) == ["HR", "8", "12", "all"]
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {"reject_rank_1.png", "reject_miss_at_fpir_0.25.png"}
    without = [word for word in words if word != "--reject"]
    with pytest.raises(SystemExit):
        evaluate_gallery.main(list(map(str, without)))
    assert "--figures: needs --reject as well" in capsys.readouterr().err
