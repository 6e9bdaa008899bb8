import cv2
import pytest

from cshml_tf import backbones, plots
from cshml_tf.cli.evaluate_lfw import main as evaluate_lfw
from cshml_tf.cli.show_pairs import main
from cshml_tf.model_folder import save_model
from cshml_tf.recogniser import build_recogniser

SIZE = (48, 40)


def write_model(folder, kind, resolutions, people=(), width=2):
    recogniser = build_recogniser(backbones.build("small_resnet", SIZE, 16, width=width))
    card = {"kind": kind, "image_size": list(SIZE), "resolutions": resolutions, "degradation": "antialias"}
    save_model(folder, recogniser, card | {"figures": {}}, people=people)


@pytest.fixture(scope="module")
def data(tmp_path_factory, texture_folder):
    folder = tmp_path_factory.mktemp("show_pairs")
    (folder / "faces").symlink_to(texture_folder)
    lines = ["2\t6"]
    for fold in range(2):
        names = [f"person_{person}" for person in range(3 * fold, 3 * fold + 3)]
        lines += [f"{name}\t{one}\t{two}" for name in names for one, two in ((1, 2), (3, 4))]
        lines += [f"{name}\t{n}\t{names[i - 1]}\t{n}" for i, name in enumerate(names) for n in (1, 2)]
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")
    write_model(folder / "hr", "hr", [], ["person_1", "person_5"], width=4)
    write_model(folder / "lr", "lr", [8], ["person_5"])
    write_model(folder / "lr_several", "lr", [8, [7, 6]])
    return folder


def words(data, *more, output="figure.png", lr="lr", faces="faces"):
    folders = [data / faces, "--hr_model", data / "hr", "--lr_model", data / lr]
    return list(map(str, [*folders, "--lfw_pairs", data / "pairs.txt", "--output", output, *more]))


@pytest.fixture
def drawn_texts(monkeypatch):
    """Collect the words of the figures that are written."""
    texts, save = [], plots.common.save

    def collect(figure, path):
        save(figure, path)
        texts.append(
            "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))
        )

    monkeypatch.setattr(plots.common, "save", collect)
    return texts


def test_figure_and_its_figures(data, tmp_path, capsys, drawn_texts):
    output = tmp_path / "new" / "figure.png"
    assert main(words(data, "--pairs", 4, output=output)) == 0
    captured = capsys.readouterr()
    assert captured.out == f"figure: {output}\n"
    assert "warning: the networks were trained on 2 of the 6 people compared" in captured.err
    assert [path.name for path in output.parent.iterdir()] == ["figure.png"]
    assert cv2.imread(str(output)).shape[1] > 1000
    (texts,) = drawn_texts
    assert "in 8 x 8 pixels" in texts
    assert "drawn at random (seed 0)" in texts and "over all 24 pairs" in texts and "mean of 2 folds" in texts
    assert "trained on 2 of the 6 people" in texts.replace("\n", " ")
    assert texts.count("same\nperson") == 2 == texts.count("different\npeople")
    # The accuracies are those of the table that evaluate_lfw.py prints.
    assert evaluate_lfw(words(data)[:-2]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    accuracies = {" ".join(row[:3]): float(row[row.index("±") - 1]) for row in table if "±" in row}
    after, before = accuracies["8 HL LR"], accuracies["8 HL HR"]
    assert f"HR network alone: {before:.1f} %" in texts and f"with the LR network: {after:.1f} %" in texts


@pytest.mark.slow
def test_seed_and_resolution(data, tmp_path, drawn_texts):
    for seed in ("0", "5"):
        more = ("--resolution", "7x6", "--pairs", 2, "--seed", seed)
        assert main(words(data, *more, lr="lr_several", output=tmp_path / f"{seed}.png")) == 0
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "5.png").read_bytes()
    assert "in 7 x 6 pixels" in drawn_texts[0] and "(seed 5)" in drawn_texts[1]


def test_pairs_left_out_are_told(data, tmp_path, capsys, drawn_texts):
    faces = tmp_path / "faces"
    for path in (data / "faces").glob("*/*.png"):
        if path.stem != "person_0_0001":
            (faces / path.parent.name).mkdir(parents=True, exist_ok=True)
            (faces / path.parent.name / path.name).symlink_to(path)
    assert main(words(data, "--pairs", 2, faces=faces, output=tmp_path / "figure.png")) == 0
    told = "3 of 24 pairs left out, for missing or unaligned images such as person_0_0001"
    assert told in capsys.readouterr().err
    assert told in drawn_texts[0].replace("\n", " ") and "over all 21 pairs" in drawn_texts[0]


def failure(capsys, arguments):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    return error


def test_bad_input_is_one_line(data, tmp_path, capsys):
    output = tmp_path / "new" / "figure.png"
    several = failure(capsys, words(data, lr="lr_several", output=output))
    assert f"--resolution: expected one of the resolutions of {data / 'lr_several'}: 8, 7x6" in several
    wrong = failure(capsys, words(data, "--resolution", "9", output=output))
    assert f"resolution 9: expected an LR network that lists it, got {data / 'lr'} (8)" in wrong
    assert "--lr_model: expected the model folder of an LR network, got" in failure(
        capsys, words(data, lr="hr", output=output)
    )
    absent = failure(capsys, words(data, faces="absent", output=output))
    assert f"LFW_DIR: expected a folder of aligned faces, got {data / 'absent'}, which does not exist" in absent
    lines = (data / "pairs.txt").read_text().splitlines()
    (tmp_path / "few.txt").write_text("\n".join(["1\t2", *lines[1:3], *lines[7:9]]) + "\n")
    few = failure(capsys, words(data, "--lfw_pairs", tmp_path / "few.txt", output=output))
    assert "pairs: expected at least 4 of one person in the list, got 2" in few
    assert not output.parent.exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--pairs", "7"), "--pairs: expected an even number up to 20, got 7"),
        (("--seed", "-1"), "--seed: expected 0 to 4294967295, got -1"),
        (("--pairs", "22"), "--pairs: expected an even number up to 20, got 22"),
        (("--output", "figure.pdf"), "--output: expected a file that ends in .png, got figure.pdf"),
        (
            ("--resolution", "12x"),
            "--resolution: expected a number such as 12, or 14x12 (height x width), got '12x'",
        ),
    ],
)
def test_bad_arguments(data, capsys, more, message):
    with pytest.raises(SystemExit) as stop:
        main(words(data, *more))
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
