import json
import shutil

import pytest

from cshml_tf.cli.evaluate_survface import main


@pytest.fixture(scope="module")
def models(tmp_path_factory, save_colour_network):
    """An HR network that knows every person, and as LR network of 12 its copy."""
    folder = tmp_path_factory.mktemp("evaluate_survface")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "lr", "lr", [12])
    return folder


def words(models, root, *more):
    return [str(word) for word in (root, "--hr_model", models / "hr", *more)]


def test_both_tests(models, draw_survface, tmp_path, capsys):
    more = ("--lr_model", models / "lr", "--report", tmp_path / "surv.json", "--embedding_batch_size", 5)
    assert main(words(models, draw_survface(), *more)) == 0
    report = json.loads((tmp_path / "surv.json").read_text())
    for row in ("hr_network", "served"):
        assert report["verification"][row]["accuracy"] == 1
        assert report["identification"][row]["tpir"]["0.1"] == 1
    protocol = report["protocol"]
    assert protocol["absent"] == []
    assert protocol["verification"]["served"] == {"HR": 0, "12": 12}
    assert protocol["identification"]["served"] == {"HR": 12, "12": 32}
    captured = capsys.readouterr()
    tables = [table.splitlines() for table in captured.out.split("\n\n")]
    hr = "HR network for every image"
    assert tables[0][1].split() == f"{hr} 100.00 ± 0.00 100.00 1.0000 100.00 - - -".split()
    assert tables[0][3].split() == "chance 50.00 - 0.5000 30.00 10.00 1.00 0.10".split()
    assert tables[1][1].split() == f"{hr} 100.00 100.00 100.00 - - 100.00".split()
    assert "folds: 6 contiguous ones of our own" in captured.out
    assert "optimistic" in captured.out
    assert captured.err == ""
    assert [path.name for path in (tmp_path / "surv_figures").iterdir()] == ["roc.png"]


def test_the_test_that_is_there(models, draw_survface, tmp_path, capsys):
    root = draw_survface()
    assert main(words(models, root / "Face_Verification_Test_Set")) == 0
    captured = capsys.readouterr()
    assert captured.err == "note: no identification test: its files are absent\n"
    assert captured.out.startswith("verification") and "open set" not in captured.out
    shutil.rmtree(root / "Face_Verification_Test_Set")
    figures = ("--report", tmp_path / "surv.json", "--figures", tmp_path / "figures")
    assert main(words(models, root, *figures)) == 0
    captured = capsys.readouterr()
    assert captured.err == "note: no verification test: its files are absent\n"
    assert list(json.loads((tmp_path / "surv.json").read_text())) == ["identification", "protocol"]
    assert not list((tmp_path / "figures").iterdir())


def test_aligned_copies_of_one_test(models, draw_survface, capsys):
    root, aligned = draw_survface(), draw_survface("aligned")
    shutil.rmtree(aligned / "Face_Identification_Test_Set")
    (aligned / "Face_Verification_Test_Set" / "verification_images" / "2_cam2_1.jpg").unlink()
    more = ("--images_root", aligned, "--lr_model", models / "lr", "--use_flipped_images")
    assert main(words(models, root, *more)) == 0
    assert capsys.readouterr().err.splitlines() == [
        "warning: 2 of 12 pairs left out, an image is missing: 2_cam1_1.jpg/2_cam2_1.jpg, "
        "1_cam1_1.jpg/2_cam2_1.jpg",
        "note: no identification test: its files are absent",
    ]


def failure(capsys, arguments):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert (len(captured.err.splitlines()), captured.out) == (1, "")
    return captured.err


def test_bad_input_is_one_line(models, draw_survface, tmp_path, capsys):
    message = "expected SurvFace's Face_Verification_Test_Set or Face_Identification_Test_Set, found neither"
    assert message in failure(capsys, words(models, tmp_path))
    absent = f"ROOT: expected the folder of the data set, got {tmp_path / 'nowhere'}, which does not exist"
    assert absent in failure(capsys, words(models, tmp_path / "nowhere"))
    root = draw_survface()
    picture = root / "Face_Identification_Test_Set" / "unmated_probe" / "distractor_3.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:50])
    assert "distractor_3.jpg: the PNG file is cut short" in failure(capsys, words(models, root))
    picture.write_bytes(whole)
    mat = root / "Face_Identification_Test_Set" / "gallery_img_ID_pairs.mat"
    mat.write_bytes(mat.read_bytes()[:100])
    assert "gallery_img_ID_pairs.mat: expected a MATLAB file" in failure(capsys, words(models, root))
