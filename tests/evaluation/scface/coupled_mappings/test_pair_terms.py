"""The terms of the objectives, compared with means computed pair by pair."""

import itertools

import numpy as np
import pytest

from cshml_tf.evaluation.scface.coupled_mappings import fit_dmds, fit_ldmds, fit_mds
from cshml_tf.evaluation.scface.coupled_mappings.methods import method_terms
from cshml_tf.evaluation.scface.coupled_mappings.pair_terms import neighbour_pairs, target_distances
from cshml_tf.evaluation.scface.coupled_mappings.training_rows import check_training_rows


def naive_distance(one, other):
    return float(np.sqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True))))


def naive_objective(problem, mapping, method, balance, separation, consistency, neighbours):
    """Compute the three means of the docstrings pair by pair."""
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
    """Return whether j is among the rows nearest to i in the same resolution."""
    others = [other for other in range(len(own)) if other != i and (other < hr_rows) == (i < hr_rows)]
    others.sort(key=lambda other: naive_distance(own[i], own[other]))
    return j in others[:neighbours]


class TestTerms:
    def test_targets_are_the_counterparts_distances(self):
        """Ann at 0 and 2i, Bob at 3: Ann's mean is i. The LR rows take the places of i and 3."""
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

    @pytest.mark.parametrize("method", [fit_mds, fit_dmds, fit_ldmds])
    @pytest.mark.parametrize("centred", [True, False])
    def test_objective_is_the_documented_one(self, method, centred, random_problem):
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

    def test_terms_are_zero_where_nothing_counts(self, random_problem):
        training = check_training_rows(*random_problem(2))
        terms = method_terms(training, 1.0, 0.0, 0.0, None)
        hr = training.of_hr
        assert not terms.weights[np.ix_(hr, hr)].any() and not terms.weights[np.ix_(~hr, ~hr)].any()
        assert terms.weights.sum() / 2 == pytest.approx(1.0, abs=1e-12)
        assert terms.constant == pytest.approx(0.0, abs=1e-12)
