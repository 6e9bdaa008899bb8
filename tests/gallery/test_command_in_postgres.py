"""The commands with the address of a PostgreSQL database in place of a file."""

import cv2
import numpy as np
from drawn import SIZE

from cshml_tf.cli import gallery, identify

COLOURS = {"Ann": (230, 20, 20), "Bo": (20, 230, 20)}


def test_a_gallery_in_postgres_on_the_command_line(database, models, tmp_path, capsys):
    for name, colour in COLOURS.items():
        (tmp_path / "portraits" / name).mkdir(parents=True)
        pixels = np.tile(np.uint8(colour[::-1]), (*SIZE, 1))
        cv2.imwrite(str(tmp_path / "portraits" / name / "1.png"), pixels)

    def run(action, *words):
        assert gallery.main([action, *map(str, words), "--gallery", database]) == 0
        return capsys.readouterr().out

    run("create", "--search", "hnsw", "--hr_model", models / "hr", "--lr_model", models / "lr")
    assert "2 enrolled" in run("enrol", tmp_path / "portraits", "--aligned")
    assert "2 people, 2 faces" in run("list")
    picture = str(tmp_path / "portraits" / "Bo" / "1.png")
    assert identify.main([picture, "--gallery", database, "--aligned"]) == 0
    assert "Bo 1.000, Ann -" in capsys.readouterr().out
    assert "1 person, 1 face;" in run("remove", "Ann") + run("list")
    assert gallery.main(["create", "--gallery", database, "--hr_model", str(models / "hr")]) == 2
    assert "expected a database without a gallery" in capsys.readouterr().err
