"""The fit: the likelihood against brute force, planted covariances found, and the joint Bayesian special case."""

import numpy as np
import pytest
from planted_people import draw, planted
from scipy.linalg import block_diag
from scipy.stats import multivariate_normal

from cshml_tf.metrics.joint_bayesian import HR, LR, Covariances, Fit, fit_joint_bayesian
from cshml_tf.metrics.joint_bayesian.maximisation import maximise
from cshml_tf.metrics.joint_bayesian.person_sums import person_sums


def start_of(width, one_mean):
    return Covariances(np.eye(width if one_mean else 2 * width), np.stack([np.eye(width)] * 2))


def brute_force(model, hr, hr_people, lr, lr_people, weights):
    """The weighted mean of each person's log-density: all features of the person as one Gaussian vector."""
    total = 0.0
    for person, weight in enumerate(weights):
        rows = [hr[hr_people == person], lr[lr_people == person]]
        kinds = [kind for kind in (HR, LR) for _ in rows[kind]]
        if kinds:
            joint = np.block([[model.of_means(a, b) for b in kinds] for a in kinds])
            joint = joint + block_diag(*(model.noises[kind] for kind in kinds))
            total += weight * multivariate_normal(np.zeros(len(joint)), joint).logpdf(np.concatenate(rows).ravel())
    return total / weights.sum()


@pytest.mark.parametrize("one_mean", [False, True])
def test_the_objective_is_the_log_likelihood(one_mean):
    """At the start and after one step; people have unequal weights, and some lack features of a kind."""
    random = np.random.default_rng(0)
    rows = draw(random, planted(random, 2, one_mean), 30, 3)
    weights = random.uniform(0.5, 2.0, 30)
    statistics = person_sums((rows[0], rows[2]), (rows[1], rows[3]), weights)
    start = start_of(2, one_mean)
    once, objectives = maximise(statistics, start, iterations=1, tolerance=0)
    assert objectives[0] == pytest.approx(brute_force(start, *rows, weights), abs=1e-9)
    assert objectives[1] == pytest.approx(brute_force(once, *rows, weights), abs=1e-9)
    assert objectives[1] > objectives[0] + 0.01


@pytest.mark.parametrize("one_mean", [False, True])
@pytest.mark.parametrize("one_noise", [False, True])
@pytest.mark.parametrize("ridges", [(0.0, 0.0), (0.5, 0.5), (0.05, 0.7)])
def test_the_objective_never_falls(one_mean, one_noise, ridges):
    """From a start far off, for 60 iterations or to the end; with ridges, the objective contains their prior."""
    random = np.random.default_rng(1)
    hr, hr_people, lr, lr_people = draw(random, planted(random, 4, one_mean, one_noise), 60, 4)
    statistics = person_sums((hr, lr), (hr_people, lr_people), np.ones(60))
    far = Covariances(start_of(4, one_mean).people * 50, np.stack([np.eye(4) * 0.05] * 2))
    found, objectives = maximise(statistics, far, ridges, one_noise, iterations=60, tolerance=0)
    assert len(objectives) > 10
    assert np.diff(objectives).min() > -1e-9 * np.abs(objectives).max()
    assert objectives[-1] > objectives[0] + 1
    assert (np.abs(found.noises[0] - found.noises[1]).max() < 1e-12) == one_noise
    assert np.linalg.eigvalsh(found.people)[0] >= ridges[0]
    assert np.linalg.eigvalsh(found.noises).min() >= ridges[1]


@pytest.mark.parametrize("one_mean", [False, True])
def test_planted_covariances_are_found(one_mean):
    """8,000 people with up to 4 features of each kind: within 5 % of the largest entry."""
    random = np.random.default_rng(0)
    model = planted(random, 3, one_mean)
    hr, hr_people, lr, lr_people = draw(random, model, 8000, 4)
    fit = Fit(ridge=0, one_mean=one_mean, iterations=300, tolerance=1e-7)
    classifier, _ = fit_joint_bayesian(hr + [5.0, 0, -1], hr_people, lr - 2.0, lr_people, fit)
    basis, found = classifier.basis, classifier.covariances
    both = basis if one_mean else block_diag(basis, basis)
    people = both @ found.people @ both.T
    assert np.abs(people - model.people).max() < 0.05 * np.abs(model.people).max()
    for kind in (HR, LR):
        noise = basis @ found.noises[kind] @ basis.T
        assert np.abs(noise - model.noises[kind]).max() < 0.05 * np.abs(model.noises[kind]).max()
    assert np.abs(classifier.means - [[5.0, 0, -1], [-2, -2, -2]]).max() < 0.1


def joint_bayesian(rows, people, steps):
    """The classic fit of one kind of features, person by person: S_mu and S_e after some steps."""
    width = rows.shape[1]
    means, noise = np.eye(width), np.eye(width)
    for _ in range(steps):
        new_means, new_noise = np.zeros((2, width, width))
        for person in np.unique(people):
            own = rows[people == person]
            gain = means @ np.linalg.inv(means + noise / len(own))
            centre, spread = gain @ own.mean(axis=0), means - gain @ means
            new_means += np.outer(centre, centre) + spread
            new_noise += (own - centre).T @ (own - centre) + len(own) * spread
        means, noise = new_means / len(np.unique(people)), new_noise / len(rows)
    return means, noise


def test_with_one_mean_and_one_noise_it_is_joint_bayesian():
    """Then it makes no difference which kind a feature is said to be."""
    random = np.random.default_rng(2)
    rows, people, *_ = draw(random, planted(random, 3, True, True), 40, 5)
    expected = joint_bayesian(rows, people, 10)
    is_hr = random.random(len(rows)) < 0.4
    numbers = np.unique(people, return_inverse=True)[1]
    parts = [(rows[chosen], numbers[chosen]) for chosen in (is_hr, ~is_hr)]
    statistics = person_sums(*zip(*parts, strict=True), np.ones(numbers.max() + 1))
    found, _ = maximise(statistics, start_of(3, True), one_noise=True, iterations=10, tolerance=0)
    np.testing.assert_allclose(found.people, expected[0], atol=1e-9)
    np.testing.assert_allclose(found.noises, [expected[1]] * 2, atol=1e-9)


def test_a_weight_of_two_is_the_person_twice():
    random = np.random.default_rng(5)
    hr, hr_people, lr, lr_people = draw(random, planted(random, 2), 25, 3)
    twice = [np.concatenate([people, people[people < 10] + 100]) for people in (hr_people, lr_people)]
    again = np.concatenate([hr, hr[hr_people < 10]]), np.concatenate([lr, lr[lr_people < 10]])
    weighted, objectives = fit_joint_bayesian(hr, hr_people, lr, lr_people, weights=dict.fromkeys(range(10), 2.0))
    repeated, others = fit_joint_bayesian(again[0], twice[0], again[1], twice[1])
    np.testing.assert_allclose(weighted.means, repeated.means, atol=1e-12)
    probes, gallery = random.normal(size=(2, 5, 2))
    np.testing.assert_allclose(
        weighted.similarity(probes, gallery), repeated.similarity(probes, gallery), atol=1e-9
    )
    np.testing.assert_allclose(objectives, others, atol=1e-9)


def test_only_the_largest_directions_are_kept():
    """Features along the first two of six axes, and noise a thousand times smaller along the rest."""
    random = np.random.default_rng(6)
    scale = np.array([1, 1, 1e-3, 1e-3, 1e-3, 1e-3])
    people = np.repeat(np.arange(50), 2)
    hr, lr = random.normal(size=(2, 100, 6)) * scale
    classifier, _ = fit_joint_bayesian(hr, people, lr, people, Fit(dimensions=2))
    assert classifier.basis.shape == (6, 2)
    assert np.abs(classifier.basis[2:]).max() < 0.01
    np.testing.assert_allclose(classifier.basis.T @ classifier.basis, np.eye(2), atol=1e-12)


def test_the_noises_may_have_a_ridge_of_their_own():
    """A share of the mean variance; without one, that of the means."""
    random = np.random.default_rng(3)
    rows = draw(random, planted(random, 3), 40, 4)
    fitted = {
        ridges: fit_joint_bayesian(*rows, Fit(ridge=ridges[0], noise_ridge=ridges[1], iterations=40, tolerance=0))[
            0
        ]
        for ridges in ((0.02, None), (0.02, 0.02), (0.02, 0.9))
    }
    same, again, other = (classifier.covariances for classifier in fitted.values())
    np.testing.assert_array_equal(same.noises, again.noises)
    np.testing.assert_array_equal(same.people, again.people)
    variance = np.mean([np.var(rows[kind], axis=0).mean() for kind in (0, 2)])
    assert np.linalg.eigvalsh(other.noises).min() > 0.9 * variance > np.linalg.eigvalsh(same.noises).min()
    assert np.linalg.eigvalsh(other.people)[0] < 0.5 * variance


def test_bad_input_is_refused():
    rows, people = np.random.default_rng(0).normal(size=(6, 3)), np.repeat(["a", "b", "c"], 2)
    for arguments, words in [
        ((rows, people, rows[:, :2], people), "lr: expected rows of the width of hr, 3, got 2"),
        ((rows, people[:5], rows, people), "hr_people: expected one person per row, 6"),
        ((rows, people, rows, np.arange(6)), "lr_people: expected the type of hr_people"),
        (
            (rows, people, rows, np.repeat(["a", "x", "y"], 2)),
            "at least two people with rows of both kinds, got 1",
        ),
        ((rows, people, rows * np.nan, people), "lr: expected finite numbers"),
        ((rows, people, rows, people, Fit(dimensions=4)), "dimensions: expected 1 to 3"),
        ((rows, people, rows, people, None, {"a": 0.0}), "weights: expected finite numbers above 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            fit_joint_bayesian(*arguments)
    wrong = {"dimensions": 0, "iterations": 0, "ridge": -1.0, "noise_ridge": np.nan, "tolerance": np.inf}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=f"{name}: expected"):
            Fit(**{name: value})


def test_a_covariance_without_an_inverse_is_refused():
    """People of whom one direction has no variance, and no ridge to give it some."""
    statistics = person_sums((np.ones((2, 2)),) * 2, (np.arange(2),) * 2, np.ones(2))
    flat = Covariances(np.diag([1.0, 0.0]), np.stack([np.eye(2)] * 2))
    with pytest.raises(
        ValueError, match="ridge: expected ones that keep covariances positive definite, got 0 for"
    ):
        maximise(statistics, flat)
