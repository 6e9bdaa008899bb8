"""The ablation's command on textures: its table, resuming, refusals."""

import csv
import functools
import json
import shutil

import cv2
import numpy as np
import pytest
from runs import interrupt_after

import cshml_tf
from cshml_tf.ablation import runner
from cshml_tf.cli import run_ablation
from cshml_tf.training.lr import train_lr


@pytest.fixture
def command(texture_folder, hr_model_dir, tmp_path):
    """The arguments of a small ablation, apart from the combinations."""
    pairs = tmp_path / "pairs.txt"
    lines = ["2\t3"]
    for fold in range(2):
        people = [f"person_{3 * fold + i}" for i in range(3)]
        lines += [f"{name}\t1\t2" for name in people]
        lines += [f"{people[i]}\t1\t{people[i - 1]}\t3" for i in range(3)]
    pairs.write_text("\n".join(lines) + "\n")
    return [
        *(str(tmp_path / "out"), "--networks", str(hr_model_dir), "--data_dir", str(texture_folder)),
        *("--lfw_dir", str(texture_folder), "--lfw_pairs", str(pairs)),
        *(
            "--batch_size",
            "8",
            "--learning_rate",
            "0.02",
            "--cosine_decay",
            "--max_steps",
            "2",
            "--epoch_size",
            "1",
        ),
    ]


@pytest.mark.slow
def test_table_plot_and_runs_are_written_and_later_extended(command, tmp_path, capsys):
    out = tmp_path / "out"
    cached = ["--cache_teacher", str(tmp_path / "cache")]
    assert run_ablation.main([*command, "--resolutions", "12", "--losses", "2", "2+3+5", *cached]) == 0
    # The second cell adds the map that equation 5 needs.
    (cache,) = (tmp_path / "cache").iterdir()
    assert {path.name.partition("-")[0] for path in cache.glob("[!.]*.npy")} >= {"pooled", "embedding.npy"}
    shown = capsys.readouterr().out
    assert "1 of 2: hr_12_eq2_seed666: 12: HL" in shown and "paper, Inception-ResNet-v1 + Eq. 2+3+5" in shown
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    done = {path: path.stat().st_mtime_ns for path in out.rglob("recogniser.keras")}
    assert len(done) == 2
    more = ["--resolutions", "12", "8+12", "--losses", "2", "2+3+5", "--seeds", "666"]
    assert run_ablation.main(command + more) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done, "a finished run was trained again"
    table = (out / "table.md").read_text()
    assert "| hr + Eq. 2+3+5, one network for 8, 12 | 1 |" in table
    rows = list(csv.DictReader((out / "runs.csv").open()))
    assert len(rows) == 2 + 4
    stored = json.loads((out / "reports" / "hr_12_eq2_seed666.json").read_text())
    (row,) = [row for row in rows if row["losses"] == "2" and row["served"] == "12"]
    assert float(row["HL"]) == pytest.approx(stored["12"]["HL"]["accuracy"], abs=1e-5)


@pytest.mark.slow
def test_a_run_stopped_by_a_signal_resumes_with_the_same_result(command, tmp_path, capsys, monkeypatch):
    words = [*command, "--resolutions", "8", "--losses", "2"]
    whole = [word if word != str(tmp_path / "out") else str(tmp_path / "whole") for word in words]
    assert run_ablation.main(whole) == 0
    with monkeypatch.context() as patch:
        patch.setattr(runner, "train_lr", functools.partial(train_lr, on_step=interrupt_after(1)))
        assert run_ablation.main(words) == 0
    assert "stopped: 0 of 1 done" in capsys.readouterr().out
    assert run_ablation.main(words) == 0
    assert (tmp_path / "out" / "runs.csv").read_text() == (tmp_path / "whole" / "runs.csv").read_text()
    for path in (tmp_path / "whole").rglob("classifier.npy"):
        other = tmp_path / "out" / path.relative_to(tmp_path / "whole")
        assert np.array_equal(np.load(path), np.load(other))


@pytest.mark.slow
def test_a_signal_in_the_last_step_of_a_run_ends_the_ablation(command, capsys, monkeypatch):
    monkeypatch.setattr(runner, "train_lr", functools.partial(train_lr, on_step=interrupt_after(2)))
    assert run_ablation.main([*command, "--resolutions", "8", "--losses", "2", "3"]) == 0
    assert "stopped: 1 of 2 done" in capsys.readouterr().out


@pytest.mark.slow
def test_two_networks_and_a_third_of_a_known_name(command, hr_model_dir, tmp_path, capsys):
    other = tmp_path / "nets" / "other"
    shutil.copytree(hr_model_dir, other)
    words = [*command, "--resolutions", "8", "--losses", "2", "--networks", str(hr_model_dir)]
    assert run_ablation.main([*words, str(other)]) == 0
    table = (tmp_path / "out" / "table.md").read_text()
    assert "| hr + Eq. 2 | 1 |" in table and "| other + Eq. 2 | 1 |" in table
    recogniser = cshml_tf.load_recogniser(other)
    recogniser.weights[0].assign(recogniser.weights[0] + 1.0)
    recogniser.save(other / "recogniser.keras")
    assert run_ablation.main([*words[:-1], str(other), "--seeds", "5"]) == 2
    assert "contains an ablation of another HR network other" in capsys.readouterr().err


def test_a_call_that_trained_nothing_leaves_no_note(command, tmp_path, capsys):
    words = [*command, "--resolutions", "8", "--max_minutes", "1e-9"]
    assert run_ablation.main([*words, "--margin", "0.2"]) == 0
    assert run_ablation.main([*words, "--margin", "0.3"]) == 0
    (tmp_path / "out" / "ablation.json").write_text("[]")
    assert run_ablation.main(words) == 2
    assert "expected the note of an ablation, got other content" in capsys.readouterr().err


def test_faces_of_another_size_are_refused_before_the_first_run(command, tmp_path, capsys):
    folder = tmp_path / "small" / "person_0"
    folder.mkdir(parents=True)
    for number in (1, 2):
        cv2.imwrite(str(folder / f"person_0_000{number}.png"), np.zeros((20, 20, 3), np.uint8))
    assert run_ablation.main([*command, "--resolutions", "8", "--lfw_dir", str(tmp_path / "small")]) == 2
    assert "expected an aligned face of 48 x 40" in capsys.readouterr().err
    assert not (tmp_path / "out" / "models").exists()


@pytest.mark.slow
def test_a_test_of_people_trained_on_causes_a_warning(command, capsys):
    assert run_ablation.main([*command, "--resolutions", "8", "--losses", "2"]) == 0
    assert "warning: the networks were trained on 6 of the people compared (12 pairs)" in capsys.readouterr().err


@pytest.mark.slow
def test_without_time_left_it_stops_between_runs_and_the_same_command_resumes(command, tmp_path, capsys):
    words = [*command, "--resolutions", "8"]
    assert run_ablation.main([*words, "--max_minutes", "1e-9"]) == 0
    assert "stopped: 0 of 1 done; the same command resumes" in capsys.readouterr().out
    assert not (tmp_path / "out" / "reports").exists()
    assert run_ablation.main(words) == 0
    assert "1 of 1: hr_8_eq2+3+5_seed666" in capsys.readouterr().out


@pytest.mark.slow
def test_one_folder_is_one_recipe_and_one_test(command, tmp_path, capsys):
    words = [*command, "--resolutions", "8"]
    assert run_ablation.main(words) == 0
    assert run_ablation.main([*words, "--margin", "0.2"]) == 2
    assert (
        "contains an ablation with other settings (margin): margin was 0.35 and is 0.2" in capsys.readouterr().err
    )
    assert run_ablation.main([*words, "--use_flipped_images"]) == 2
    assert "other settings (test options)" in capsys.readouterr().err
    (tmp_path / "people.txt").write_text("person_0\nperson_1\n")
    assert run_ablation.main([*words, "--people", str(tmp_path / "people.txt")]) == 2
    assert "other settings (training data)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, message",
    [
        (["--resolutions", "8", "--losses", "2+7"], "error: --losses: expected some of the equations"),
        (["--resolutions", "8+8"], "error: --resolutions: expected each once"),
        (["--resolutions", "8", "8"], "twice, from"),
        (
            ["--resolutions", "8", "--networks", "absent"],
            "error: --networks: expected the model folder of an HR network, got absent, which does not exist",
        ),
        (
            ["--resolutions", "8", "--lfw_pairs", "absent.txt"],
            "error: --lfw_pairs: expected a file, got absent.txt, which does not exist",
        ),
        (["--resolutions", "8", "--lambda", "0"], "error: --lambda: expected a weight above 0 for equation 3"),
        (["--resolutions", "64"], "error: --resolutions: expected at most the faces' 48 x 40"),
    ],
)
def test_bad_input_is_one_line(command, capsys, words, message):
    assert run_ablation.main(command + words) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_file_where_the_folder_should_be(command, tmp_path, capsys):
    (tmp_path / "out").write_text("x")
    assert run_ablation.main([*command, "--resolutions", "8"]) == 2
    assert f"OUT_DIR: expected a folder, got {tmp_path / 'out'}, which is a file" in capsys.readouterr().err
