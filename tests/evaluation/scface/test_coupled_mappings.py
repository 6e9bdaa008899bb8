import itertools

import numpy as np
import pytest

from cshml_tf.evaluation.scface.coupled_mappings import fit_dmds, fit_ldmds, fit_mds
from cshml_tf.evaluation.scface.coupled_mappings.majorization import majorize, row_space, stress
from cshml_tf.evaluation.scface.coupled_mappings.methods import method_terms
from cshml_tf.evaluation.scface.coupled_mappings.pair_terms import neighbour_pairs, target_distances
from cshml_tf.evaluation.scface.coupled_mappings.training_rows import check_training_rows
from cshml_tf.metrics.identification import rank_rates

METHODS = [fit_mds, fit_dmds, fit_ldmds]


def random_problem(seed, people=6, hr_width=8, lr_width=8, photographs=3):
    """HR rows of some people, the first twice, and LR rows that are a noisy linear image of them."""
    random = np.random.default_rng(seed)
    hr = random.normal(size=(people, hr_width))
    hr_people = np.array([f"person {number}" for number in range(people)])
    blur = random.normal(size=(hr_width, lr_width)) / np.sqrt(hr_width)
    lr = np.repeat(hr, photographs, axis=0) @ blur
    lr += 0.2 * random.normal(size=lr.shape)
    twin = hr[:1] + 0.1 * random.normal(size=(1, hr_width))
    return np.vstack([hr, twin]), np.append(hr_people, hr_people[0]), lr, np.repeat(hr_people, photographs)


def naive_distance(one, other):
    return float(np.sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True))))


def naive_objective(problem, mapping, method, balance, separation, consistency, neighbours):
    """The docstrings' three means, pair by pair."""
    hr, hr_people, lr, lr_people = problem
    counterparts = list(hr) + [hr[hr_people == person].mean(axis=0) for person in lr_people]
    people, own = [*hr_people, *lr_people], [*hr, *lr]
    images = [*mapping.map_hr(hr), *mapping.map_lr(lr)]
    pairs = list(itertools.combinations(range(len(own)), 2))
    mean = np.mean([naive_distance(counterparts[i], counterparts[j]) for i, j in pairs if people[i] != people[j]])
    distances, classes, local = [], [], []
    for i, j in pairs:
        mapped, same = naive_distance(images[i], images[j]), people[i] == people[j]
        target = naive_distance(counterparts[i], counterparts[j])
        if not same and method is not fit_mds:
            target += separation * mean
        if i < len(hr) <= j:
            distances.append((mapped - target) ** 2)
            classes += [mapped**2] * same
        elif naive_neighbours(own, len(hr), i, j, neighbours) or naive_neighbours(own, len(hr), j, i, neighbours):
            local.append((mapped - target) ** 2)
    total = balance * np.mean(distances) + (1 - balance) * np.mean(classes)
    return total + consistency * np.mean(local) * (method is fit_ldmds)


def naive_neighbours(own, hr_rows, i, j, neighbours):
    """Whether j is among the nearest rows to i of its resolution."""
    others = [other for other in range(len(own)) if other != i and (other < hr_rows) == (i < hr_rows)]
    others.sort(key=lambda other: naive_distance(own[i], own[other]))
    return j in others[:neighbours]


class TestStress:
    def test_golden_value(self):
        """Points 0, 3 and 4i: distances 3, 4, 5; wanted 1, 4, 7 at weights 1, 10, 2: 4 + 0 + 8."""
        images = np.array([[0.0, 0], [3, 0], [0, 4]])
        targets = np.array([[0.0, 1, 4], [1, 0, 7], [4, 7, 0]])
        weights = np.array([[0.0, 1, 10], [1, 0, 2], [10, 2, 0]])
        assert stress(images, weights, targets) == pytest.approx(12, abs=1e-12)

    @pytest.mark.parametrize("seed", range(3))
    def test_naive_loop(self, seed):
        random = np.random.default_rng(seed)
        images = random.normal(size=(9, 4))
        weights, targets = (np.abs(half + half.T) for half in random.normal(size=(2, 9, 9)))
        np.fill_diagonal(weights, 0)
        naive = sum(
            weights[i, j] * (naive_distance(images[i], images[j]) - targets[i, j]) ** 2
            for i, j in itertools.combinations(range(9), 2)
        )
        assert stress(images, weights, targets) == pytest.approx(naive, rel=1e-12)


def random_scaling(seed, rows=12, width=7, rank=None):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(rows, rank or width)) @ random.normal(size=(rank or width, width))
    weights, targets = (np.abs(half + half.T) for half in random.normal(size=(2, len(rows), len(rows))))
    np.fill_diagonal(weights, 0)
    return rows, weights, targets, random.normal(size=(width, 4))


class TestMajorize:
    @pytest.mark.parametrize("ridge", [0.0, 0.1, 5.0])
    @pytest.mark.parametrize("rank", [None, 3])
    @pytest.mark.parametrize("seed", range(3))
    def test_the_objective_never_rises(self, seed, rank, ridge):
        rows, weights, targets, start = random_scaling(seed, rank=rank)
        weights[np.random.default_rng(seed).random(weights.shape) < 0.3] = 0
        weights = np.minimum(weights, weights.T)
        _, objectives = majorize(rows, weights, targets, start, 0 * start, ridge, iterations=300, tolerance=0)
        assert np.all(np.diff(objectives) <= 1e-12 * objectives[0])
        assert objectives[-1] < 0.9 * objectives[0]
        assert objectives[0] >= stress(rows @ start, weights, targets) - 1e-9

    @pytest.mark.parametrize("ridge", [0.0, 0.3])
    def test_ends_where_the_gradient_is_zero(self, ridge):
        """By central differences of an objective written out here, against the gradient at the start."""
        rows, weights, targets, start = random_scaling(5)
        anchor = np.random.default_rng(6).normal(size=start.shape)
        matrix, objectives = majorize(
            rows, weights, targets, start, anchor, ridge, iterations=20000, tolerance=1e-15
        )
        laplacian = np.diag(weights.sum(axis=1)) - weights
        held = ridge * np.trace(rows.T @ laplacian @ rows) / rows.shape[1]

        def objective(candidate):
            return stress(rows @ candidate, weights, targets) + held * np.sum((candidate - anchor) ** 2)

        def slopes(at):
            steps = 1e-5 * np.eye(at.size).reshape(at.size, *at.shape)
            return np.array([(objective(at + step) - objective(at - step)) / 2e-5 for step in steps])

        assert objectives[-1] == pytest.approx(objective(matrix), rel=1e-12)
        assert np.max(np.abs(slopes(matrix))) < 1e-4 * np.max(np.abs(slopes(start)))

    def test_distances_that_a_map_can_give_are_given(self):
        rows, weights, _, truth = random_scaling(7)
        images = rows @ truth
        targets = np.linalg.norm(images[:, None] - images, axis=-1)
        start = truth + 0.2 * np.random.default_rng(8).normal(size=truth.shape)
        matrix, objectives = majorize(rows, weights, targets, start, start, iterations=5000, tolerance=0)
        assert objectives[-1] < 1e-10 * objectives[0]
        found = np.linalg.norm((rows @ matrix)[:, None] - rows @ matrix, axis=-1)
        assert np.max(np.abs(found - targets)) < 1e-4

    def test_what_the_rows_do_not_span_is_the_anchor(self):
        rows, weights, targets, start = random_scaling(9, rank=3)
        anchor = np.random.default_rng(10).normal(size=start.shape)
        basis = row_space(rows)
        assert basis.shape == (3, 7)
        matrix, _ = majorize(rows, weights, targets, start, anchor, 0.5)
        outside = np.eye(7) - basis.T @ basis
        assert np.max(np.abs(outside @ (matrix - anchor))) < 1e-12
        assert np.max(np.abs(matrix - anchor)) > 0.1

    def test_coinciding_rows_do_no_harm(self):
        rows, weights, targets, start = random_scaling(11)
        rows[1] = rows[0]
        matrix, objectives = majorize(rows, weights, targets, start, start, 0.1, tolerance=0)
        assert np.isfinite(matrix).all() and np.all(np.diff(objectives) <= 1e-12 * objectives[0])

    def test_stops_by_tolerance(self):
        _, objectives = majorize(*random_scaling(12), np.zeros((7, 4)), tolerance=0.01)
        gains = -np.diff(objectives) / objectives[:-1]
        assert len(objectives) < 100 and gains[-1] <= 0.01 and np.all(gains[:-1] > 0.01)


class TestTerms:
    def test_targets_are_the_counterparts_distances(self):
        """Ann at 0 and 2i, Bob at 3: Ann's mean is i. Hers and Bob's LR rows stand where these stand."""
        training = check_training_rows(
            [[0, 0], [0, 2], [3, 0]], ["ann", "ann", "bob"], [[9.0], [8.0]], ["bob", "ann"]
        )
        far, farther = np.sqrt(10), np.sqrt(13)
        distances = [
            [0, 2, 3, 3, 1],
            [2, 0, farther, farther, 1],
            [3, farther, 0, 0, far],
            [3, farther, 0, 0, far],
            [1, 1, far, far, 0],
        ]
        np.testing.assert_allclose(target_distances(training), distances, rtol=0, atol=1e-12)
        different = np.array([0, 0, 1, 1, 0])[:, None] != [0, 0, 1, 1, 0]
        separated = distances + 0.5 * different * (3 + far + farther) / 3
        np.testing.assert_allclose(target_distances(training, 0.5), separated, rtol=0, atol=1e-12)

    def test_neighbours_are_of_one_resolution(self):
        """HR rows at 0, 1, 3 and LR rows at 0, 10, 11: the third HR row's nearest is the second."""
        training = check_training_rows([[0.0], [1], [3]], [0, 1, 2], [[0.0], [10], [11]], [0, 1, 2])
        found = {tuple(pair) for pair in np.argwhere(neighbour_pairs(training, 1)).tolist() if pair[0] < pair[1]}
        assert found == {(0, 1), (1, 2), (3, 4), (4, 5)}
        assert neighbour_pairs(training, None).sum() == neighbour_pairs(training, 2).sum() == 12

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("centred", [True, False])
    def test_objective_is_the_documented_one(self, method, centred):
        """Without a ridge the last objective is the three means over the mapped rows."""
        problem = random_problem(1, lr_width=5)
        settings = {"balance": 0.3, "separation": 0.5, "consistency": 0.7, "neighbours": 2}
        taken = list(settings)[: {fit_mds: 1, fit_dmds: 2, fit_ldmds: 4}[method]]
        mapping = method(
            *problem,
            **{name: settings[name] for name in taken},
            one_map=False,
            centred=centred,
            ridge=0,
            iterations=7,
        )
        naive = naive_objective(problem, mapping, method, **settings)
        assert mapping.objectives[-1] == pytest.approx(naive, rel=1e-9)

    def test_terms_are_zero_where_nothing_counts(self):
        training = check_training_rows(*random_problem(2))
        terms = method_terms(training, 1.0, 0.0, 0.0, None)
        hr = training.of_hr
        assert not terms.weights[np.ix_(hr, hr)].any() and not terms.weights[np.ix_(~hr, ~hr)].any()
        assert terms.weights.sum() / 2 == pytest.approx(1.0, abs=1e-12)
        assert terms.constant == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
class TestMethods:
    @pytest.mark.parametrize("lr_width", [8, 5])
    def test_objective_never_rises(self, method, lr_width):
        for ridge, anchored in [(0, True), (1e-3, False), (2, True)]:
            problem = random_problem(3, lr_width=lr_width)
            mapping = method(
                *problem, one_map=lr_width == 8, ridge=ridge, anchored=anchored, tolerance=0, iterations=200
            )
            assert len(mapping.objectives) > 2
            assert np.all(np.diff(mapping.objectives) <= 1e-12 * mapping.objectives[0])

    def test_recovers_a_linear_degradation(self, method):
        """LR rows are HR rows turned at random, with noise. The people tested were not seen."""
        rates = turned_rates(method, one_map=False, ridge=0.01, anchored=False)
        assert rates["before"] < 0.15 and rates["after"] > 0.97

    def test_recovers_rows_of_another_width(self, method):
        rates = turned_rates(method, lr_width=26, one_map=False, ridge=0.01, anchored=False, dimensions=20)
        assert rates["after"] > 0.97
        # Held to its start, an LR map is the least squares from LR rows to their HR counterparts.
        assert turned_rates(method, lr_width=26, one_map=False, ridge=1e9)["after"] > 0.9

    def test_one_map_drops_what_low_resolution_loses(self, method):
        """Half of the axes carry the person, the other half a strong disturbance of LR rows alone."""
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
    def test_same_answer_twice_in_any_order_at_any_scale(self, method, one_map):
        hr, hr_people, lr, lr_people = random_problem(5)
        first = method(hr, hr_people, lr, lr_people, one_map=one_map)
        again = method(hr, hr_people, lr, lr_people, one_map=one_map)
        np.testing.assert_array_equal(first.hr, again.hr)
        np.testing.assert_array_equal(first.lr, again.lr)
        order = np.random.default_rng(0).permutation(len(lr))
        moved = method(hr[::-1], hr_people[::-1], lr[order], lr_people[order], one_map=one_map)
        scaled = method(1000 * hr, hr_people, 1000 * lr, lr_people, one_map=one_map)
        for other in (moved, scaled):
            assert np.max(np.abs(other.hr - first.hr)) < 1e-8
            assert np.max(np.abs(other.lr - first.lr)) < 1e-8

    def test_dimensions(self, method):
        problem = random_problem(6, hr_width=30, lr_width=30)
        mapping = method(*problem, dimensions=3)
        assert mapping.hr.shape == mapping.lr.shape == (30, 3)
        assert mapping.map_hr(problem[0]).shape == (7, 3) and mapping.map_lr(problem[2]).shape == (18, 3)
        assert method(*problem).hr.shape == (30, 30)
        # 7 HR rows and 18 LR rows span 23 dimensions once each mean is taken from them.
        assert method(*problem, dimensions=23).hr.shape == (30, 23)
        with pytest.raises(
            ValueError, match="dimensions: expected 1 to 23, the rank of the training rows, .* got 24"
        ):
            method(*problem, dimensions=24)

    def test_rows_of_two_widths(self, method):
        problem = random_problem(7, hr_width=8, lr_width=5)
        mapping = method(*problem, one_map=False)
        assert mapping.hr.shape == (8, 8) and mapping.lr.shape == (5, 8)
        assert method(*problem, one_map=False, dimensions=2).lr.shape == (5, 2)
        with pytest.raises(ValueError, match="one_map: expected HR and LR rows of one width, got 8 and 5"):
            method(*problem)

    def test_anchored_maps_stay_where_held(self, method):
        """A ridge without end leaves the embeddings as they are, or draws them to nothing."""
        problem = random_problem(8)
        assert np.max(np.abs(method(*problem, ridge=1e9).hr - np.eye(8))) < 1e-6
        assert np.max(np.abs(method(*problem, ridge=1e9, anchored=False).hr)) < 1e-6

    def test_people_without_lr_rows_and_single_rows(self, method):
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
    def test_each_is_the_next_with_its_addition_off(self):
        problem = random_problem(14)
        mds, dmds, ldmds = (method(*problem) for method in METHODS)
        np.testing.assert_array_equal(fit_dmds(*problem, separation=0.0).hr, mds.hr)
        np.testing.assert_array_equal(fit_ldmds(*problem, consistency=0.0).hr, dmds.hr)
        assert np.max(np.abs(mds.hr - dmds.hr)) > 1e-3 and np.max(np.abs(ldmds.hr - dmds.hr)) > 1e-3
        assert np.max(np.abs(fit_ldmds(*problem, neighbours=None).hr - ldmds.hr)) > 1e-4

    def test_separation_is_more_than_a_scale(self):
        """Of one HR row a person, and no anchor, where multiplied distances would only multiply the map."""
        hr, hr_people, lr, lr_people = random_problem(19)
        problem = hr[:6], hr_people[:6], lr, lr_people
        loose = {"ridge": 0.01, "anchored": False, "tolerance": 0.0, "iterations": 1000}
        one, other = fit_mds(*problem, **loose).hr, fit_dmds(*problem, separation=0.5, **loose).hr
        cosine = np.sum(one * other) / np.linalg.norm(one) / np.linalg.norm(other)
        assert cosine < 0.999

    def test_separation_parts_people(self):
        problem = random_problem(15)
        spreads = []
        for separation in (0.0, 1.0):
            mapping = fit_dmds(*problem, separation=separation, ridge=0.01)
            similarity = mapping.similarity(problem[2], problem[0])
            spreads.append(-similarity[problem[3][:, None] != problem[1]].mean())
        assert spreads[1] > 1.5 * spreads[0]

    def test_classes_draw_one_person_together(self):
        problem = random_problem(16)
        ratios = []
        for balance in (1.0, 0.2):
            mapping = fit_mds(*problem, balance=balance, ridge=0.1)
            similarity = mapping.similarity(problem[2], problem[0])
            same = problem[3][:, None] == problem[1]
            ratios.append(similarity[same].mean() / similarity[~same].mean())
        assert ratios[1] < 0.9 * ratios[0]


class TestMapping:
    def test_maps_and_similarity(self):
        hr, _, lr, _ = problem = random_problem(17, lr_width=5)
        mapping = fit_dmds(*problem, one_map=False)
        mapped = mapping.map_hr(hr), mapping.map_lr(lr)
        np.testing.assert_allclose(mapped[0], (hr - hr.mean(axis=0)) @ mapping.hr, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mapped[1], (lr - lr.mean(axis=0)) @ mapping.lr, rtol=0, atol=1e-12)
        similarity = mapping.similarity(lr, hr)
        assert similarity.shape == (18, 7)
        assert similarity[4, 2] == pytest.approx(-naive_distance(mapped[1][4], mapped[0][2]), abs=1e-9)
        cosine = mapping.similarity(lr, hr, cosine=True)[4, 2]
        lengths = np.linalg.norm(mapped[1][4]) * np.linalg.norm(mapped[0][2])
        assert cosine == pytest.approx(np.sum(mapped[1][4] * mapped[0][2]) / lengths, abs=1e-12)
        assert not mapping.similarity(mapping.lr_mean[None], hr, cosine=True).any()
        uncentred = fit_mds(*problem, one_map=False, centred=False)
        assert not uncentred.hr_mean.any() and not uncentred.lr_mean.any()

    def test_bad_rows(self):
        mapping = fit_mds(*random_problem(18, lr_width=5), one_map=False)
        with pytest.raises(
            ValueError, match=r"rows: expected \(rows, 8\) numbers, .* got float64 of shape \(2, 5\)"
        ):
            mapping.map_hr(np.ones((2, 5)))
        with pytest.raises(ValueError, match=r"rows: expected \(rows, 5\) numbers"):
            mapping.map_lr(np.ones(5))
        with pytest.raises(ValueError, match="rows: expected finite numbers, got nan in row 1, column 0"):
            mapping.map_lr([[0] * 5, [np.nan] * 5])


class TestBadInput:
    HR, LR = np.eye(3), np.eye(3)[[0, 0, 1]]

    @pytest.mark.parametrize(
        ("hr", "hr_people", "lr", "lr_people", "message"),
        [
            (HR, "abc", LR, ["a", "a", "b"], r"hr_people: expected one person a row, 3, got shape \(\)"),
            (HR, [0, 1, 2], LR, [0, 1], r"lr_people: expected one person a row, 3, got shape \(2,\)"),
            (HR, [5, 5, 5], LR, [5, 5, 5], "hr_people: expected at least two people, got 1"),
            (HR, [0, 1, 2], LR, [0, 1, 7], "lr_people: expected people among hr_people, got 7 in row 2"),
            (
                HR,
                [0, 1, 2],
                LR,
                ["0", "1", "2"],
                "lr_people: expected people as hr_people has them, int64, got <U1",
            ),
            (np.ones((3, 3)), [0, 1, 2], LR, [0, 1, 2], "hr: expected rows that differ from person to person"),
            (HR[:0], [], LR, [0, 1, 2], r"hr: expected \(rows, E\) numbers, at least one row"),
            (HR, [0, 1, 2], LR[:0], [], r"lr: .* got float64 of shape \(0, 3\)"),
            (HR[0], [0, 1, 2], LR, [0, 1, 2], r"hr: .* of shape \(3,\)"),
            (HR, [0, 1, 2], np.full((3, 3), np.inf), [0, 1, 2], "lr: expected finite numbers, got inf in row 0"),
            (HR.astype(str), [0, 1, 2], LR, [0, 1, 2], "hr: expected .* numbers, .* got <U32"),
        ],
    )
    def test_rows_and_people(self, hr, hr_people, lr, lr_people, message):
        with pytest.raises(ValueError, match=message):
            fit_mds(hr, hr_people, lr, lr_people)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"balance": 0}, "balance: expected a number above 0 and up to 1, got 0"),
            ({"balance": 1.1}, "got 1.1"),
            ({"separation": -0.5}, "separation: expected a finite number from 0, got -0.5"),
            ({"separation": np.inf}, "separation: .* got inf"),
            ({"consistency": -1}, "consistency: expected a finite number from 0, got -1"),
            ({"neighbours": 0}, "neighbours: expected at least 1, or None, got 0"),
            ({"dimensions": 0}, "dimensions: expected a whole number from 1, or None, got 0"),
            ({"dimensions": 2.0}, "dimensions: .* got 2.0"),
            ({"iterations": 0}, "iterations: expected a whole number from 1, got 0"),
            ({"ridge": np.nan}, "ridge: expected a finite number from 0, got nan"),
            ({"tolerance": -1e-3}, "tolerance: expected a finite number from 0, got -0.001"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            fit_ldmds(self.HR, [0, 1, 2], self.LR, [0, 1, 2], **options)

    def test_unknown_option(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'momentum'"):
            fit_mds(self.HR, [0, 1, 2], self.LR, [0, 1, 2], momentum=1)

    def test_lr_rows_all_alike_cannot_start_a_map_of_another_width(self):
        with pytest.raises(ValueError, match="lr: expected rows that differ"):
            fit_mds(self.HR, [0, 1, 2], np.ones((2, 4)), [0, 1], one_map=False)
