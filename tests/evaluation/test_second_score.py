"""The second score: its default weights, HL joined by LL, and its measurement on pairs."""

import keras
import numpy as np
import pytest

from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.evaluation.report import format_lfw_table
from cshml_tf.evaluation.second_score import choose_weights, default_weight, join_scores, weights_of


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
        assert (figures["weight"], figures["pairs"]) == (weight, len(PAIRS))
        difference = figures["accuracy"] - part["HL"]["accuracy"]
        assert gain["difference"] == pytest.approx(difference, abs=1e-12)
        assert part == plain.report[key]
    assert weights_of(found.report) == {"4": 2.0, "6": 0.5} and weights_of(plain.report) == {}
    assert "4 HL: second score (HL with 2 LL) minus plain HL " in format_lfw_table(found.report)


def test_the_second_score_needs_lr_networks_and_reduced_images(networks):
    hr, lr = networks
    for lr_networks, as_they_are in (({}, False), ({4: lr}, True)):
        options = Options(as_they_are=as_they_are, second_score={})
        with pytest.raises(ValueError, match="second_score: expected LR networks, and images that are reduced"):
            evaluate(PAIRS, FACES, hr, lr_networks, [4], options=options)
    with pytest.raises(ValueError, match="second score: expected weights for 4, got one for 8"):
        evaluate(PAIRS, FACES, hr, {4: lr}, options=Options(second_score={"8": 1.0}))
