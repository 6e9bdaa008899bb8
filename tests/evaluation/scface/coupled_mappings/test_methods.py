"""MDS, DMDS and LDMDS: what they recover, how they differ, and what leaves them unchanged."""

import numpy as np
import pytest

from cshml_tf.evaluation.scface.coupled_mappings import fit_dmds, fit_ldmds, fit_mds
from cshml_tf.metrics.identification import rank_rates

METHODS = [fit_mds, fit_dmds, fit_ldmds]


@pytest.mark.parametrize("method", METHODS)
class TestMethods:
    @pytest.mark.parametrize("lr_width", [8, 5])
    def test_objective_never_rises(self, method, lr_width, random_problem):
        for ridge, anchored in [(0, True), (1e-3, False), (2, True)]:
            problem = random_problem(3, lr_width=lr_width)
            mapping = method(
                *problem, one_map=lr_width == 8, ridge=ridge, anchored=anchored, tolerance=0, iterations=200
            )
            assert len(mapping.objectives) > 2
            assert np.all(np.diff(mapping.objectives) <= 1e-12 * mapping.objectives[0])

    def test_recovers_a_linear_degradation(self, method):
        """LR rows are HR rows rotated at random, with noise. The people tested were not trained on."""
        rates = turned_rates(method, one_map=False, ridge=0.01, anchored=False)
        assert rates["before"] < 0.15 and rates["after"] > 0.97

    def test_recovers_rows_of_another_width(self, method):
        rates = turned_rates(method, lr_width=26, one_map=False, ridge=0.01, anchored=False, dimensions=20)
        assert rates["after"] > 0.97
        # A strong ridge leaves the LR map at its start, the least squares from LR rows to their HR counterparts.
        assert turned_rates(method, lr_width=26, one_map=False, ridge=1e9)["after"] > 0.9

    def test_one_map_drops_what_low_resolution_loses(self, method):
        """Half of the axes carry the person, the other half a strong disturbance of only the LR rows."""
        random = np.random.default_rng(4)
        hr, lr_people = random.normal(size=(60, 16)), np.repeat(np.arange(60), 4)
        lr = hr[lr_people] + 0.1 * random.normal(size=(240, 16))
        lr[:, 8:] = 4 * random.normal(size=(240, 8))
        seen = lr_people < 30
        mapping = method(hr[:30], np.arange(30), lr[seen], lr_people[seen], ridge=0.01)
        before = rank_rates(-euclidean(lr[~seen], hr[30:]), lr_people[~seen], np.arange(30, 60), [1])[0]
        after = rank_rates(mapping.similarity(lr[~seen], hr[30:]), lr_people[~seen], np.arange(30, 60), [1])[0]
        assert before < 0.5 and after > 0.85
        np.testing.assert_array_equal(mapping.hr, mapping.lr)

    @pytest.mark.parametrize("one_map", [True, False])
    def test_same_answer_twice_in_any_order_at_any_scale(self, method, one_map, random_problem):
        hr, hr_people, lr, lr_people = random_problem(5)
        first = method(hr, hr_people, lr, lr_people, one_map=one_map)
        again = method(hr, hr_people, lr, lr_people, one_map=one_map)
        np.testing.assert_array_equal(first.hr, again.hr)
        np.testing.assert_array_equal(first.lr, again.lr)
        order = np.random.default_rng(0).permutation(len(lr))
        shuffled = method(hr[::-1], hr_people[::-1], lr[order], lr_people[order], one_map=one_map)
        scaled = method(1000 * hr, hr_people, 1000 * lr, lr_people, one_map=one_map)
        for other in (shuffled, scaled):
            assert np.max(np.abs(other.hr - first.hr)) < 1e-8
            assert np.max(np.abs(other.lr - first.lr)) < 1e-8

    def test_dimensions(self, method, random_problem):
        problem = random_problem(6, hr_width=30, lr_width=30)
        mapping = method(*problem, dimensions=3)
        assert mapping.hr.shape == mapping.lr.shape == (30, 3)
        assert mapping.map_hr(problem[0]).shape == (7, 3) and mapping.map_lr(problem[2]).shape == (18, 3)
        assert method(*problem).hr.shape == (30, 30)
        # 7 HR rows and 18 LR rows span 23 dimensions after the mean of each set is subtracted.
        assert method(*problem, dimensions=23).hr.shape == (30, 23)
        with pytest.raises(
            ValueError, match="dimensions: expected 1 to 23, the rank of the training rows, .* got 24"
        ):
            method(*problem, dimensions=24)

    def test_rows_of_two_widths(self, method, random_problem):
        problem = random_problem(7, hr_width=8, lr_width=5)
        mapping = method(*problem, one_map=False)
        assert mapping.hr.shape == (8, 8) and mapping.lr.shape == (5, 8)
        assert method(*problem, one_map=False, dimensions=2).lr.shape == (5, 2)
        with pytest.raises(ValueError, match="one_map: expected HR and LR rows of one width, got 8 and 5"):
            method(*problem)

    def test_anchored_maps_stay_where_held(self, method, random_problem):
        """A very strong ridge leaves the embeddings unchanged, or pulls them to zero."""
        problem = random_problem(8)
        assert np.max(np.abs(method(*problem, ridge=1e9).hr - np.eye(8))) < 1e-6
        assert np.max(np.abs(method(*problem, ridge=1e9, anchored=False).hr)) < 1e-6

    def test_people_without_lr_rows_and_single_rows(self, method, random_problem):
        hr, hr_people, lr, lr_people = random_problem(9)
        assert np.isfinite(method(hr, hr_people, lr[:3], lr_people[:3]).hr).all()
        assert np.isfinite(method(hr[:2], hr_people[:2], lr[:1], lr_people[:1]).hr).all()
        numbered = method(hr, np.arange(7), lr[:6].astype(np.float32), np.arange(6)).hr
        assert numbered.dtype == np.float64 and np.isfinite(numbered).all()


def turned_rates(method, lr_width=20, **options):
    random = np.random.default_rng(13)
    people, width = 100, 20
    hr, lr_people = random.normal(size=(people, width)), np.repeat(np.arange(people), 3)
    turn = np.linalg.qr(random.normal(size=(lr_width, width)))[0].T
    lr = hr[lr_people] @ turn + 0.1 * random.normal(size=(3 * people, lr_width))
    seen, gallery = lr_people < 50, np.arange(50, people)
    mapping = method(hr[:50], np.arange(50), lr[seen], lr_people[seen], iterations=300, **options)
    similarities = {
        "before": -euclidean(lr[~seen, :width], hr[50:]),
        "after": mapping.similarity(lr[~seen], hr[50:]),
    }
    return {name: rank_rates(table, lr_people[~seen], gallery, [1])[0] for name, table in similarities.items()}


def euclidean(probes, gallery):
    return np.linalg.norm(probes[:, None] - gallery, axis=-1)


class TestMethodsDiffer:
    def test_each_is_the_next_with_its_addition_off(self, random_problem):
        problem = random_problem(14)
        mds, dmds, ldmds = (method(*problem) for method in METHODS)
        np.testing.assert_array_equal(fit_dmds(*problem, separation=0.0).hr, mds.hr)
        np.testing.assert_array_equal(fit_ldmds(*problem, consistency=0.0).hr, dmds.hr)
        assert np.max(np.abs(mds.hr - dmds.hr)) > 1e-3 and np.max(np.abs(ldmds.hr - dmds.hr)) > 1e-3
        assert np.max(np.abs(fit_ldmds(*problem, neighbours=None).hr - ldmds.hr)) > 1e-4

    def test_separation_is_more_than_a_scale(self, random_problem):
        """With one HR row per person and no anchor, where scaled distances would only scale the map."""
        hr, hr_people, lr, lr_people = random_problem(19)
        problem = hr[:6], hr_people[:6], lr, lr_people
        loose = {"ridge": 0.01, "anchored": False, "tolerance": 0.0, "iterations": 1000}
        one, other = fit_mds(*problem, **loose).hr, fit_dmds(*problem, separation=0.5, **loose).hr
        cosine = np.sum(one * other) / np.linalg.norm(one) / np.linalg.norm(other)
        assert cosine < 0.999

    def test_separation_moves_people_apart(self, random_problem):
        problem = random_problem(15)
        spreads = []
        for separation in (0.0, 1.0):
            mapping = fit_dmds(*problem, separation=separation, ridge=0.01)
            similarity = mapping.similarity(problem[2], problem[0])
            spreads.append(-similarity[problem[3][:, None] != problem[1]].mean())
        assert spreads[1] > 1.5 * spreads[0]

    def test_classes_draw_one_person_together(self, random_problem):
        problem = random_problem(16)
        ratios = []
        for balance in (1.0, 0.2):
            mapping = fit_mds(*problem, balance=balance, ridge=0.1)
            similarity = mapping.similarity(problem[2], problem[0])
            same = problem[3][:, None] == problem[1]
            ratios.append(similarity[same].mean() / similarity[~same].mean())
        assert ratios[1] < 0.9 * ratios[0]
