import subprocess
import sys

import pytest

from cshml_tf.cli.make_synthetic import main
from cshml_tf.data.protocols import find_image, read_pairs
from cshml_tf.images import read_image

SMALL = "--people 2 --pictures 2 --test_people 4 --test_pictures 3 --folds 2 --pairs_per_fold 4"
SMALL = f"{SMALL} --image_size 28 24 --workers 1".split()


def test_folders_and_pairs(tmp_path, capsys):
    out = tmp_path / "faces"
    assert main([str(out), *SMALL]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["pairs.txt", "synthetic.json", "test", "train"]
    train, test = ({path.name for path in (out / part).iterdir()} for part in ("train", "test"))
    assert train == {"person_0000", "person_0001"}
    assert test == {"person_0002", "person_0003", "person_0004", "person_0005"}
    for pair in read_pairs(out / "pairs.txt"):
        for image in (pair.first, pair.second):
            assert read_image(find_image(out / "test", image)).shape == (28, 24, 3)
    shown = capsys.readouterr().out
    assert "4 people, 3 pictures of each" in shown and "16 drawn now" in shown


def test_the_same_command_again_does_what_is_missing(tmp_path, capsys):
    out = tmp_path / "faces"
    main([str(out), *SMALL])
    lost = out / "test" / "person_0003" / "person_0003_0002.png"
    content, pairs = lost.read_bytes(), (out / "pairs.txt").read_bytes()
    lost.unlink()
    (out / "pairs.txt").unlink()
    capsys.readouterr()
    assert main([str(out), *SMALL]) == 0
    assert lost.read_bytes() == content and (out / "pairs.txt").read_bytes() == pairs
    assert "1 drawn now" in capsys.readouterr().out
    assert main([str(out), *SMALL]) == 0
    assert "nothing was missing" in capsys.readouterr().out


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_other_settings_are_refused(tmp_path, capsys):
    out = tmp_path / "faces"
    main([str(out), *SMALL])
    capsys.readouterr()
    before = sorted(out.rglob("*"))
    assert "made with other settings: seed 0 is now 5" in refused(capsys, str(out), *SMALL, "--seed", "5")
    assert sorted(out.rglob("*")) == before
    (out / "synthetic.json").write_text("{", encoding="utf-8")
    assert "synthetic.json: expected JSON" in refused(capsys, str(out), *SMALL)


def test_a_folder_of_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    assert "is not empty and has no synthetic.json" in refused(capsys, str(tmp_path), *SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_pairs_that_cannot_be_are_refused_before_anything_is_drawn(tmp_path, capsys):
    out = tmp_path / "faces"
    error = refused(capsys, str(out), *SMALL, "--pairs_per_fold", "50")
    assert "enough for 100 pairs of the same person (2 folds of 50), got 12 from" in error
    assert not out.exists()


def test_photographs_for_training_alone(tmp_path):
    words = "--photographs --people 2 --pictures 1 --test_people 0 --workers 1"
    assert main([str(tmp_path), *words.split()]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["synthetic.json", "train"]
    listed = (tmp_path / "train" / "landmarks.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in listed] == [
        "path",
        "person_0000/person_0000_0001.png",
        "person_0001/person_0001_0001.png",
    ]
    assert read_image(tmp_path / "train" / "person_0001" / "person_0001_0001.png").shape == (250, 250, 3)


@pytest.mark.parametrize(
    "words, message",
    [
        ("--people -1", "--people: expected 0 or more, got -1"),
        ("--pictures 0", "--pictures: expected 1 or more, got 0"),
        ("--image_size 0 96", "--image_size: expected"),
        ("--people 0 --test_people 0", "nothing to draw"),
    ],
)
def test_bad_arguments(tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "faces"), *words.split()])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_script_runs(tmp_path):
    words = "--people 1 --pictures 1 --test_people 0 --image_size 28 24 --workers 1".split()
    done = subprocess.run(
        [sys.executable, "train/make_synthetic.py", str(tmp_path / "faces"), *words],
        capture_output=True,
        text=True,
        cwd=__file__.rsplit("/tests/", 1)[0],
    )
    assert done.returncode == 0, done.stderr
    assert "1 drawn now" in done.stdout
