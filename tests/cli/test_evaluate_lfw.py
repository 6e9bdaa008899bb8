import io
import json
import os
import pickle

import cv2
import numpy as np
import pytest

from cshml_tf import backbones
from cshml_tf.cli import evaluate_lfw
from cshml_tf.cli.evaluate_lfw import main
from cshml_tf.comparing import threshold_for
from cshml_tf.data.protocols import read_pairs
from cshml_tf.evaluation.report import read_threshold
from cshml_tf.evaluation.report_file import read_report
from cshml_tf.images import write_image
from cshml_tf.model_folder import save_model
from cshml_tf.recogniser import build_recogniser

SIZE = (32, 28)


def write_faces(folder, random):
    for person in range(8):
        pattern = random.integers(30, 226, (8, 7, 3)).repeat(4, 0).repeat(4, 1)
        (folder / f"P{person}").mkdir(parents=True)
        for number in (1, 2, 3):
            pixels = np.clip(pattern + random.normal(0, 40, (*SIZE, 3)), 0, 255).astype(np.uint8)
            write_image(folder / f"P{person}" / f"P{person}_{number:04d}.png", pixels)


def write_pairs(path):
    lines = ["2\t8"]
    for fold in range(2):
        names = [f"P{person}" for person in range(4 * fold, 4 * fold + 4)]
        for numbers in ("1\t2", "1\t3"):
            lines += [f"{name}\t{numbers}" for name in names]
        for number in (1, 2):
            lines += [f"{name}\t{number}\t{names[i - 1]}\t{number}" for i, name in enumerate(names)]
    path.write_text("\n".join(lines) + "\n")


def write_model(folder, kind, resolutions, people, width):
    recogniser = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=width))
    card = {"kind": kind, "image_size": list(SIZE), "resolutions": resolutions, "degradation": "antialias"}
    save_model(folder, recogniser, card | {"figures": {}}, people=people)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate_lfw")
    write_faces(folder / "faces", np.random.default_rng(0))
    write_pairs(folder / "pairs.txt")
    write_model(folder / "hr", "hr", [], ["P1", "Elsewhere"], 4)
    write_model(folder / "lr", "lr", [8, [6, 5]], ["P1", "P6"], 2)
    return folder


def arguments(data, *more):
    pairs = str(data / "pairs.txt")
    return [str(data / "faces"), "--hr_model", str(data / "hr"), "--lfw_pairs", pairs, *map(str, more)]


@pytest.mark.slow
def test_report_table_and_figures(data, tmp_path, capsys):
    report_path = tmp_path / "new" / "lfw.json"
    more = ("--lr_model", data / "lr", "--report", report_path, "--embedding_batch_size", 7)
    assert main(arguments(data, *more)) == 0
    report = json.loads(report_path.read_text())
    assert list(report) == ["HR", "8", "6x5", "protocol"]
    for key in ("8", "6x5"):
        assert list(report[key])[:5] == ["HL", "LL", "HL_hr_network", "LL_hr_network", "gap_closed"]
    assert report["HR"]["pairs"] == 32
    protocol = report["protocol"]
    assert protocol["models"] == {"HR": str(data / "hr"), "8": str(data / "lr"), "6x5": str(data / "lr")}
    assert protocol["trained_people"] == {"people": 2, "pairs": 12, "names": ["P1", "P6"]}
    assert (protocol["folds"], protocol["missing"]) == (2, [])
    assert np.isfinite(read_threshold(report, "HL", 8, 0.1))
    captured = capsys.readouterr()
    assert f"{100 * report['8']['HL']['accuracy']:.2f} ± " in captured.out
    assert "trained on 2 of the people compared (12 pairs)" in captured.err
    names = {path.name for path in (tmp_path / "new" / "lfw_figures").iterdir()}
    assert names == {"roc_8.png", "scores_8.png", "roc_6x5.png", "scores_6x5.png"}
    assert {path.name for path in report_path.parent.iterdir()} == {"lfw.json", "lfw_figures"}


def test_a_pair_set_is_measured_like_its_folder(data, tmp_path, capsys):
    """The pairs of the list as a pair set of wider faces: the middle of each is what the folder has."""
    pairs = read_pairs(data / "pairs.txt")
    encoded = []
    for image in (image for pair in pairs for image in (pair.first, pair.second)):
        face = cv2.imread(str(data / "faces" / image.name / f"{image}.png"))
        bordered = cv2.copyMakeBorder(face, 0, 0, 4, 4, cv2.BORDER_CONSTANT, value=(7, 7, 7))
        encoded.append(cv2.imencode(".png", bordered)[1].tobytes())
    path = tmp_path / "faces.bin"
    path.write_bytes(pickle.dumps((encoded, [pair.same for pair in pairs])))
    reports = []
    for words in (arguments(data), [str(path), "--hr_model", str(data / "hr")]):
        assert main([*words, "--resolutions", "8", "--report", str(tmp_path / "lfw.json")]) == 0
        reports.append(json.loads((tmp_path / "lfw.json").read_text()))
    for mode in ("HL_hr_network", "LL_hr_network"):
        # Folds are cut otherwise; areas under the curve do not look at folds.
        assert reports[0]["8"][mode]["auc"] == pytest.approx(reports[1]["8"][mode]["auc"])
    assert reports[1]["protocol"]["pairs_file"] == str(path)
    capsys.readouterr()
    higher = [cv2.copyMakeBorder(face, 2, 2, 0, 0, cv2.BORDER_CONSTANT)] * 2
    encoded = [cv2.imencode(".png", each)[1].tobytes() for each in higher]
    (tmp_path / "higher.bin").write_bytes(pickle.dumps((encoded, [True])))
    said = failure(capsys, [str(tmp_path / "higher.bin"), "--hr_model", str(data / "hr")])
    assert "higher.bin: image 1: expected a face 32 high, like the network's input, and at least 28 wide" in said
    assert "got 36 x 28" in said
    assert "--lfw_pairs: expected a list of pairs for the folder" in failure(capsys, [*arguments(data)[:3]])
    assert "--lfw_pairs: cannot be combined with a pair set" in failure(capsys, [str(path), *arguments(data)[1:]])


def test_hr_network_alone_with_options(data, tmp_path):
    options = ("--use_flipped_images", "--subtract_mean", "--average_orders", "--degradation", "plain")
    paths = ("--report", tmp_path / "lfw.json", "--figures", tmp_path / "figures")
    assert main(arguments(data, "--resolutions", "8", "--far", "0.25", "0.5", *options, *paths)) == 0
    report = json.loads((tmp_path / "lfw.json").read_text())
    assert list(report["8"]) == ["HL_hr_network", "LL_hr_network"]
    assert list(report["HR"]["thresholds"]) == ["0.25", "0.5"]
    options = report["protocol"]["options"]
    assert options["flip"] and options["subtract_mean"] and options["average_orders"]
    assert report["protocol"]["degradation"] == {"8": "plain"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"roc_8.png", "scores_8.png"}


def test_images_as_they_are(data, tmp_path, capsys):
    """XQLFW's list has LFW's form; its thresholds are found again by the kinds of pairs that compare.py knows."""
    pairs = (data / "pairs.txt").read_text().replace("\t", " ").replace("\n", "\r\n")
    (tmp_path / "xqlfw_pairs.txt").write_text(pairs, newline="")
    words = [str(data / "faces"), "--hr_model", str(data / "hr"), "--lr_model", str(data / "lr"), "--as_they_are"]
    words += ["--lfw_pairs", str(tmp_path / "xqlfw_pairs.txt"), "--average_orders", "--resolutions", "8"]
    assert main([*words, "--report", str(tmp_path / "xqlfw.json")]) == 0
    report = json.loads((tmp_path / "xqlfw.json").read_text())
    assert list(report) == ["HR", "8", "protocol"]
    assert list(report["8"]) == ["HL", "LL", "HL_gain", "LL_gain"]
    assert report["protocol"]["options"]["as_they_are"] and report["protocol"]["degradation"] == {}
    assert "images used without degradation" in capsys.readouterr().out
    for pair, mode in (((None, None), "HR"), ((None, 8), "HL"), ((8, 8), "LL")):
        figures = report["HR"] if mode == "HR" else report["8"][mode]
        assert threshold_for(report, *pair, far=0.1) == figures["thresholds"]["0.1"]
    names = {path.name for path in (tmp_path / "xqlfw_figures").iterdir()}
    assert names == {"roc_8.png", "scores_8.png"}


def test_the_second_score_and_its_thresholds(data, tmp_path, capsys):
    """The report has HL and the second score; `compare.py --fused` finds the latter's threshold and weight."""
    models = ("--lr_model", data / "lr", "--resolutions", "8")
    report_path = tmp_path / "lfw.json"
    assert main(arguments(data, *models, "--fused", "--ll_weight", "8=3", "--report", report_path)) == 0
    report = read_report(report_path)
    assert report["8"]["HL_fused"]["weight"] == 3 and report["8"]["HL"]["pairs"] == 32
    assert threshold_for(report, None, 8, 0.1, fused=True) == report["8"]["HL_fused"]["thresholds"]["0.1"]
    assert threshold_for(report, None, 8, 0.1) == report["8"]["HL"]["thresholds"]["0.1"]
    assert "8 HL  second score" in capsys.readouterr().out
    assert "--ll_weight: needs --fused as well" in failure(capsys, arguments(data, *models, "--ll_weight", "8=3"))
    assert "--fused: needs LR networks (--lr_model)" in failure(capsys, arguments(data, "--fused"))
    both = arguments(data, *models, "--fused", "--as_they_are")
    assert "--fused: cannot be combined with --as_they_are" in failure(capsys, both)
    other = arguments(data, *models, "--fused", "--ll_weight", "16=3")
    assert "expected weights for 8, got one for 16" in failure(capsys, other)


def test_missing_images_are_counted_and_named(data, tmp_path, capsys):
    faces = tmp_path / "faces"
    for path in (data / "faces").glob("*/*.png"):
        if path.stem != "P3_0003" and path.parent.name != "P5":
            (faces / path.parent.name).mkdir(parents=True, exist_ok=True)
            (faces / path.parent.name / path.name).symlink_to(path)
    words = arguments(data, "--report", tmp_path / "lfw.json", "--figures", tmp_path / "figures")
    assert main([str(faces), *words[1:]]) == 0
    lines = capsys.readouterr().err.splitlines()
    expected = "7 of 32 pairs left out, for 4 missing or unaligned images: P3_0003, P5_0001, P5_0002, P5_0003"
    assert f"warning: {expected}" in lines
    report = json.loads((tmp_path / "lfw.json").read_text())
    assert (report["HR"]["pairs"], len(report["protocol"]["missing"])) == (25, 7)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"roc.png", "scores.png"}


def test_a_network_that_serves_nothing_is_told(data, capsys):
    write_model(data / "other", "lr", [10], [], 2)
    models = ("--lr_model", data / "lr", "--lr_model", data / "other")
    assert main(arguments(data, *models, "--resolutions", "8")) == 0
    assert f"warning: {data / 'other'} was not trained for any of the resolutions" in capsys.readouterr().err


class NobodyReads(io.StringIO):
    """A standard output whose reader has gone away."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_closed_pipe_costs_neither_the_report_nor_the_figures(data, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdout", NobodyReads())
    assert main(arguments(data, "--resolutions", "8", "--report", tmp_path / "lfw.json")) == 141
    assert json.loads((tmp_path / "lfw.json").read_text())["8"]["HL_hr_network"]["pairs"] == 32
    assert {path.name for path in (tmp_path / "lfw_figures").iterdir()} == {"roc_8.png", "scores_8.png"}


def test_a_report_that_cannot_be_written_costs_no_table(data, tmp_path, monkeypatch, capsys):
    def full(path, content):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("cshml_tf.cli.evaluation_outputs.write_json", full)
    assert main(arguments(data, "--report", tmp_path / "lfw.json")) == 2
    captured = capsys.readouterr()
    assert "32 pairs, 2 fold(s)" in captured.out
    report = tmp_path / "lfw.json"
    expected = f"error: {report}: the results above could not be written there: No space left on device"
    assert captured.err.splitlines()[-1] == expected
    assert (tmp_path / "lfw_figures" / "roc.png").exists()


def test_folders_whose_names_are_not_utf_8(data, tmp_path, capsys):
    faces = tmp_path / os.fsdecode(b"f\xffces")
    faces.symlink_to(data / "faces")
    words = arguments(data, "--report", tmp_path / "lfw.json")
    assert main([str(faces), *words[1:]]) == 0
    assert json.loads((tmp_path / "lfw.json").read_text())["protocol"]["images_folder"] == str(faces)


def test_a_list_without_folds_is_told(data, tmp_path, capsys):
    """The pairs of the list as paths, sorted by kind."""
    pairs = sorted(read_pairs(data / "pairs.txt"), key=lambda pair: not pair.same)
    lines = [f"{a.name}/{a}.jpg {b.name}/{b}.jpg {int(same)}\n" for a, b, same, _ in pairs]
    (tmp_path / "paths.txt").write_text("".join(lines))
    words = arguments(data, "--report", tmp_path / "lfw.json")
    assert main([*words, "--lfw_pairs", str(tmp_path / "paths.txt")]) == 0
    assert "32 pairs, 10 fold(s) (contiguous tenths of the pairs of each kind)" in capsys.readouterr().out
    report = json.loads((tmp_path / "lfw.json").read_text())
    assert report["protocol"]["folds_by"] == "contiguous tenths of the pairs of each kind"
    assert report["protocol"]["trained_people"]["names"] == ["P1"]
    assert main([*words, "--report", str(tmp_path / "stated.json")]) == 0
    stated = json.loads((tmp_path / "stated.json").read_text())
    assert stated["protocol"]["folds_by"] == "stated by the list"
    assert stated["HR"]["auc"] == pytest.approx(report["HR"]["auc"])


def test_what_needs_no_backend_is_refused_before_it(data, tmp_path, monkeypatch, capsys):
    def start():
        raise AssertionError("the backend was loaded")

    monkeypatch.setattr(evaluate_lfw, "start_backend", start)
    (tmp_path / "pairs.txt").write_text("once upon a time\n")
    words = arguments(data, "--lfw_pairs", tmp_path / "pairs.txt")
    assert "pairs.txt, line 1: expected a pair" in failure(capsys, words)
    monkeypatch.setattr("cshml_tf.cli.evaluation_outputs.tempfile.TemporaryFile", lambda dir: open(tmp_path))
    words = arguments(data, "--report", tmp_path / "absent" / "lfw.json")
    assert f"--report: expected a writable folder, got {tmp_path}" in failure(capsys, words)


def exit_code(words):
    """Run the command; bad arguments end it as bad input does, with one line and code 2."""
    try:
        return main(words)
    except SystemExit as stop:
        return stop.code


def failure(capsys, words):
    assert exit_code(words) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    return error


def test_bad_input_is_one_line(data, tmp_path, capsys):
    lr = ("--lr_model", data / "lr")
    assert "resolution 12: expected an LR network" in failure(capsys, arguments(data, *lr, "--resolutions", "12"))
    words = arguments(data)
    assert "expected a folder of aligned faces" in failure(capsys, [str(tmp_path / "absent"), *words[1:]])
    assert "pairs: expected at least one with both images, got none of 32" in failure(
        capsys, [str(tmp_path), *words[1:]]
    )
    a_folder = f"--report: expected a new file or an earlier report (.json), got {tmp_path}, which is a folder"
    assert a_folder in failure(capsys, arguments(data, "--report", tmp_path))
    over_pairs = arguments(data, "--report", data / "pairs.txt")
    assert "pairs.txt, which exists" in failure(capsys, over_pairs)
    (tmp_path / "pairs.txt").write_text("2\t300\n")
    assert "pairs.txt, line 1: expected 2 x 2 x 300 = 1200 pairs" in failure(
        capsys, arguments(data, "--lfw_pairs", tmp_path / "pairs.txt")
    )
    for person in range(8):
        for number in (1, 2, 3):
            (tmp_path / f"P{person}").mkdir(exist_ok=True)
            write_image(tmp_path / f"P{person}" / f"P{person}_{number:04d}.png", np.zeros((50, 50, 3), np.uint8))
    assert "P0_0001.png: expected an aligned face of 32 x 28" in failure(capsys, [str(tmp_path), *words[1:]])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--resolutions", "12x"),
            "--resolutions: expected a number such as 12, or 14x12 (height x width), got '12x'",
        ),
        (("--resolutions", "0"), "got '0'"),
        (("--far", "2"), "--far: expected a rate between 0 and 1, got 2"),
        (("--embedding_batch_size", "0"), "--embedding_batch_size: expected a positive number, got 0"),
        (
            ("--degradation", "blur"),
            "--degradation: expected one of antialias, plain, camera, camera-1, camera-2, camera-3, camera-4, "
            "camera-5, got 'blur'",
        ),
        (("--as_they_are", "--degradation", "plain"), "--degradation: cannot be combined with --as_they_are"),
        (("--as_they_are", "--resolutions", "8"), "expected LR networks (--lr_model) to choose from"),
    ],
)
def test_bad_arguments(data, capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments(data, *words))
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
