"""The command on 130 people who are a colour each: both protocols, what serves whom, and bad input."""

import json

import numpy as np
import pytest

from cshml_tf.cli.evaluate_scface import main
from cshml_tf.images import write_image


@pytest.fixture(scope="module")
def models(tmp_path_factory, save_colour_network):
    """An HR network that knows every person, and an LR network that sees negatives."""
    folder = tmp_path_factory.mktemp("scface_models")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "negative", "lr", [20], factor=-1.0)
    return folder


@pytest.fixture(scope="module")
def aligned(tmp_path_factory, draw_scface):
    return draw_scface(tmp_path_factory.mktemp("aligned") / "scface", size=(48, 40))


def words(models, root, *more):
    return [str(word) for word in (root, "--hr_model", models / "hr", *more)]


def as_it_comes(models, aligned, *more):
    return words(models, aligned, "--alignment", "none", "--mappings", "--fine_tune_steps", "0", *more)


@pytest.mark.slow
def test_a_perfect_embedding_scores_100_percent_by_both_protocols(models, draw_scface, tmp_path, capsys):
    """As distributed, aligned by the four points, with the report, the figures and the aligned faces."""
    root = draw_scface(tmp_path / "scface")
    outputs = ("--report", tmp_path / "new" / "report.json", "--crops", tmp_path / "crops")
    more = ("--mugshot_alignment", "landmarks", "--mappings", "--seeds", "1", "2", *outputs)
    assert main(words(models, root, *more)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| HR network for all | 130 | 650 |  | 100.00 | 100.00 | 100.00 |"
    assert lines[3] == "| HR network for all | 80 | 400 | 2 | 100.00 ± 0.00 | 100.00 ± 0.00 | 100.00 ± 0.00 |"
    assert "| paper, CS-MHL-Net | 80 | 400 |  | 65.5 | 87.2 | 98.7 |" in lines
    assert f"distance 1: 650 landmarks; served by {models / 'hr'}" in lines
    report = json.loads((tmp_path / "new" / "report.json").read_text())
    assert [(row["people"], len(row["curves"]["1"])) for row in report["rows"]] == [(130, 1), (80, 2)]
    assert report["rows"][0]["curves"]["3"] == [[1.0] * 10]
    assert report["protocol"]["alignment"]["mugshots"] == {"landmarks": 130}
    assert report["protocol"]["missing"] == []
    assert report["protocol"]["fine_tuning"] is None, "there is no LR network to fine-tune"
    assert not any(line.startswith("fine-tuning") for line in lines)
    figures = sorted(path.name for path in (tmp_path / "new" / "report_figures").iterdir())
    assert figures == [f"cmc_{people}_distance_{distance}.png" for people in (130, 80) for distance in (1, 2, 3)]
    assert len(list((tmp_path / "crops").rglob("*.png"))) == 130 + 3 * 650


def test_noise_scores_chance(models, draw_scface, tmp_path):
    """1 of 130, and 1 of 80; three deviations of 650 and of 400 probes."""
    root = draw_scface(tmp_path / "scface", random=np.random.default_rng(0), size=(48, 40))
    assert main(as_it_comes(models, root, "--seeds", "1", "--report", str(tmp_path / "report.json"))) == 0
    for row in json.loads((tmp_path / "report.json").read_text())["rows"]:
        chance = 1 / row["people"]
        for curves in row["curves"].values():
            assert abs(curves[0][0] - chance) < 3 * np.sqrt(chance / (5 * row["people"]))


def test_what_serves_a_distance(models, aligned, capsys):
    """The network that sees negatives finds nobody at distance 1; no map for both sides can mend a mirror."""
    serve = ("--serve", f"1={models / 'negative'}", "--reduce", "1=20", "--seeds", "4", "--protocols", "80")
    tune = ("--alignment", "none", "--fine_tune_steps", "0", "--mappings", "MDS", "--use_flipped_images")
    assert main(words(models, aligned, *serve, *tune)) == 0
    table = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    rows = {row[0].removeprefix("| "): row[4:6] for row in table if len(row) == 7}
    assert rows["HR network for all"] == ["100.00", "100.00"]
    assert rows["networks as given"] == ["0.00", "100.00"]
    assert rows["MDS on the embeddings"] == ["0.00", "100.00"]


def test_rows_that_are_done_survive_a_later_failure(models, aligned, tmp_path, monkeypatch, capsys):
    from cshml_tf.evaluation.scface.experiment import ScfaceExperiment

    def fails(*arguments):
        raise ValueError("the 50 people: expected more")
        yield

    monkeypatch.setattr(ScfaceExperiment, "split", fails)
    assert main(as_it_comes(models, aligned, "--report", str(tmp_path / "report.json"))) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: the 50 people: expected more\n"
    assert "| HR network for all | 130 | 650 |" in captured.out
    assert "| HR network for all | 130 | 2 | 100.00 | 100.00 |" in captured.out, "ranks of distance 2"
    (row,) = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert row["people"] == 130


@pytest.mark.slow
def test_fine_tuned_networks_have_a_row_of_their_own(aligned, hr_model_dir, run_options, tmp_path, capsys):
    from cshml_tf.settings.training import LrSettings
    from cshml_tf.training.lr import train_lr

    lr_run, _ = train_lr(
        LrSettings(**run_options | {"max_steps": 1}, pretrained_model=str(hr_model_dir), resolution=(12,)), False
    )
    more = ("--alignment", "none", "--protocols", "80", "--seeds", "1", "--mappings", "--fine_tune_steps", "2")
    arguments = [str(aligned), "--hr_model", str(hr_model_dir), "--serve", f"1={lr_run.model_dir}", *more]
    assert main([*arguments, "--report", str(tmp_path / "report.json")]) == 0
    rows = {row["method"]: row["curves"] for row in json.loads((tmp_path / "report.json").read_text())["rows"]}
    assert list(rows) == ["HR network for all", "networks as given", "fine-tuned with Eq. 3"]
    given, tuned = rows["networks as given"], rows["fine-tuned with Eq. 3"]
    assert tuned["1"] != given["1"], "the LR network was not fine-tuned"
    assert tuned["3"] == given["3"], "the HR network was fine-tuned"
    assert "fine-tuning: steps 2, batch_size 32, learning_rate 0.01" in capsys.readouterr().out


def test_ricnn_and_the_joint_bayesian_classifier_have_rows_of_their_own(models, aligned, tmp_path, capsys):
    """General faces are other colours, three pictures of each; they are reduced for distance 1 only."""
    random = np.random.default_rng(2)
    for person in range(30):
        folder = tmp_path / "general" / f"G{person:02d}"
        folder.mkdir(parents=True)
        colour = random.integers(0, 256, 3)
        for number in range(3):
            pixels = np.clip(colour + random.normal(0, 9, (48, 40, 3)), 0, 255).astype(np.uint8)
            write_image(folder / f"{number}.png", pixels)
    options = ("--ricnn", models / "hr", "--general_dir", tmp_path / "general", "--general_reduce", "1=8")
    more = ("--seeds", "1", "2", "--report", tmp_path / "report.json")
    assert main(as_it_comes(models, aligned, *map(str, (*options, *more)))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| RICNN | 130 | 650 |  | 100.00 | 100.00 | 100.00 |" in lines
    rows = [line.split(" | ") for line in lines if line.count(" | ") == 6]
    split = {row[0].removeprefix("| "): row[4:] for row in rows if row[1:4] == ["80", "400", "2"]}
    assert list(split) == ["HR network for all", "RICNN", "HJB on the embeddings", "RIDN-HJB"]
    # One network embeds everything for both rows.
    assert split["HJB on the embeddings"] == split["RIDN-HJB"]
    rates = [float(rate.strip(" |").split(" ± ")[0]) for rate in split["RIDN-HJB"]]
    assert min(rates) > 90, rates
    words = "joint Bayesian: the 50 people and 90 faces of 30 others, each part with half of the weight"
    assert f"{words}; the others reduced to 8 for distance 1" in lines
    protocol = json.loads((tmp_path / "report.json").read_text())["protocol"]
    assert protocol["ricnn"] == str(models / "hr")
    assert protocol["general"]["reduced_to"] == {"1": "8"} and protocol["general"]["fit"]["ridge"] == 0.1


def test_missing_and_unreadable_images_are_named_and_count(models, draw_scface, tmp_path, capsys):
    root = draw_scface(tmp_path / "scface", size=(48, 40))
    folder = root / "surveillance_cameras_distance_2" / "cam_3"
    (folder / "005_cam3_2.jpg").unlink()
    cut = folder / "006_cam3_2.jpg"
    cut.write_bytes(cut.read_bytes()[:50])
    assert main(as_it_comes(models, root, "--protocols", "130")) == 0
    captured = capsys.readouterr()
    assert f"| HR network for all | 130 | 650 |  | 100.00 | {100 * 648 / 650:.2f} | 100.00 |" in captured.out
    assert "warning: image missing: 1: 005_cam3_2" in captured.err
    assert "warning: distance 2: unreadable: 1: 006_cam3_2" in captured.err


def test_a_distance_of_which_no_image_can_be_read(models, draw_scface, tmp_path, capsys):
    root = draw_scface(tmp_path / "scface", size=(48, 40))
    for path in (root / "surveillance_cameras_distance_1").rglob("*.jpg"):
        path.write_bytes(b"")
    assert main(as_it_comes(models, root, "--reduce", "1=20")) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("warning: distance 1: unreadable: 650: 001_cam1_1,")
    assert lines[1:] == ["error: SCface: expected probes at distance 1, got none that can be read"]


def exit_code(words):
    """Run the command; bad arguments end it as bad input does, with one line and code 2."""
    try:
        return main(words)
    except SystemExit as stop:
        return stop.code


def failure(capsys, arguments):
    assert exit_code(arguments) == 2
    captured = capsys.readouterr()
    assert (len(captured.err.splitlines()), captured.out) == (1, "")
    return captured.err


def test_bad_input_is_one_line(models, aligned, tmp_path, capsys):
    def said(*more, root=aligned):
        return failure(capsys, as_it_comes(models, root, *more))

    assert "SCFACE_DIR: expected the data set's folder" in said(root=tmp_path / "nowhere")
    assert "expected a folder of images, found none" in said(root=tmp_path)
    assert "--serve: expected each distance once, got 1 1" in said("--serve", "1=a", "1=b")
    assert "--seeds: expected each once" in said("--seeds", "3", "3")
    for seed in ("-1", str(2**32)):
        assert f"--seeds: expected 0 to 4294967295, got {seed}" in said("--seeds", seed)
    assert "--general_people: needs --general_dir" in said("--general_people", str(aligned / "all.txt"))
    assert "--general_reduce: needs --general_dir" in said("--general_reduce", "1=20")
    general = ("--general_dir", str(aligned), "--general_reduce", "2=99")
    assert "--general_reduce of distance 2: expected at most the faces' 48 x 40, got 99" in said(*general)
    assert "--ricnn: expected the model folder of an HR network" in said("--ricnn", str(models / "negative"))
    assert "--crops: expected a place outside" in said("--crops", str(aligned / "crops"))
    assert "--report: expected a place outside" in said("--report", str(aligned / "report.json"))
    (tmp_path / "file").touch()
    assert f"--crops: expected a folder, got {tmp_path / 'file'}, which is a file" in said(
        "--crops", str(tmp_path / "file")
    )
    assert "--hr_model: expected the model folder of an HR network, got" in said(
        "--hr_model", str(models / "negative")
    )
    no_model = f"--serve: expected a model folder, got {tmp_path}, which has no model.json"
    assert no_model in said("--serve", f"2={tmp_path}")
    # Before any image is looked at.
    too_large = said("--reduce", "1=60", root=tmp_path)
    assert "--reduce of distance 1: expected at most the faces' 48 x 40, got 60 x 60" in too_large
    assert "learning_rate: expected a rate above 0, up to 1000, got 0" in said(
        "--fine_tune_steps", "3", "--fine_tune_learning_rate", "0"
    )
    damaged = words(models, aligned, "--landmarks", str(tmp_path / "points.txt"))
    (tmp_path / "points.txt").write_text("001_frontal\t1\t2\n")
    assert "points.txt, line 1: expected a name and 8 numbers" in failure(capsys, damaged)


@pytest.mark.parametrize("word", ["4=models/lr", "models/lr", "1="])
def test_a_distance_is_1_to_3(models, aligned, capsys, word):
    with pytest.raises(SystemExit) as stop:
        main(words(models, aligned, "--serve", word))
    assert stop.value.code == 2
    assert "expected 1=, 2= or 3= and a value" in capsys.readouterr().err
