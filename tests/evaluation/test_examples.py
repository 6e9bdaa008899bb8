"""Example pairs: which are drawn, their scores before and after, and the pictures shown."""

from types import SimpleNamespace

import numpy as np
import pytest

from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.examples import ScoredPairs, draw_pairs, example_pairs, score_before_and_after
from cshml_tf.evaluation.lfw import evaluate
from cshml_tf.images import read_image

SAME = np.arange(40) % 3 == 0


class Quarters:
    """A network that sees the mean colours of a picture's four quarters, some channels better than others."""

    def __init__(self, *weights):
        self.weights = weights

    def predict_on_batch(self, pixels):
        pixels = np.asarray(pixels, np.float64) / 127.5 - 1
        quarters = pixels.reshape(len(pixels), 2, pixels.shape[1] // 2, 2, pixels.shape[2] // 2, 3)
        return (quarters.mean((2, 4)) * self.weights).reshape(len(pixels), 12)

    def embed(self, picture):
        embedding = self.predict_on_batch(picture[None])[0]
        return embedding / np.linalg.norm(embedding)


@pytest.fixture
def pairs():
    """Four people's pictures 1 to 3 against each other, and against the next person's."""
    listed = []
    for person in range(4):
        name, other = f"person_{person}", f"person_{(person + 1) % 4}"
        for one, two in ((1, 2), (1, 3), (2, 3)):
            listed.append(Pair(FaceImage(name, one), FaceImage(name, two), True, person % 2))
            listed.append(Pair(FaceImage(name, one), FaceImage(other, two), False, person % 2))
    return listed


class TestDrawPairs:
    def test_half_of_each_kind_none_twice(self):
        drawn = draw_pairs(SAME, 12, seed=3)
        assert SAME[drawn].tolist() == [True] * 6 + [False] * 6
        assert len(set(drawn.tolist())) == 12

    def test_the_seed_decides(self):
        assert draw_pairs(SAME, 12, 1).tolist() == draw_pairs(SAME, 12, 1).tolist()
        assert draw_pairs(SAME, 12, 1).tolist() != draw_pairs(SAME, 12, 2).tolist()

    def test_every_pair_has_its_chance(self):
        counts = np.zeros(len(SAME))
        for seed in range(600):
            counts[draw_pairs(SAME, 8, seed)] += 1
        # 4 of 14 and 4 of 26, 600 times; five standard deviations of the binomial on either side.
        for kind in (SAME, ~SAME):
            chance = 4 / kind.sum()
            allowed = 5 * np.sqrt(600 * chance * (1 - chance))
            assert np.abs(counts[kind] - 600 * chance).max() < allowed

    @pytest.mark.parametrize(
        ("count", "seed", "message"),
        [
            (3, 0, "pairs: expected an even number of at least 2, half of each kind, got 3"),
            (0, 0, "got 0"),
            (2, -1, "seed: expected a whole number, 0 or more, got -1"),
            (30, 0, "pairs: expected at least 15 of one person in the list, got 14"),
        ],
    )
    def test_bad_input(self, count, seed, message):
        with pytest.raises(ValueError, match=message):
            draw_pairs(SAME, count, seed)


def test_thresholds_and_accuracies():
    same = np.array([False, False, True, True, True])
    evaluation = SimpleNamespace(
        trials={
            ("14x12", "HL_hr_network"): (np.array([0.5, 0.1, 0.3, 0.4, 0.7]), same),
            ("14x12", "HL"): (np.array([0.1, 0.3, 0.5, 0.7, 0.9]), same),
        },
        report={"14x12": {"HL_hr_network": {"accuracy": 0.6}, "HL": {"accuracy": 0.8}}},
    )
    scored = score_before_and_after(evaluation, (14, 12))
    # Before: above 0.1 and up to 0.3 one of five is wrong, the fewest. After: above 0.3 and up to 0.5 none is.
    assert scored["before"].threshold == pytest.approx(0.2)
    assert scored["after"].threshold == pytest.approx(0.4)
    assert (scored["before"].accuracy, scored["after"].accuracy) == (0.6, 0.8)
    assert scored["after"].scores.tolist() == [0.1, 0.3, 0.5, 0.7, 0.9]


def test_the_pictures_shown_are_those_that_were_scored(texture_folder, pairs):
    hr, lr = Quarters(1, 1, 1), Quarters(3, 1, 0.5)
    images = find_images(texture_folder, pairs)
    scored = score_before_and_after(evaluate(pairs, images, hr, {6: lr}), 6)
    drawn = draw_pairs([pair.same for pair in pairs], 8)
    examples = example_pairs(pairs, images, scored, drawn, 6)
    assert [example.same for example in examples] == [True] * 4 + [False] * 4
    for example, index in zip(examples, drawn, strict=True):
        np.testing.assert_array_equal(example.first, read_image(images[pairs[index].first]))
        # The quarters' means survive the degradation; the noise from pixel to pixel does not.
        assert roughness(example.second) < 0.7 * roughness(read_image(images[pairs[index].second]))
        for name, network in (("before", hr), ("after", lr)):
            cosine = hr.embed(example.first) @ network.embed(example.second)
            assert abs(example.scores[name] - cosine) < 1e-5


def test_the_requested_degradation_is_shown(texture_folder, pairs):
    images = find_images(texture_folder, pairs)
    of_all = ScoredPairs("", np.zeros(len(pairs)), np.array([pair.same for pair in pairs]), 0.0, 0.5)
    smooth, plain = (example_pairs(pairs, images, {"a": of_all}, [0], 6, m)[0] for m in ("antialias", "plain"))
    np.testing.assert_array_equal(smooth.first, plain.first)
    assert np.abs(smooth.second.astype(int) - plain.second).max() > 10


def roughness(pixels):
    return np.abs(np.diff(pixels.astype(int), axis=1)).mean()
