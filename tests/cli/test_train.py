"""The two training commands, end to end on textures."""

import json

import pytest

from cshml_tf.cli import train_cshml, train_hr
from cshml_tf.model_folder import read_card

TINY = ["--batch_size", "8", "--learning_rate", "0.05", "--max_steps", "4", "--log_every", "2"]


@pytest.fixture
def folders(texture_folder, tmp_path):
    return [
        *("--data_dir", str(texture_folder), "--models_base_dir", str(tmp_path / "models")),
        *("--logs_base_dir", str(tmp_path / "logs")),
    ]


@pytest.mark.slow
def test_hr_then_lr(folders, tmp_path, capsys):
    network = ["--model_def", "small_resnet", "--image_size", "48", "40", "--embedding_size", "16", "--width", "4"]
    assert train_hr.main([*folders, *TINY, *network, "--run_name", "hr"]) == 0
    shown = capsys.readouterr()
    assert "finished: 4 steps done" in shown.out and "pairs/s" in shown.err
    hr_model = str(tmp_path / "models" / "hr")
    command = [*folders, *TINY, "--pretrained_model", hr_model, "--resolution", "12", "10x8", "--run_name", "lr"]
    options = ["--lambda", "0.5", "--beta", "2", "--tap", "block_b", "--pool_size", "global", "--seed", "3"]
    assert train_cshml.main(command + options) == 0
    card = read_card(tmp_path / "models" / "lr")
    assert card["resolutions"] == [12, [10, 8]]
    settings = card["settings"]
    assert (settings["contrastive_weight"], settings["multi_hierarchy_weight"]) == (0.5, 2.0)
    assert (settings["tap"], settings["pool_size"], settings["seed"]) == ("block_b", None, 3)
    assert train_cshml.main(command + options) == 0
    assert "nothing to do: this run is already finished" in capsys.readouterr().out
    assert train_cshml.main(command) == 2
    assert "other settings" in capsys.readouterr().err


def test_bad_words_are_one_line(folders, capsys):
    with pytest.raises(SystemExit) as stop:
        train_hr.main([*folders, "--batch_size", "many"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and error.startswith(
        "error: --batch_size: expected a whole number, got 'many'"
    )


@pytest.mark.slow
def test_the_default_name_is_the_time(folders, hr_model_dir, tmp_path):
    command = [*folders, *TINY, "--pretrained_model", str(hr_model_dir), "--resolution", "8"]
    assert train_cshml.main([*command, "--max_steps", "1"]) == 0
    (folder,) = (tmp_path / "models").iterdir()
    date, time = folder.name.split("-")
    assert len(date) == 8 and len(time) == 6 and (date + time).isdigit()
    assert json.loads((folder / "model.json").read_text())["steps"] == 1


@pytest.mark.parametrize("negatives, warned", [("0", True), ("0.5", False)])
def test_alpha_without_negatives_is_warned_of(folders, hr_model_dir, capsys, negatives, warned):
    command = [*folders, *TINY, "--pretrained_model", str(hr_model_dir), "--resolution", "8", "--max_steps", "1"]
    assert train_cshml.main([*command, "--alpha", "1.5", "--negative_share", negatives]) == 0
    assert ("--alpha has no effect" in capsys.readouterr().err) == warned


@pytest.mark.parametrize(
    "change, message",
    [
        (
            ["--pretrained_model", "absent"],
            "error: --pretrained_model: expected the model folder of an HR network, got absent, which does not",
        ),
        (["--data_dir", "absent"], "error: --data_dir: expected a folder of class folders"),
        (["--people", "absent.txt"], "absent.txt"),
        (["--learning_rate_schedule_file", "absent.txt", "--learning_rate", "-1"], "absent.txt"),
        (["--tap", "block_z"], "error: --tap: expected one of"),
        (["--pool_size", "40"], "error: --pool_size: expected 1 to"),
        (["--resolution", "44"], "error: --resolution: expected at most the faces' 48 x 40, got 44 x 44"),
        (["--learning_rate", "1e300"], "error: --learning_rate: expected a rate above 0, up to 1000, or -1"),
        (["--batch_size", "0"], "error: --batch_size: expected a positive number, got 0"),
        (["--strategy", "mirrored", "--replicas", "3"], "replicas"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folders, hr_model_dir, tmp_path, capsys, change, message):
    command = [*folders, *TINY, "--pretrained_model", str(hr_model_dir), "--resolution", "8", *change]
    try:
        code = train_cshml.main(command)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").glob("*/model.json"))


@pytest.mark.parametrize("change", [["--resolution", "twelve"], ["--pool_size", "0"], ["--degradation", "none"]])
def test_words_that_are_no_argument(folders, change, capsys):
    with pytest.raises(SystemExit) as stop:
        train_cshml.main([*folders, "--pretrained_model", "x", "--resolution", "8", *change])
    assert stop.value.code == 2
    assert change[0] in capsys.readouterr().err
