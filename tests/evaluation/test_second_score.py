"""The second score: its default weights, HL joined by LL, and its measurement on pairs."""

import json

import keras
import numpy as np
import pytest
from planted_people import planted

from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.evaluation.lfw_figures import Measured, Trials, report_of
from cshml_tf.evaluation.report import format_lfw_table
from cshml_tf.evaluation.report_file import check_report
from cshml_tf.evaluation.second_score import choose_weights, default_weight, join_scores, weights_of
from cshml_tf.metrics.joint_bayesian import JointBayesian


def test_default_weights():
    """Widths between two measured ones take the larger one's; above all, plain HL stays."""
    resolutions = [6, 8, 10, (14, 12), 13, 16, 20, 21, 112]
    assert [default_weight(each) for each in resolutions] == [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0, 0]


def test_given_weights_replace_the_default_ones():
    assert choose_weights({"14x12": 2.0}, [8, (14, 12)]) == {"8": 0.5, "14x12": 2.0}
    with pytest.raises(ValueError, match="second score: expected weights for 8, got one for 16"):
        choose_weights({"16": 2.0}, [8])


def test_the_joined_score_is_the_weighted_mean():
    """HL = 0.6 and LL = 0.8 with weight 3: (0.6 + 2.4) / 4 = 0.75; with weight 0, HL."""
    assert join_scores(np.array([0.6]), np.array([0.8]), 3.0) == pytest.approx(0.75)
    assert join_scores(np.array([0.6]), np.array([0.8]), 0.0) == 0.6


def recogniser(cell):
    """Embeddings are the picture's mean colours, cell by cell."""
    layers = [keras.layers.Rescaling(1 / 127.5, -1.0), keras.layers.AveragePooling2D(cell), keras.layers.Flatten()]
    return keras.Sequential([keras.Input((16, 12, 3)), *layers, keras.layers.Dense(8, use_bias=False)])


@pytest.fixture(scope="module")
def networks():
    keras.utils.set_random_seed(0)
    return recogniser(2), recogniser(4)


def noisy_pairs():
    """Twelve people, two noisy photographs each, in three folds: each compared with itself and with the next."""
    random = np.random.default_rng(0)
    patterns = random.integers(0, 256, (12, 4, 3, 3)).repeat(4, 1).repeat(4, 2)
    faces = {
        FaceImage(f"P{person}", number): np.clip(pattern + random.normal(0, 90, pattern.shape), 0, 255)
        for person, pattern in enumerate(patterns)
        for number in (1, 2)
    }
    pairs = [
        Pair(FaceImage(f"P{person}", 1), FaceImage(f"P{(person + step) % 12}", 2), step == 0, person // 4)
        for person in range(12)
        for step in (0, 1)
    ]
    return pairs, {image: pixels.astype(np.uint8) for image, pixels in faces.items()}


PAIRS, FACES = noisy_pairs()


@pytest.mark.parametrize(
    "options", [{}, {"average_orders": True}, {"subtract_mean": True, "average_orders": True}, {"flip": True}]
)
def test_pairs_by_the_second_score(networks, options):
    """Of the measured HL and LL: (HL + 2 LL) / 3 at 4, and the default weight, 1/2, at 6; the rest stays."""
    hr, lr = networks
    found = evaluate(PAIRS, FACES, hr, {4: lr, 6: lr}, options=Options(**options, second_score={"4": 2.0}))
    plain = evaluate(PAIRS, FACES, hr, {4: lr, 6: lr}, options=Options(**options))
    for key, weight in (("4", 2.0), ("6", 0.5)):
        hl, ll = (found.trials[key, condition].scores for condition in ("HL", "LL"))
        expected = (hl + weight * np.resize(ll, len(hl))) / (1 + weight)
        np.testing.assert_allclose(found.trials[key, "HL_fused"].scores, expected, atol=1e-12)
        assert np.abs(expected - hl).max() > 0.01
        part = dict(found.report[key])
        figures, gain = part.pop("HL_fused"), part.pop("HL_fused_gain")
        del part["HL_fused_gap_closed"]
        assert (figures["weight"], figures["pairs"]) == (weight, len(PAIRS))
        difference = figures["accuracy"] - part["HL"]["accuracy"]
        assert gain["difference"] == pytest.approx(difference, abs=1e-12)
        assert part == plain.report[key]
    assert weights_of(found.report) == {"4": 2.0, "6": 0.5} and weights_of(plain.report) == {}
    assert "4 HL: second score (HL with 2 LL) minus plain HL " in format_lfw_table(found.report)


def test_the_second_score_of_a_joint_bayesian_classifier(networks):
    """Beside that of the cosines: the same sum, of log-likelihood ratios."""
    hr, lr = networks
    width = hr.output_shape[-1]
    classifier = JointBayesian(np.zeros((2, width)), np.eye(width), planted(np.random.default_rng(0), width))
    options = Options(average_orders=True, second_score={"4": 2.0})
    found = evaluate(PAIRS, FACES, hr, {4: lr, 6: lr}, options=options, classifiers={"4": classifier})
    hl, ll = (found.trials["4", condition].scores for condition in ("HL_hjb", "LL_hjb"))
    expected = (hl + 2 * np.tile(ll, 2)) / 3
    np.testing.assert_allclose(found.trials["4", "HL_hjb_fused"].scores, expected, rtol=1e-12)
    assert np.abs(expected - found.trials["4", "HL_fused"].scores).max() > 0.01
    part = found.report["4"]
    assert part["HL_hjb_fused"]["weight"] == 2 and "HL_hjb_fused" not in found.report["6"]
    table = format_lfw_table(found.report)
    assert "4 HL  second score, joint Bayesian " in table
    assert "4 HL: second score by joint Bayesian (HL with 2 LL) minus plain HL " in table
    assert "4 gap closed by the second score, joint Bayesian: " in table
    check_report("report", json.loads(json.dumps(found.report | {"protocol": {}})))


def test_the_gap_closed_by_each_score():
    """From 0.5, with the HR network alone, to 0.9, on sharp faces: 0.7 is half of it."""
    accuracies = {"HL_hr_network": 0.5, "HL": 0.6, "HL_fused": 0.7, "HL_hjb": 0.8, "HL_hjb_fused": 0.9}
    measured = {("HR",): measured_at(0.9)} | {("8", name): measured_at(each) for name, each in accuracies.items()}
    part = report_of(measured | {("8", name): measured_at(0.6) for name in ("LL", "LL_hjb", "LL_hr_network")})["8"]
    assert part["gap_closed"] == pytest.approx(0.25)
    closed = [part[f"{name}_gap_closed"] for name in ("HL_fused", "HL_hjb", "HL_hjb_fused")]
    assert closed == pytest.approx([0.5, 0.75, 1])


def measured_at(accuracy):
    """A comparison of ten pairs; only its accuracy matters."""
    same = np.arange(10) < 5
    return Measured({"accuracy": accuracy}, np.arange(10) < 10 * accuracy, Trials(np.arange(10.0), same))


def test_the_second_score_needs_lr_networks_and_reduced_images(networks):
    hr, lr = networks
    for lr_networks, as_they_are in (({}, False), ({4: lr}, True)):
        options = Options(as_they_are=as_they_are, second_score={})
        with pytest.raises(ValueError, match="second_score: expected LR networks, and images that are reduced"):
            evaluate(PAIRS, FACES, hr, lr_networks, [4], options=options)
    with pytest.raises(ValueError, match="second score: expected weights for 4, got one for 8"):
        evaluate(PAIRS, FACES, hr, {4: lr}, options=Options(second_score={"8": 1.0}))
