"""Identification of drawn people: figures that follow from who looks like whom."""

import numpy as np
import pytest
from drawn import SIZE

from cshml_tf.gallery.measurement import format_gallery_table, measure_gallery, split_people


class Drawn:
    """A source of faces of one colour each."""

    def __init__(self, people):
        """Take a list of colours per person."""
        self.labels = np.repeat(np.arange(len(people), dtype=np.int32), [len(each) for each in people])
        self.images = [np.tile(np.uint8(colour), (*SIZE, 1)) for each in people for colour in each]


RED, GREEN, BLUE, ORANGE = (230, 20, 20), (20, 230, 20), (20, 20, 230), (230, 60, 20)
GREY = [(200 + step, 200, 190) for step in range(10)]


def test_each_photograph_has_one_role():
    labels = np.array([0, 0, 0, 1, 2, 2, 3, 4, 5])
    split = split_people(labels, seed=3)
    assert (split.portraits.tolist(), split.portrait_people.tolist()) == ([0, 4], [0, 2])
    assert (split.probes.tolist(), split.probe_people.tolist()) == ([1, 2, 5], [0, 0, 2])
    strangers = [*split.calibrating.tolist(), *split.testing.tolist()]
    assert sorted(strangers) == [3, 6, 7, 8] and len(split.calibrating) == 2
    # With two portraits, the person with two photographs has no probe left and takes no part.
    two = split_people(labels, portraits=2)
    assert (two.portraits.tolist(), two.probes.tolist()) == ([0, 1], [2])
    assert sorted([*two.calibrating.tolist(), *two.testing.tolist()]) == [3, 6, 7, 8]


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 1]])
def test_too_few_people_are_refused(labels):
    with pytest.raises(ValueError, match="expected people with more than 1 photograph"):
        split_people(np.array(labels))


@pytest.fixture(scope="module")
def report(networks):
    """Red is found; green's probe looks blue and is taken for the blue person; strangers are grey."""
    people = [[RED, ORANGE], [GREEN, BLUE], [BLUE, BLUE], *([colour] for colour in GREY)]
    return measure_gallery(Drawn(people), networks, rates=(0.2, 0.01), weights=(0, 1), batch_size=4)


def test_rank_1_and_misses(report):
    """Two of three probes are right, at every resolution, since colours do not change."""
    assert report["protocol"]["enrolled_people"] == report["protocol"]["probes"] == 3
    assert report["protocol"]["strangers_calibrating"] == report["protocol"]["strangers_testing"] == 5
    assert list(report["results"]) == ["HR", "8", "12"]
    assert list(report["results"]["8"]) == ["hr_for_both", "lr_network", "second_score"]
    for ways in report["results"].values():
        for figures in ways.values():
            assert figures["rank_1"] == pytest.approx(2 / 3)
            rate = figures["rates"]["0.2"]
            assert rate["miss_rate"] == pytest.approx(1 / 3)
            # Strangers are far below red and orange, and half of them below the other half's best or not.
            assert rate["threshold"] < 0.95 and 0 <= rate["fpir_on_others"] <= 1
            # Five strangers cannot show a rate of 1 %.
            assert figures["rates"]["0.01"] is None
    assert report["weights"] == {
        kind: {"0": pytest.approx(2 / 3), "1": pytest.approx(2 / 3)} for kind in ("8", "12")
    }
    assert report["fusion"] == {"8": {}, "12": {}}


def test_the_table_says_it_all(report):
    text = format_gallery_table(report)
    assert text.startswith("3 people enrolled with 3 portraits, 3 probes; strangers: 5 set the thresholds, 5 test")
    assert "12, LR network, second score" in text and "sharp, HR network for both" in text
    assert "8, rank 1 by weight of the second score: 0: 66.67, 1: 66.67" in text


def test_several_photographs_together(networks):
    """Seven probes in eight look like the other person alone, but their mean does not.

    Colours as vectors: a probe is (1, d, 0) with d = +-0.9 or so around its person's axis; the mean of all eight
    lies on it.
    """
    ann = [RED, *[(230, 20 + 200 * (n % 2), 20 + 200 * (1 - n % 2)) for n in range(8)]]
    between = [(150, 230, 20), (150, 20, 230)]
    people = [ann, [between[0]] * 9, [between[1]] * 9, *([colour] for colour in GREY)]
    fusion = measure_gallery(Drawn(people), networks, rates=(0.2,), batch_size=8)["fusion"]["8"]
    assert fusion["people"] == 3
    assert [fusion[str(n)]["groups"] for n in (1, 2, 4, 8)] == [24, 12, 6, 3]
    assert fusion["1"]["rank_1"] < fusion["8"]["rank_1"] == 1.0


def test_best_and_mean_of_two_portraits(networks):
    """Ann's portraits are red and blue. Her red probe is nearest to one, but in the mean to Bo's oranges."""
    people = [[RED, BLUE, RED], [ORANGE, ORANGE, ORANGE], *([colour] for colour in GREY)]
    found = measure_gallery(Drawn(people), networks, rates=(0.2,), portraits=2)["results"]["HR"]
    assert found["hr_for_both"]["rank_1"] == 1.0
    assert found["hr_for_both (mean)"]["rank_1"] == 0.5
