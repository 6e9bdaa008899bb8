"""The score against brute force: SciPy's density of a whole pair, for one person and for two."""

import numpy as np
import pytest
from planted_people import planted
from scipy.stats import multivariate_normal

from cshml_tf.metrics.joint_bayesian import HR, LR, Covariances, JointBayesian


def classifier_of(model, random, width):
    """Embeddings of `width` numbers, of which the model sees some directions around two means."""
    basis, _ = np.linalg.qr(random.normal(size=(width, model.width)))
    return JointBayesian(random.normal(size=(2, width)), basis, model)


def density(row, covariance):
    return multivariate_normal(np.zeros(len(row)), covariance).logpdf(row)


@pytest.mark.parametrize("one_mean", [False, True])
@pytest.mark.parametrize("kinds", [(HR, LR), (LR, HR), (HR, HR), (LR, LR)])
def test_it_is_the_difference_of_two_log_densities(one_mean, kinds):
    random = np.random.default_rng(3)
    model = planted(random, 4, one_mean)
    classifier = classifier_of(model, random, 7)
    first, second = random.normal(size=(2, 20, 7)) * 2
    # The means of both kinds in one vector, and the covariance of a pair written out block by block.
    people = np.tile(model.people, (2, 2)) if one_mean else model.people
    blocks = [slice(4 * kind, 4 * kind + 4) for kind in kinds]
    same = np.block([[people[a, b] for b in blocks] for a in blocks])
    for side, kind in enumerate(kinds):
        same[4 * side : 4 * side + 4, 4 * side : 4 * side + 4] += model.noises[kind]
    two_people = same.copy()
    two_people[:4, 4:] = two_people[4:, :4] = 0
    scores = classifier.score_pairs(first, second, kinds)
    for left, right, score in zip(first, second, scores, strict=True):
        pair = [(left - classifier.means[kinds[0]]), (right - classifier.means[kinds[1]])]
        row = np.concatenate([side @ classifier.basis for side in pair])
        assert score == pytest.approx(density(row, same) - density(row, two_people), abs=1e-6)


def test_probes_against_a_gallery_are_its_pairs():
    random = np.random.default_rng(4)
    classifier = classifier_of(planted(random, 3), random, 5)
    probes, gallery = random.normal(size=(6, 5)), random.normal(size=(4, 5))
    expected = [[classifier.score_pairs([face], [probe])[0] for face in gallery] for probe in probes]
    np.testing.assert_allclose(classifier.similarity(probes, gallery), expected, atol=1e-9)


def test_one_person_scores_higher_by_a_correlation_of_one_number():
    """Var x = Var y = 2 and Cov = 1: r = log(2 / sqrt 3) + (-x^2 - y^2 + 4 x y) / 12, by hand."""
    model = Covariances(np.ones((1, 1)), np.ones((2, 1, 1)))
    classifier = JointBayesian(np.zeros((2, 1)), np.eye(1), model)
    for x, y in ((1.0, 1.0), (1.0, -1.0), (0.0, 3.0)):
        expected = np.log(2 / np.sqrt(3)) + (-x * x - y * y + 4 * x * y) / 12
        assert classifier.score_pairs([[x]], [[y]])[0] == pytest.approx(expected, abs=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"covariances: expected people \(2 d, 2 d\) or \(d, d\)"):
        Covariances(np.eye(3), np.stack([np.eye(2)] * 2))
    model = Covariances(np.eye(4), np.stack([np.eye(2)] * 2))
    with pytest.raises(ValueError, match=r"expected means \(2, E\), a basis \(E, d\)"):
        JointBayesian(np.zeros((2, 5)), np.eye(5), model)
    classifier = JointBayesian(np.zeros((2, 3)), np.eye(3, 2), model)
    with pytest.raises(ValueError, match=r"rows: expected \(rows, 3\) numbers"):
        classifier.similarity(np.zeros((2, 4)), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("people", "noise", "words"),
    [
        (np.diag([1.0, -1.0]), np.eye(1), "people: expected a positive definite matrix"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), np.eye(1), "people: expected a symmetric matrix"),
        (np.eye(2), np.full((1, 1), np.nan), "the noise of HR: expected a symmetric matrix of finite numbers"),
    ],
)
def test_what_is_no_covariance_is_refused(people, noise, words):
    with pytest.raises(ValueError, match=words):
        Covariances(people, np.stack([noise, noise])).check()
