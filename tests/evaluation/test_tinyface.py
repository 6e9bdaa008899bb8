"""TinyFace identification on drawn people of one colour each."""

import json

import numpy as np
import pytest

from cshml_tf.data.tinyface import read_tinyface
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.evaluation.tinyface import evaluate, format_tinyface_table, remarks
from cshml_tf.metrics.identification import chance_rates


@pytest.fixture
def root(draw_tinyface):
    return draw_tinyface()


def rates(evaluation, row="hr_network"):
    return evaluation.report["identification"][row]["rank_rates"]


def areas(evaluation, row="hr_network"):
    figures = evaluation.report["identification"][row]
    return figures["mean_average_precision"], figures["mean_average_precision_by_trapezoids"]


def test_a_perfect_embedding(root, colour_network):
    evaluation = evaluate(read_tinyface(root), ServingNetworks(colour_network, {}, 20), batch_size=5)
    assert rates(evaluation) == {"1": 1.0, "5": 1.0, "20": None}
    assert areas(evaluation) == (1.0, 1.0)
    np.testing.assert_array_equal(evaluation.curves["hr_network"], np.ones(18))
    protocol = json.loads(json.dumps(evaluation.report, allow_nan=False))["protocol"]
    counts = {"probes": 12, "gallery": 18, "gallery_matches": 6, "distractors": 12, "probes_without_mate": 0}
    assert counts.items() <= protocol.items()
    assert protocol["served"] == {"HR": 30}
    assert "served" not in evaluation.report["identification"]


def test_a_constant_embedding_identifies_nobody(root, blind_network):
    """The mate ranks last of 18: its precision is 1/18; before it 0."""
    evaluation = evaluate(read_tinyface(root), ServingNetworks(blind_network, {}, 20))
    assert rates(evaluation) == {"1": 0.0, "5": 0.0, "20": None}
    assert areas(evaluation) == pytest.approx((1 / 18, 1 / 36), abs=1e-12)


def test_uninformative_embeddings_score_chance(draw_tinyface, colour_network):
    """400 probes in a gallery of 400: rank-20 is 5 % by chance, three deviations of 400 draws are 3.3 %."""
    noise = draw_tinyface(people=200, distractors=200, random=np.random.default_rng(0), size=(4, 4))
    test = read_tinyface(noise)
    evaluation = evaluate(test, ServingNetworks(colour_network, {}, 20))
    labels = ([image.label for image in images] for images in (test.probes, test.gallery))
    chance = chance_rates(*labels, [1, 5, 20])
    assert chance.tolist() == pytest.approx([1 / 400, 5 / 400, 20 / 400])
    assert list(rates(evaluation, "chance").values()) == pytest.approx(chance.tolist())
    for expected, measured in zip(chance, rates(evaluation).values(), strict=True):
        assert abs(measured - expected) < 3 * np.sqrt(expected * (1 - expected) / 400)


def test_a_missing_probe_is_never_identified(root, colour_network):
    (root / "Testing_Set" / "Probe" / "2_1.jpg").unlink()
    evaluation = evaluate(read_tinyface(root), ServingNetworks(colour_network, {}, 20))
    assert rates(evaluation)["1"] == rates(evaluation)["5"] == 11 / 12
    assert areas(evaluation) == pytest.approx((11 / 12, 11 / 12))
    assert rates(evaluation, "chance")["1"] == pytest.approx(11 / 12 / 18)
    protocol = evaluation.report["protocol"]
    assert (protocol["probes"], protocol["missing_probes"]) == (12, ["2_1.jpg"])
    assert remarks(protocol)[0] == ("warning: 1 of 12 probes missing: they count as never identified: 2_1.jpg")
    assert "12 probes, 1 of them missing" in format_tinyface_table(evaluation.report)


def test_a_missing_mate_is_reported(root, colour_network):
    (root / "Testing_Set" / "Gallery_Match" / "2_3.jpg").unlink()
    evaluation = evaluate(read_tinyface(root), ServingNetworks(colour_network, {}, 20))
    assert rates(evaluation)["1"] == 10 / 12
    lines = remarks(evaluation.report["protocol"])
    assert lines[:2] == [
        "warning: 1 of 6 mates in the gallery missing: the gallery is smaller: 2_3.jpg",
        "warning: 2 of 12 probes without a mate in the gallery: they count as never identified",
    ]
    assert lines[2].startswith("note: 12 distractors instead of the 153428 distributed")


def test_each_image_is_served_by_its_width(root, colour_network, blind_network):
    """Probes are 10 wide, distractors 18, mates 30. The LR network for 8 is blind and gets all below 20."""
    test = read_tinyface(root)
    evaluation = evaluate(test, ServingNetworks(colour_network, {8: blind_network}, 20))
    assert rates(evaluation)["1"] == 1
    assert rates(evaluation, "served")["1"] == 0
    assert evaluation.report["identification"]["served_gain"]["difference"] == -1
    assert evaluation.report["protocol"]["served"] == {"HR": 6, "8": 24}
    evaluation = evaluate(test, ServingNetworks(blind_network, {8: colour_network}, 31))
    assert (rates(evaluation)["1"], rates(evaluation, "served")["1"]) == (0, 1)
    assert "rank-1: networks chosen by width minus HR network +100.00 points" in format_tinyface_table(
        evaluation.report
    )


def test_the_width_counts_as_distributed(root, draw_tinyface, colour_network, blind_network):
    aligned = draw_tinyface("aligned", size=(48, 40))
    networks = ServingNetworks(blind_network, {8: colour_network}, 31)
    shown, distributed = read_tinyface(root, aligned), read_tinyface(root)
    assert shown.probes[0].path.is_relative_to(aligned)
    assert rates(evaluate(shown, networks, distributed), "served")["1"] == 1
    evaluation = evaluate(shown, networks)
    assert rates(evaluation, "served")["1"] == 0
    assert evaluation.report["protocol"]["served"] == {"HR": 30}
    (root / "Testing_Set" / "Gallery_Distractor" / "d_0003.jpg").unlink()
    with pytest.raises(ValueError, match=r"aligned.*d_0003\.jpg: expected the image as distributed too"):
        evaluate(shown, networks, read_tinyface(root))


def test_distractors_that_were_not_aligned_are_reported(root, draw_tinyface, colour_network):
    aligned = draw_tinyface("aligned", size=(48, 40))
    (aligned / "Testing_Set" / "Gallery_Distractor" / "d_0003.jpg").unlink()
    evaluation = evaluate(read_tinyface(root, aligned), ServingNetworks(colour_network, {}, 20))
    assert evaluation.report["protocol"]["distractors"] == 11
    assert remarks(evaluation.report["protocol"])[0] == (
        "warning: 1 of 12 distractors missing: the search is easier: d_0003.jpg"
    )


def test_a_test_without_probes_is_refused(root, colour_network):
    for path in (root / "Testing_Set" / "Probe").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(
        ValueError, match="probes: expected at least one with its image, got none of 12; .* is missing"
    ):
        evaluate(read_tinyface(root), ServingNetworks(colour_network, {}, 20))
