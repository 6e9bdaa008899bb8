import json
import re

import numpy as np
import pytest

from cshml_tf import backbones
from cshml_tf.alignment.crops import align_face
from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template
from cshml_tf.cli.compare import main
from cshml_tf.images import write_image
from cshml_tf.model_folder import digest_of_network, load_recogniser, save_model
from cshml_tf.recogniser import build_recogniser

SIZE = (48, 40)


class OneFaceInPhotographs:
    """Stands for MTCNN: in photographs of 70 x 80, a face whose crop is 48 x 40 from (9, 5) on.

    In the enlarged copy of "small", which has 14 x 12 pixels, 28 x 24 with the padding, and 8 times that: a face
    whose crop is "small".
    """

    def detect(self, image):
        if image.shape[:2] == (70, 80):
            return [Face(12, 8, 30, 38, 0.987, template(SIZE) + [9, 5])]
        if image.shape[:2] == (224, 192):
            return [Face(60, 70, 70, 80, 0.9, template(SIZE) * 96 / 40 + [47.5, 55.5])]
        return []


@pytest.fixture(autouse=True)
def _known_faces(monkeypatch):
    monkeypatch.setattr("cshml_tf.alignment.detector.Detector", OneFaceInPhotographs)


def write_model(folder, kind, resolutions):
    recogniser = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=2))
    card = {"kind": kind, "image_size": list(SIZE), "resolutions": resolutions, "degradation": "antialias"}
    save_model(folder, recogniser, card | {"figures": {}})


def write_report(path, data):
    """Thresholds that no score reaches, or that every score reaches, by kind of pair."""
    report = {
        "HR": {"thresholds": {"0.01": -1.0, "0.001": None}},
        "12": {"HL": {"thresholds": {"0.01": 1.0}}, "LL": {"thresholds": {"0.01": -1.0}}},
        "protocol": {"options": {}, "models": {"HR": str(data / "hr"), "12": str(data / "lr")}},
    }
    path.write_text(json.dumps(report))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    write_model(folder / "hr", "hr", [])
    write_model(folder / "lr", "lr", [12])
    random = np.random.default_rng(0)
    for name, size in {"photo": (70, 80), "crop": SIZE, "small": (14, 12), "tiny": (7, 6)}.items():
        write_image(folder / f"{name}.png", random.integers(0, 256, (*size, 3)).astype(np.uint8))
    write_report(folder / "report.json", folder)
    return folder


def words(data, *names, options=(), lr=True):
    models = ["--hr_model", data / "hr", *(["--lr_model", data / "lr"] if lr else [])]
    return [str(word) for word in [*options, *models, *(data / f"{name}.png" for name in names)]]


def test_faces_scores_and_how_to_decide(data, capsys):
    """The command's plain form: models, then images. There is no face in "crop", even enlarged."""
    assert main(words(data, "photo", "crop", "small")) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    served = [re.split(r" {2,}", line)[2:] for line in lines[1:4]]
    assert served == [
        ["40.0 px", "HR", str(data / "hr")],
        ["-", "no face found"],
        ["12.0 px", "LR 12", str(data / "lr")],
    ]
    notes = captured.err.splitlines()
    assert len(notes) == 2
    assert notes[0].startswith(f"note: {data / 'crop.png'}: no face found, not even in an enlarged copy: no score")
    assert notes[1] == f"note: {data / 'small.png'}: found in an enlarged copy of the picture"
    assert "no decisions: pass --report" in lines[-1]
    shown = [line.split()[1:] for line in lines[7:10]]
    assert shown[1] == ["-", "-", "-"] and shown[0][1] == shown[2][1] == "-"
    scores = np.array([[float(shown[row][column]) for column in (0, 2)] for row in (0, 2)])
    np.testing.assert_allclose(scores, expected_scores(data), atol=6e-4)


def expected_scores(data):
    from cshml_tf.images import read_image

    hr, lr = load_recogniser(data / "hr"), load_recogniser(data / "lr")
    small = align_face(read_image(data / "small.png"), template(SIZE) * 12 / 40 - [0.5, 0.5], SIZE)
    shown = [(hr, read_image(data / "photo.png")[5:53, 9:49]), (lr, small)]
    embeddings = np.concatenate([network(pixels[None], training=False) for network, pixels in shown])
    return embeddings @ embeddings.T


@pytest.mark.parametrize("options", [(), ("--threshold", "-1"), ("--report", "report.json")])
def test_without_two_faces_there_is_no_score_and_no_decision(data, monkeypatch, capsys, options):
    monkeypatch.chdir(data)
    assert main(words(data, "photo", "crop", options=options)) == 1
    captured = capsys.readouterr()
    assert "no face found" in captured.out and "no face found" in captured.err
    assert captured.out.splitlines()[-1].startswith("no decisions: ")
    assert "same" not in captured.out and "different" not in captured.out


def test_decisions_at_a_far(data, capsys):
    """By the report two HR faces are always the same, an HR and an LR face never, two LR faces always."""
    options = ("--report", data / "report.json", "--far", "0.01", "--detail", "--aligned")
    assert main(words(data, "photo", "crop", "small", "tiny", options=options)) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index(f"decisions at a false accept rate of 0.01, thresholds of {data / 'report.json'}")
    told = [line.split()[1:] for line in lines[start + 2 : start + 6]]
    assert told == [
        ["-", "same", "different", "different"],
        ["same", "-", "different", "different"],
        ["different", "different", "-", "same"],
        ["different", "different", "same", "-"],
    ]
    assert re.fullmatch(r"1 and 3 +different +-?0\.\d{4} < +1\.0000 +\(12 HL\)", lines[start + 8])
    assert re.fullmatch(r"3 and 4 +same +-?0\.\d{4} >= -1\.0000 +\(12 LL\)", lines[-1])


def test_the_box_of_a_face_in_detail_and_no_decision_on_a_picture_without(data, capsys):
    options = ("--report", data / "report.json", "--detail")
    assert main(words(data, "photo", "crop", "small", options=options)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "box 30 x 38 at (12, 8), score 0.987" in lines[1]
    assert [line.split()[1:] for line in lines[-5:-2]] == [
        ["-", "-", "different"],
        ["-", "-", "-"],
        ["different", "-", "-"],
    ]
    assert re.fullmatch(r"1 and 3 +different .*", lines[-1])


def test_the_strictest_rate_of_the_report_is_the_default(data, capsys):
    """The report says null for two HR faces at 0.001: too few pairs."""
    options = ("--aligned", "--report", data / "report.json")
    assert main(words(data, "photo", "crop", options=options)) == 0
    shown = capsys.readouterr().out
    heading = (
        f"decisions at a false accept rate of 0.01, the strictest that the report supports, thresholds of {data}"
    )
    assert heading in shown and "same" in shown


@pytest.mark.parametrize(
    ("far", "message"),
    [("0.001", "for HR at FAR 0.001, got too few pairs"), ("0.1", "at FAR 0.1, got thresholds at 0.01, 0.001")],
)
def test_a_rate_that_the_report_lacks_is_refused_before_anything_is_printed(
    data, monkeypatch, capsys, far, message
):
    monkeypatch.setattr("cshml_tf.comparing.embed_faces", None)
    options = ("--aligned", "--report", data / "report.json", "--far", far)
    assert message in failure(capsys, words(data, "photo", "crop", options=options))


def test_decisions_by_the_second_score(data, tmp_path, capsys):
    """By plain HL a sharp and a small face are never the same, by the second score always; both are shown."""
    report = json.loads((data / "report.json").read_text())
    report["12"]["HL_fused"] = {"thresholds": {"0.01": -1.0}, "weight": 2.0}
    (tmp_path / "report.json").write_text(json.dumps(report))
    options = ("--report", tmp_path / "report.json", "--detail", "--aligned")
    assert main(words(data, "crop", "small", options=options)) == 0
    plain = capsys.readouterr().out.splitlines()
    assert main(words(data, "crop", "small", options=(*options, "--fused"))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"1 and 2 +different .* < +1.0000 +\(12 HL\)", plain[-1])
    start = plain.index("")
    assert (
        lines[: start + 5] == plain[: start + 5]
        and lines[start + 6] == "second score of a sharp face and a small one"
    )
    assert lines[start + 8].split()[:2] == ["1", "-"]
    assert next(line for line in lines if line.startswith("decisions")).endswith(
        "by the second score where there is one"
    )
    told = re.fullmatch(r"1 and 2 +same +(-?0\.\d{4}) >= -1\.0000 +\(12 HL_fused\)", lines[-1])
    assert float(told[1]) == pytest.approx(float(lines[start + 8].split()[2]), abs=6e-4)
    assert told[1] not in plain[-1]


def test_the_second_score_needs_its_thresholds_and_an_lr_network(data, capsys):
    options = ("--report", data / "report.json", "--aligned", "--fused")
    assert "expected an entry 12 HL_fused, got HR, 12 HL" in failure(
        capsys, words(data, "crop", "small", options=options)
    )
    with pytest.raises(SystemExit):
        main(words(data, "crop", "small", options=("--aligned", "--fused"), lr=False))
    assert "--fused: needs LR networks (--lr_model)" in capsys.readouterr().err


def test_another_networks_thresholds_are_refused(data, tmp_path, capsys):
    report = json.loads((data / "report.json").read_text())
    options = ("--report", tmp_path / "report.json", "--far", "0.01", "--aligned")

    def with_report():
        (tmp_path / "report.json").write_text(json.dumps(report))
        return words(data, "crop", "small", options=options)

    # A network is known by its content, wherever its folder is now.
    report["protocol"]["digests"] = {"HR": digest_of_network(data / "hr"), "12": digest_of_network(data / "lr")}
    report["protocol"]["models"]["12"] = str(data / "elsewhere")
    assert main(with_report()) == 0
    capsys.readouterr()
    report["protocol"]["digests"]["12"] = "0" * 64
    expected = f"expected a report on {data / 'lr'} as 12, got one on"
    assert f"{expected} the network that was in {data / 'elsewhere'};" in failure(capsys, with_report())
    # Reports of earlier versions have the folders only.
    del report["protocol"]["digests"]
    assert f"{expected} {data / 'elsewhere'};" in failure(capsys, with_report())
    report["protocol"]["models"]["12"] = str(data / "lr")
    assert main(with_report()) == 0


def test_one_threshold_and_aligned_crops(data, capsys):
    options = ("--aligned", "--threshold", "1", "--hr_width", "81")
    assert main(words(data, "photo", "crop", options=options)) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert "80.0 px  LR 12" in lines[1]
    assert lines[-4] == "decisions at a threshold of 1"
    assert lines[-1].split() == ["2", "different", "-"]
    assert captured.err == ""


def test_without_an_lr_network_small_faces_are_told_of(data, capsys):
    assert main(words(data, "crop", "tiny", options=("--aligned",), lr=False)) == 0
    captured = capsys.readouterr()
    assert captured.err == (
        f"note: {data / 'tiny.png'}: 6 pixels wide, but there is no LR network: embedded by the HR network\n"
    )
    assert "6.0 px   HR" in captured.out


def failure(capsys, arguments):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert (len(captured.err.splitlines()), captured.out) == (1, "")
    return captured.err


def test_bad_input_is_one_line(data, tmp_path, capsys):
    absent = f"IMAGE: expected a picture, got {data / 'absent.png'}, which does not exist"
    assert absent in failure(capsys, words(data, "photo", "absent"))
    (data / "text.png").write_text("no picture")
    assert "text.png: not a JPEG, PNG" in failure(capsys, words(data, "text", "photo"))
    swapped = ["--hr_model", str(data / "lr"), *words(data, "photo", "crop")[2:]]
    assert "--hr_model: expected the model folder of an HR network, got" in failure(capsys, swapped)
    (tmp_path / "report.json").write_text("[1")
    broken = ("--report", tmp_path / "report.json")
    assert "report.json: expected a report in JSON" in failure(
        capsys, words(data, "photo", "crop", options=broken)
    )
    (tmp_path / "report.json").write_text("[1]")
    assert "got one without the entry HR" in failure(capsys, words(data, "photo", "crop", options=broken))


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("photo",), (), "IMAGE: expected two or more, got"),
        (("photo", "crop"), ("--far", "0"), "--far: expected a rate between 0 and 1, got 0"),
        (("photo", "crop"), ("--threshold", "1.5"), "--threshold: expected -1 to 1, a cosine similarity, got 1.5"),
        (("photo", "crop"), ("--threshold", "nan"), "--threshold: expected a finite number, got nan"),
        (("photo", "crop"), ("--hr_width", "0"), "--hr_width: expected a number of pixels above 0, got 0"),
        (("photo", "crop"), ("--hr_width", "inf"), "--hr_width: expected a finite number, got inf"),
        (
            ("photo", "crop"),
            ("--report", "a", "--threshold", "0"),
            "--threshold: cannot be combined with --report",
        ),
    ],
)
def test_bad_arguments(data, capsys, names, options, message):
    with pytest.raises(SystemExit) as stop:
        main(words(data, *names, options=options))
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
