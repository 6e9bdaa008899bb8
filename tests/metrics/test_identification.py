"""Identification metrics compared with values derived by hand, naive loops and planted embeddings."""

import numpy as np
import pytest

from cshml_tf.metrics import identification, matching
from cshml_tf.metrics.matching import Matches


def noisy(seed, probes=40, gallery=30, people=8, decimals=1):
    """Similarities rounded so that many are tied; some probes have no mate, some people several images."""
    random = np.random.default_rng(seed)
    similarity = np.round(random.normal(size=(probes, gallery)), decimals)
    return similarity, random.integers(0, people + 2, probes), random.integers(0, people, gallery)


def naive_order(row, is_mate):
    """Return the columns, the most similar first and mates last among ties."""
    return sorted(range(len(row)), key=lambda column: (-row[column], is_mate[column]))


def naive_hits(similarity, probe_labels, gallery_labels):
    for row, label in zip(similarity, probe_labels, strict=True):
        is_mate = [other == label for other in gallery_labels]
        yield [is_mate[column] for column in naive_order(row, is_mate)]


def naive_average_precision(hits, trapezoids):
    """Walk down the list, as TinyFace's evaluation does for the area."""
    if not any(hits):
        return 0.0
    total, before = 0.0, 1.0
    for place in range(1, len(hits) + 1):
        precision = sum(hits[:place]) / place
        if hits[place - 1]:
            total += (before + precision) / 2 if trapezoids else precision
        before = precision
    return total / sum(hits)


GALLERY = ["ann", "bob", "cid", "bob"]
# Ann's mate is second. Bob's two are first and third. Cid's ties with Ann's: second. Nobody knows Dee.
SIMILARITY = np.array(
    [
        [0.6, 0.9, 0.1, 0.2],
        [0.5, 0.8, 0.1, 0.3],
        [0.4, 0.1, 0.4, 0.0],
        [0.9, 0.3, 0.2, 0.1],
    ]
)
PROBES = ["ann", "bob", "cid", "dee"]


class TestGoldenValues:
    def test_matches(self):
        matches = matching.match_probes(SIMILARITY, PROBES, GALLERY)
        np.testing.assert_array_equal(matches.ranks, [2, 1, 2, 5])
        np.testing.assert_array_equal(matches.mate_scores, [0.6, 0.8, 0.4, -np.inf])
        # Bob: precision 1 at rank 1, 2/3 at rank 3.
        np.testing.assert_allclose(matches.average_precisions, [1 / 2, 5 / 6, 1 / 2, 0], rtol=0, atol=1e-15)
        # Ann: precision 0 at rank 1, 1/2 at rank 2. Bob: (1 + 1) / 2, then (1/2 + 2/3) / 2.
        np.testing.assert_allclose(matches.precision_areas, [1 / 4, 19 / 24, 1 / 4, 0], rtol=0, atol=1e-15)

    def test_rates_count_the_probe_without_a_mate_as_never_found(self):
        rates = identification.rank_rates(SIMILARITY, PROBES, GALLERY, [1, 2, 4])
        np.testing.assert_array_equal(rates, [0.25, 0.75, 0.75])
        curve = identification.cumulative_match_curve(SIMILARITY, PROBES, GALLERY)
        np.testing.assert_array_equal(curve, [0.25, 0.75, 0.75, 0.75])
        curve = identification.cumulative_match_curve(SIMILARITY, PROBES, GALLERY, longest=1)
        np.testing.assert_array_equal(curve, [0.25])

    def test_mean_average_precision(self):
        figure = identification.mean_average_precision(SIMILARITY, PROBES, GALLERY)
        assert figure == pytest.approx((1 / 2 + 5 / 6 + 1 / 2) / 4, abs=1e-15)
        figure = identification.mean_average_precision(SIMILARITY, PROBES, GALLERY, trapezoids=True)
        assert figure == pytest.approx((1 / 4 + 19 / 24 + 1 / 4) / 4, abs=1e-15)

    def test_chance(self):
        """Mates: 1, 2, 1 and 0 of four images. Two draws miss one of four with 1/2, two of four with 1/6."""
        chance = identification.chance_rates(PROBES, GALLERY, ranks=[1, 2, 4])
        np.testing.assert_allclose(chance, [1 / 4, (1 / 2 + 5 / 6 + 1 / 2) / 4, 3 / 4], rtol=0, atol=1e-15)

    def test_chance_of_one_image_a_person(self):
        people = np.arange(130)
        assert identification.chance_rates(np.repeat(people, 5), people)[0] == pytest.approx(1 / 130, abs=1e-15)


@pytest.mark.parametrize("seed", range(4))
class TestAgainstNaiveLoops:
    def test_ranks(self, seed):
        data = noisy(seed)
        hits = list(naive_hits(*data))
        naive = [np.mean([any(row[:rank]) for row in hits]) for rank in range(1, 31)]
        np.testing.assert_allclose(identification.cumulative_match_curve(*data), naive, rtol=0, atol=1e-12)
        rates = identification.rank_rates(*data, ranks=[1, 5, 30])
        np.testing.assert_allclose(rates, [naive[0], naive[4], naive[29]], rtol=0, atol=1e-12)

    @pytest.mark.parametrize("trapezoids", [False, True])
    def test_mean_average_precision(self, seed, trapezoids):
        data = noisy(seed)
        naive = np.mean([naive_average_precision(row, trapezoids) for row in naive_hits(*data)])
        assert identification.mean_average_precision(*data, trapezoids) == pytest.approx(naive, abs=1e-12)

    def test_blocks_equal_the_whole_matrix(self, seed):
        similarity, probe_labels, gallery_labels = noisy(seed)
        whole = matching.match_probes(similarity, probe_labels, gallery_labels)
        blocks = (similarity[start : start + 7] for start in range(0, len(similarity), 7))
        parts = matching.match_probes(blocks, probe_labels, gallery_labels)
        for name in ("ranks", "mate_scores", "average_precisions", "precision_areas"):
            np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
        best = matching.best_scores(iter(np.array_split(similarity, 3)))
        np.testing.assert_array_equal(best, similarity.max(axis=1))

    def test_figures_of_matches_are_those_of_the_matrix(self, seed):
        data = noisy(seed)
        matches = matching.match_probes(*data)
        assert identification.mean_average_precision(matches, None, None) == identification.mean_average_precision(
            *data
        )
        np.testing.assert_array_equal(
            identification.rank_rates(matches, None, None, [1, 3]), identification.rank_rates(*data, [1, 3])
        )

    def test_open_set(self, seed):
        known, labels, gallery_labels = noisy(seed, decimals=2)
        unknown = noisy(seed + 100, probes=50, decimals=2)[0]
        matches = matching.match_probes(known, labels, gallery_labels)
        found = []
        for fpir in (0.02, 0.1, 0.3):
            figure = identification.tpir_at_fpir(matches, matching.best_scores(unknown), fpir, rank=5)
            # The loosest threshold that accepts no more unknown probes lies just above one of their scores.
            best = np.sort([row.max() for row in unknown])
            passing = [score for score in best if np.mean([other >= score for other in best]) > fpir]
            threshold = np.nextafter(max(passing), np.inf)
            strictest = min((score for score in best if score > max(passing)), default=threshold)
            assert naive_tpir(known, labels, gallery_labels, strictest, 5) <= figure
            assert figure <= naive_tpir(known, labels, gallery_labels, threshold, 5)
            found.append(figure)
        assert found == sorted(found)


def naive_tpir(similarity, probe_labels, gallery_labels, threshold, rank):
    found = 0
    for row, label in zip(similarity, probe_labels, strict=True):
        is_mate = gallery_labels == label
        first = naive_order(row, is_mate)[:rank]
        found += any(is_mate[column] and row[column] >= threshold for column in first)
    return found / len(similarity)


class TestPlantedEmbeddings:
    def test_perfect(self):
        labels = np.repeat(np.arange(20), 5)
        similarity = np.eye(20)[labels]
        np.testing.assert_array_equal(
            identification.rank_rates(similarity, labels, np.arange(20), [1, 10]), [1.0, 1.0]
        )
        assert identification.mean_average_precision(similarity, labels, np.arange(20)) == 1.0
        assert identification.mean_average_precision(similarity, labels, np.arange(20), trapezoids=True) == 1.0

    def test_constant_identifies_nobody(self):
        rates = identification.rank_rates(np.ones((6, 3)), [0, 1, 2] * 2, [0, 1, 2], [1, 2, 3])
        np.testing.assert_array_equal(rates, [0, 0, 1])

    def test_random_scores_chance(self):
        """The standard deviation of the rate over 4,000 probes is at most .008; the bound is four of them."""
        random = np.random.default_rng(3)
        probe_labels, gallery_labels = random.integers(0, 20, 4000), random.integers(0, 20, 50)
        measured = identification.rank_rates(random.random((4000, 50)), probe_labels, gallery_labels, [1, 5, 20])
        chance = identification.chance_rates(probe_labels, gallery_labels, [1, 5, 20])
        assert np.max(np.abs(measured - chance)) < 0.032


class TestTpirAtFpir:
    # Ranks 1, 3, 1 and no mate; ten unknown probes score .0 to .9.
    MATED = Matches(np.array([1, 3, 1, 6]), np.array([0.95, 0.97, 0.65, -np.inf]), np.zeros(4), np.zeros(4), 5)
    UNKNOWN = np.arange(10) / 10

    def test_golden_values(self):
        """One of ten may pass: the threshold is .9. Four of ten: .6, and the third probe passes too."""
        assert identification.tpir_at_fpir(self.MATED, self.UNKNOWN, 0.1, rank=5) == 0.5
        assert identification.tpir_at_fpir(self.MATED, self.UNKNOWN, 0.1, rank=2) == 0.25
        assert identification.tpir_at_fpir(self.MATED, self.UNKNOWN, 0.4, rank=5) == 0.75

    def test_too_few_unknown_probes(self):
        assert identification.tpir_at_fpir(self.MATED, self.UNKNOWN, 0.09, rank=5) is None

    @pytest.mark.parametrize(
        ("unknown", "fpir", "rank", "message"),
        [
            ([], 0.1, 1, "unmated_scores: expected at least one finite number"),
            ([0.1, np.nan], 0.1, 1, "with 1 finite"),
            ([[0.1]], 0.1, 1, r"got shape \(1, 1\)"),
            ([0.1], 0.0, 1, "fpir: expected a rate between 0 and 1, got 0.0"),
            ([0.1], 1.0, 1, "fpir: expected a rate between 0 and 1, got 1.0"),
            ([0.1], 0.1, 6, r"ranks: expected whole numbers from 1 to the size of the gallery, 5, got \[6\]"),
            ([0.1], 0.1, 0, r"got \[0\]"),
        ],
    )
    def test_bad_input(self, unknown, fpir, rank, message):
        with pytest.raises(ValueError, match=message):
            identification.tpir_at_fpir(self.MATED, unknown, fpir, rank)


class TestBadInput:
    @pytest.mark.parametrize("ranks", [[0], [5], [1.5], [], [[1]]])
    def test_ranks(self, ranks):
        message = "ranks: expected whole numbers from 1 to the size of the gallery, 4"
        with pytest.raises(ValueError, match=message):
            identification.rank_rates(SIMILARITY, PROBES, GALLERY, ranks)
        with pytest.raises(ValueError, match=message):
            identification.chance_rates(PROBES, GALLERY, ranks)

    def test_longest_of_the_curve(self):
        with pytest.raises(ValueError, match=r"got \[5\]"):
            identification.cumulative_match_curve(SIMILARITY, PROBES, GALLERY, longest=5)


def test_missing_probes_are_never_identified():
    """Ranks 2, 1, 2 and no mate among four images; two more probes are missing."""
    matches = matching.match_probes(SIMILARITY, PROBES, GALLERY)
    all_probes = matching.with_missing_probes(matches, 2)
    np.testing.assert_array_equal(all_probes.ranks, [2, 1, 2, 5, 5, 5])
    assert all_probes.mate_scores[4] == -np.inf
    np.testing.assert_allclose(identification.rank_rates(all_probes, None, None, [1, 4]), [1 / 6, 3 / 6])
    whole = identification.mean_average_precision(matches, None, None)
    assert identification.mean_average_precision(all_probes, None, None) == pytest.approx(whole * 4 / 6)
    assert identification.tpir_at_fpir(all_probes, np.zeros(4), 0.25, rank=2) == 3 / 6
    np.testing.assert_array_equal(matching.with_missing_probes(matches, 0).ranks, matches.ranks)
