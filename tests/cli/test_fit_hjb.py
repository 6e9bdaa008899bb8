"""The joint Bayesian scorer from fit to report: people of the textures, three to fit on and three to compare."""

import json

import numpy as np
import pytest

from cshml_tf.cli import evaluate_lfw, fit_hjb
from cshml_tf.evaluation.joint_bayesian.scorers import read_scorers
from cshml_tf.evaluation.report_file import read_report


@pytest.fixture(scope="module")
def data(tmp_path_factory, save_colour_network):
    """Networks, a list of the people to fit on, and pairs of the others."""
    folder = tmp_path_factory.mktemp("fit_hjb")
    save_colour_network(folder / "hr", "hr", [])
    save_colour_network(folder / "lr", "lr", [8, 12], factor=0.5)
    (folder / "people.txt").write_text("".join(f"person_{person}\n" for person in (0, 1, 2)))
    lines = ["2\t6"]
    for numbers in ((1, 2), (3, 4)):
        for person in (3, 4, 5):
            lines += [f"person_{person}\t{numbers[0]}\t{numbers[1]}", f"person_{person}\t{numbers[1]}\t5"]
        for first, second in ((3, 4), (4, 5), (5, 3)):
            lines += [f"person_{first}\t{number}\tperson_{second}\t{number}" for number in numbers]
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")
    return folder


def networks(data):
    return ["--hr_model", str(data / "hr"), "--lr_model", str(data / "lr")]


def fit(data, faces, output, *more):
    words = ["--data_dir", str(faces), *networks(data), "--output", str(output), "--hjb_ridge", "0.05"]
    return fit_hjb.main([*words, *map(str, more)])


def compare(data, faces, *more):
    words = [str(faces), "--lfw_pairs", str(data / "pairs.txt"), *networks(data)]
    return evaluate_lfw.main([*words, *map(str, more)])


@pytest.fixture(scope="module")
def fitted(data, texture_folder):
    output = data / "new" / "hjb.npz"
    assert fit(data, texture_folder, output, "--people", data / "people.txt") == 0
    return output


@pytest.mark.slow
def test_hl_and_ll_are_scored_and_compared_with_the_cosine(data, texture_folder, fitted, tmp_path, capsys):
    """The new entries stand beside the old ones, which stay; the gain is that of the same pairs."""
    plain, scored = tmp_path / "plain.json", tmp_path / "scored.json"
    assert compare(data, texture_folder, "--report", plain) == 0
    capsys.readouterr()
    more = ("--scorer", "hjb", "--hjb", fitted, "--report", scored, "--figures", tmp_path / "figures")
    assert compare(data, texture_folder, *more) == 0
    table = " ".join(capsys.readouterr().out.split())
    before, after = json.loads(plain.read_text()), json.loads(scored.read_text())
    assert after["protocol"]["hjb"] == str(fitted)
    for key in ("8", "12"):
        for condition in ("HL", "LL"):
            figures, gain = (after[key].pop(f"{condition}_hjb{end}") for end in ("", "_gain"))
            assert figures["pairs"] == 24
            difference = figures["accuracy"] - before[key][condition]["accuracy"]
            assert gain["difference"] == pytest.approx(difference, abs=1e-12)
            assert f"{key} {condition}: joint Bayesian minus cosine {100 * difference:+.2f} points" in table
            assert f"{key} {condition} joint Bayesian {100 * figures['accuracy']:.2f} ± " in table
        del after[key]["HL_hjb_gap_closed"]
        assert after[key] == before[key]
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{what}_{key}.png" for what in ("roc", "scores") for key in ("8", "12")
    }
    read_report(scored)


def test_the_trials_are_the_classifiers_scores(data, texture_folder, fitted):
    """By hand, from the mean colours that the networks see: the LR network halves them, and lengths are 1."""
    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images
    from cshml_tf.degradation.degrade import degrade
    from cshml_tf.evaluation.lfw import Options, evaluate
    from cshml_tf.images import read_image
    from cshml_tf.metrics.vectors import unit_rows
    from cshml_tf.model_folder import load_recogniser

    pairs = read_pairs(data / "pairs.txt")
    images = find_images(texture_folder, pairs)
    hr, lr = (load_recogniser(data / name) for name in ("hr", "lr"))
    classifiers = read_scorers(fitted).classifiers
    options = Options(average_orders=True)
    found = evaluate(pairs, images, hr, {8: lr, 12: lr}, options=options, classifiers=classifiers)

    def embedded(image, resolution=None):
        pixels = read_image(images[image])[None]
        shown = pixels if resolution is None else degrade(pixels, resolution)
        return unit_rows(np.asarray((lr if resolution else hr)(shown.astype(np.float32))))[0]

    for resolution in (8, 12):
        orders = [(pair.first, pair.second) for pair in pairs] + [(pair.second, pair.first) for pair in pairs]
        sharp = np.stack([embedded(first) for first, _ in orders])
        small = np.stack([embedded(second, resolution) for _, second in orders])
        expected = classifiers[str(resolution)].score_pairs(sharp, small)
        np.testing.assert_allclose(found.trials[str(resolution), "HL_hjb"].scores, expected, rtol=1e-3, atol=1e-3)


def failure(capsys, run, *arguments):
    """Run a command that must end in one line and exit code 2."""
    capsys.readouterr()
    try:
        code = run(*arguments)
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    assert (code, captured.out, len(captured.err.splitlines())) == (2, "", 1), captured.err
    return captured.err


def test_bad_input_is_one_line(data, texture_folder, fitted, tmp_path, capsys):
    def compared(*more):
        return failure(capsys, compare, data, texture_folder, *more)

    everyone = tmp_path / "everyone.npz"
    assert fit(data, texture_folder, everyone) == 0
    said = compared("--scorer", "hjb", "--hjb", everyone)
    assert (
        "--hjb: expected a classifier fitted on other people than those compared, got one fitted on 3 of" in said
    )
    assert "--hjb: expected --scorer hjb, got cosine" in compared("--hjb", fitted)
    assert "--scorer: hjb needs a classifier, --hjb; got none" in compared("--scorer", "hjb")
    said = compared("--scorer", "hjb", "--hjb", fitted, "--as_they_are")
    assert "--scorer: hjb cannot be combined with --as_they_are" in said
    said = compared("--scorer", "hjb", "--hjb", fitted, "--use_flipped_images")
    assert "--hjb: expected a classifier of embeddings with flip averaging, got one without it" in said
    (tmp_path / "hjb.npz").write_bytes(fitted.read_bytes()[:-9])
    said = compared("--scorer", "hjb", "--hjb", tmp_path / "hjb.npz")
    assert "hjb.npz: expected a file of fit_hjb.py, got another kind of file or a damaged one" in said
    said = failure(capsys, fit, data, texture_folder, tmp_path / "hjb.txt")
    assert "--output: expected the name of a file that ends in .npz, got" in said
    said = failure(capsys, fit, data, texture_folder, tmp_path / "x.npz", "--hjb_dimensions", 9)
    assert "--hjb_dimensions: expected 1 to 3, the directions that the embeddings span, got 9" in said
    said = failure(capsys, fit, data, texture_folder, tmp_path / "x.npz", "--people", texture_folder / "absent")
    assert "--people: expected a file" in said
    assert not (tmp_path / "x.npz").exists()
