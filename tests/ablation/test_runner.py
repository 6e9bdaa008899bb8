"""The ablation's command on textures: its table, its continuation, its refusals."""

import csv
import json

import pytest

from cshml_tf.cli import run_ablation


@pytest.fixture
def command(texture_folder, hr_model_dir, tmp_path):
    """The words of a small ablation, but for the combinations."""
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


def test_table_figure_and_runs_and_more_of_them_later(command, tmp_path, capsys):
    out = tmp_path / "out"
    assert run_ablation.main([*command, "--resolutions", "12", "--losses", "2", "2+3+5"]) == 0
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


def test_no_time_left_stops_between_runs_and_the_same_command_goes_on(command, tmp_path, capsys):
    words = [*command, "--resolutions", "8"]
    assert run_ablation.main([*words, "--max_minutes", "1e-9"]) == 0
    assert "stopped: 0 of 1 done; the same command goes on" in capsys.readouterr().out
    assert not (tmp_path / "out" / "reports").exists()
    assert run_ablation.main(words) == 0
    assert "1 of 1: hr_8_eq2+3+5_seed666" in capsys.readouterr().out


def test_one_folder_is_one_recipe_and_one_test(command, tmp_path, capsys):
    words = [*command, "--resolutions", "8"]
    assert run_ablation.main(words) == 0
    assert run_ablation.main([*words, "--margin", "0.2"]) == 2
    assert "holds an ablation with other settings (margin): margin was 0.35 and is 0.2" in capsys.readouterr().err
    assert run_ablation.main([*words, "--lfw_use_flipped_images"]) == 2
    assert "other settings (test)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, message",
    [
        (["--resolutions", "8", "--losses", "2+7"], "error: losses: expected some of the equations"),
        (["--resolutions", "8+8"], "error: resolutions: expected each once"),
        (["--resolutions", "8", "8"], "comes twice"),
        (["--resolutions", "8", "--networks", "absent"], "error: absent: expected a model folder"),
        (["--resolutions", "8", "--lfw_pairs", "absent.txt"], "absent.txt"),
        (["--resolutions", "8", "--lambda", "0"], "expected a weight above 0 for equation 3"),
        (["--resolutions", "64"], "error: resolution: expected at most the faces' 48 x 40"),
    ],
)
def test_bad_input_is_one_line(command, capsys, words, message):
    assert run_ablation.main(command + words) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_file_where_the_folder_should_be(command, tmp_path, capsys):
    (tmp_path / "out").write_text("x")
    assert run_ablation.main([*command, "--resolutions", "8"]) == 2
    assert "OUT_DIR: expected a folder, got the file" in capsys.readouterr().err
