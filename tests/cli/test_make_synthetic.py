import subprocess
import sys

import pytest

from cshml_tf.cli.make_synthetic import main
from cshml_tf.data.protocols import find_image, read_pairs
from cshml_tf.files import lock_folder, visible_entries
from cshml_tf.images import read_image

SMALL = "--people 2 --pictures 2 --test_people 4 --test_pictures 3 --folds 2 --pairs_per_fold 4"
SMALL = f"{SMALL} --image_size 28 24 --workers 1".split()


def test_folders_and_pairs(tmp_path, capsys):
    out = tmp_path / "faces"
    assert main([str(out), *SMALL]) == 0
    assert [path.name for path in visible_entries(out)] == ["pairs.txt", "synthetic.json", "test", "train"]
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


def test_what_a_failed_or_killed_first_call_leaves_is_in_nobodys_way(tmp_path, capsys, monkeypatch):
    def no_space(path, content):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("cshml_tf.files.write_json", no_space)
        assert "synthetic.json: No space left on device" in refused(capsys, str(tmp_path), *SMALL)
    half = tmp_path / "train" / "person_0000" / ".partial-01234567-8-9abcdef0.png"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    half.rename(tmp_path / half.name)
    (tmp_path / "train" / "person_0000").rmdir()
    (tmp_path / "train").rmdir()
    assert main([str(tmp_path), *SMALL]) == 0
    assert not list(tmp_path.rglob(".partial-*"))


def test_two_at_once(tmp_path, capsys):
    with lock_folder(tmp_path):
        assert "another process is writing to this folder" in refused(capsys, str(tmp_path), *SMALL)
    assert main([str(tmp_path), *SMALL]) == 0


def test_pairs_that_cannot_be_are_refused_before_anything_is_drawn(tmp_path, capsys):
    out = tmp_path / "faces"
    error = refused(capsys, str(out), *SMALL, "--pairs_per_fold", "50")
    assert "enough for 100 pairs of the same person (2 folds of 50), got 12 from" in error
    assert not out.exists()


def test_photographs_for_training_alone(tmp_path):
    words = "--photographs --people 2 --pictures 1 --test_people 0 --workers 1"
    assert main([str(tmp_path), *words.split()]) == 0
    assert [path.name for path in visible_entries(tmp_path)] == ["synthetic.json", "train"]
    listed = (tmp_path / "train" / "landmarks.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in listed] == [
        "path",
        "person_0000/person_0000_0001.png",
        "person_0001/person_0001_0001.png",
    ]
    assert read_image(tmp_path / "train" / "person_0001" / "person_0001_0001.png").shape == (250, 250, 3)


def test_a_clip_with_people_to_enrol_and_strangers(tmp_path, capsys):
    words = [str(tmp_path), *SMALL, "--clip", "--clip_people", "2", "--clip_strangers", "3", "--clip_passers", "2"]
    words += ["--clip_seconds", "1"]
    assert main(words) == 0
    visible = [path.name for path in visible_entries(tmp_path)]
    assert visible == [
        "clip.csv",
        "clip.mp4",
        "pairs.txt",
        "portraits",
        "strangers",
        "synthetic.json",
        "test",
        "train",
    ]
    people = {
        folder: {path.name for path in (tmp_path / folder).iterdir() if path.is_dir()}
        for folder in ("train", "test", "portraits", "strangers")
    }
    # Of the six people of train/ and test/ nobody returns; person_0008 only walks past.
    assert people["portraits"] == {"person_0006", "person_0007"}
    assert people["strangers"] == {"person_0009", "person_0010", "person_0011"}
    assert read_image(tmp_path / "portraits" / "person_0006" / "person_0006_0003.png").shape == (250, 250, 3)
    rows = (tmp_path / "clip.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "frame,time,name,left,top,width,height"
    assert {row.split(",")[2] for row in rows[1:]} == {"person_0006", "person_0008", "person_0007"}
    before = (tmp_path / "clip.mp4").read_bytes()
    capsys.readouterr()
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "3 people walk for 1 s" in shown and "nothing was missing" in shown
    assert (tmp_path / "clip.mp4").read_bytes() == before
    assert "clip_seconds 1.0 is now 2.0" in refused(capsys, *words[:-1], "2")


def test_a_clip_without_its_encoder_is_refused_before_anything_is_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    out = tmp_path / "faces"
    assert "pip install 'cshml_tf[video]'" in refused(capsys, str(out), *SMALL, "--clip")
    assert not out.exists()


@pytest.mark.parametrize(
    "words, message",
    [
        ("--clip --clip_people 3 --clip_passers 6", "--clip_people: expected more than half of --clip_passers"),
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
