"""A drawn clip is watched with the real detector and a network that was trained on other drawn people."""

import json

import pytest

from cshml_tf.cli import gallery, make_synthetic, train_hr, watch

FACES = "--people 100 --pictures 8 --test_people 0 --seed 1 --image_size 56 48 --workers 1"
CLIP = "--clip --clip_people 2 --clip_passers 2 --clip_strangers 30 --clip_seconds 7"
NETWORK = "--image_size 56 48 --model_def small_resnet --width 16 --embedding_size 64"
STEPS = "--batch_size 32 --learning_rate 0.05 --max_steps 240 --run_name hr"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Draw people and a clip, train a network, and enrol and calibrate a gallery."""
    folder = tmp_path_factory.mktemp("clip")
    places = ["--models_base_dir", str(folder / "models"), "--logs_base_dir", str(folder / "logs")]
    assert make_synthetic.main([str(folder), *FACES.split(), *CLIP.split()]) == 0
    words = ["--data_dir", str(folder / "train"), *places, *NETWORK.split(), *STEPS.split()]
    assert train_hr.main(words) == 0
    place = ["--gallery", str(folder / "people.gallery")]
    network = ["--hr_model", str(folder / "models" / "hr"), "--hr_width", "12"]
    assert gallery.main(["create", *place, *network]) == 0
    assert gallery.main(["enrol", str(folder / "portraits"), *place, "--min_width", "40"]) == 0
    assert (
        gallery.main(["calibrate", str(folder / "strangers"), *place, "--min_width", "40", "--fpir", "0.1"]) == 0
    )
    return folder


@pytest.mark.slow
def test_enrolled_people_are_named_and_the_stranger_is_not(folder, capsys):
    words = [str(folder / "clip.mp4"), "--gallery", str(folder / "people.gallery"), "--rate", "2"]
    capsys.readouterr()
    assert watch.main([*words, "--truth", str(folder / "clip.csv")]) == 0
    shown = capsys.readouterr()
    tracks = [json.loads(line) for line in shown.out.splitlines()]
    assert sorted(track["name"] or track["status"] for track in tracks) == [
        "person_0100",
        "person_0101",
        "unknown",
    ]
    lines = shown.err.splitlines()
    start = next(row for row, line in enumerate(lines) if line.startswith("width in pixels"))
    table = [line.split() for line in lines[start + 1 : -4]]
    # The last seven columns are counts: faces, found, known, named, misnamed, strangers, alarms.
    counts = {row[0]: [int(count) for count in row[-7:]] for row in table}
    faces, found = (sum(row[column] for low, row in counts.items() if low != "below") for column in (0, 1))
    assert found >= 0.9 * faces > 10
    assert lines[-4:] == [
        "people enrolled: 2, named: 2",
        "strangers: 1, given a name: 0",
        "people enrolled who were given another name: 0",
        "tracks of nobody in the list: 0, given a name: 0",
    ]
