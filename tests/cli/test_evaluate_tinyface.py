import json

import numpy as np
import pytest

from cshml_tf.cli.evaluate_tinyface import main
from cshml_tf.data.tinyface import read_tinyface
from cshml_tf.images import read_image
from cshml_tf.model_folder import load_recogniser

SIZE = (48, 40)


@pytest.fixture(scope="module")
def models(tmp_path_factory, save_colour_network):
    """An HR network that knows every person, its copy as LR network of 12, and one that sees negatives, of 11."""
    folder = tmp_path_factory.mktemp("evaluate_tinyface")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "copy", "lr", [12])
    save_colour_network(folder / "negative", "lr", [11], factor=-1.0)
    return folder


def words(models, root, *more):
    return [str(word) for word in (root, "--hr_model", models / "hr", *more)]


def naive_rank_1(test, recognisers):
    """The share of probes whose most similar gallery image is a mate, each picture embedded by itself."""
    hr, lr = recognisers

    def embed(image):
        pixels = read_image(image.path)
        network = hr if pixels.shape[1] >= 20 else lr
        return np.asarray(network(pixels[None], training=False))[0]

    gallery = np.stack([embed(image) for image in test.gallery])
    best = [test.gallery[np.argmax(gallery @ embed(probe))].label for probe in test.probes]
    return np.mean([label == probe.label for label, probe in zip(best, test.probes, strict=True)])


def test_report_table_and_figure(models, draw_tinyface, tmp_path, capsys):
    root = draw_tinyface()
    more = (
        "--lr_model",
        models / "negative",
        "--report",
        tmp_path / "new" / "tiny.json",
        "--embedding_batch_size",
        4,
    )
    assert main(words(models, root, *more)) == 0
    report = json.loads((tmp_path / "new" / "tiny.json").read_text())
    figures, protocol = report["identification"], report["protocol"]
    assert figures["hr_network"]["rank_rates"] == {"1": 1.0, "5": 1.0, "20": None}
    networks = [load_recogniser(models / name) for name in ("hr", "negative")]
    assert figures["served"]["rank_rates"]["1"] == naive_rank_1(read_tinyface(root), networks) < 1
    assert protocol["served"] == {"HR": 6, "11": 24}
    assert protocol["models"] == {"HR": str(models / "hr"), "11": str(models / "negative")}
    assert protocol["options"] == {"flip": False, "hr_width": 20.0}
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[1].split() == "HR network for every image 100.00 100.00 - 100.00 100.00".split()
    assert lines[3].split() == "chance 5.56 27.78 - - -".split()
    assert captured.err.startswith("note: 12 distractors")
    assert [path.name for path in (tmp_path / "new" / "tiny_figures").iterdir()] == ["cmc.png"]


def test_options_and_aligned_copies(models, draw_tinyface, tmp_path):
    """The copies are wide enough for the HR network, what they were cut from is not."""
    root, aligned = draw_tinyface(), draw_tinyface("aligned", size=SIZE)
    more = ("--lr_model", models / "copy", "--hr_width", "31", "--use_flipped_images")
    outputs = ("--report", tmp_path / "tiny.json", "--figures", tmp_path / "figures")
    assert main(words(models, root, "--images_root", aligned, *more, *outputs)) == 0
    report = json.loads((tmp_path / "tiny.json").read_text())
    assert report["protocol"]["served"] == {"HR": 0, "12": 30}
    assert report["protocol"]["options"] == {"flip": True, "hr_width": 31.0}
    assert report["identification"]["served"]["rank_rates"]["1"] == 1
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["cmc.png"]


def test_missing_images_are_listed(models, draw_tinyface, capsys):
    root = draw_tinyface()
    (root / "Testing_Set" / "Probe" / "2_1.jpg").unlink()
    assert main(words(models, root)) == 0
    captured = capsys.readouterr()
    assert "warning: 1 of 12 probes missing: they count as never identified: 2_1.jpg" in captured.err
    assert captured.out.splitlines()[1].split()[5:7] == ["91.67", "91.67"]


def failure(capsys, arguments):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert (len(captured.err.splitlines()), captured.out) == (1, "")
    return captured.err


def test_bad_input_is_one_line(models, draw_tinyface, tmp_path, capsys):
    root = draw_tinyface()
    test = root / "Testing_Set"
    absent = f"ROOT: expected the folder of the data set, got {tmp_path / 'nowhere'}, which does not exist"
    assert absent in failure(capsys, words(models, tmp_path / "nowhere"))
    (tmp_path / "nowhere").mkdir()
    assert "nowhere: expected TinyFace's list" in failure(capsys, words(models, tmp_path / "nowhere"))
    inside = words(models, root, "--report", root / "tiny.json")
    assert "--report: expected a place outside" in failure(capsys, inside)
    assert "--lr_model: expected the model folder of an LR network, got" in failure(
        capsys, words(models, root, "--lr_model", models / "hr")
    )
    picture = test / "Gallery_Distractor" / "d_0003.jpg"
    picture.write_bytes(picture.read_bytes()[:50])
    assert "d_0003.jpg: the PNG file is cut short" in failure(capsys, words(models, root))
    mat = test / "probe_img_ID_pairs.mat"
    mat.write_bytes(mat.read_bytes()[:100])
    assert "probe_img_ID_pairs.mat: expected a MATLAB file" in failure(capsys, words(models, root))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--embedding_batch_size", "0"), "--embedding_batch_size: expected a positive number, got 0"),
        (("--hr_width", "-3"), "--hr_width: expected a number of pixels above 0, got -3"),
    ],
)
def test_bad_arguments(models, capsys, more, message):
    with pytest.raises(SystemExit) as stop:
        main(words(models, "anywhere", *more))
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
