"""RICNN's rows and the joint Bayesian classifier's: who is learned from, in what shares, and who is tested."""

from pathlib import Path

import numpy as np
import pytest

from cshml_tf.data.packed.source import PackedSource
from cshml_tf.data.scface import DISTANCES, PEOPLE, split_people
from cshml_tf.degradation.degrade import degrade
from cshml_tf.evaluation.scface import experiment, mixture
from cshml_tf.evaluation.scface.experiment import ScfaceExperiment
from cshml_tf.evaluation.scface.faces import AlignedFaces
from cshml_tf.evaluation.scface.identification import Embedded
from cshml_tf.evaluation.scface.mixture import GeneralEmbeddings, GeneralFaces, embed_general, fit_mixture
from cshml_tf.evaluation.scface.networks import Served
from cshml_tf.metrics.joint_bayesian import Fit, fit_joint_bayesian

SIZE = (8, 8)
PROBES_OF = np.repeat(PEOPLE, 5)


class PixelNetwork:
    """Embed the mean colours of four columns, times a factor for each."""

    def __init__(self, *factors):
        self.factors = np.repeat(factors or [1.0] * 4, 3)

    def predict_on_batch(self, pixels):
        columns = np.asarray(pixels, np.float64).mean(axis=1).reshape(len(pixels), 4, 2, 3).mean(axis=2)
        return columns.reshape(len(pixels), 12) * self.factors - 100.0


def pictures(random, count):
    return random.integers(0, 256, (count, *SIZE, 3)).astype(np.uint8)


def general_faces(people=20, resolutions=None):
    random = np.random.default_rng(5)
    pixels = np.clip(pictures(random, people).repeat(2, 0) + random.normal(0, 20, (2 * people, *SIZE, 3)), 0, 255)
    labels = np.repeat(np.arange(people), 2).astype(np.int32)
    names = [str(number) for number in range(len(labels))]
    rows = np.arange(len(labels))
    source = PackedSource(
        labels, [f"G{each}" for each in range(people)], names, "g", pixels.astype(np.uint8), rows
    )
    resolutions = resolutions or {1: 4, 2: None, 3: None}
    return GeneralFaces(source, resolutions, dict.fromkeys(DISTANCES, "antialias"))


def experiment_of(ricnn=None, general=None, noise=30.0):
    random = np.random.default_rng(0)
    of_person = pictures(random, len(PEOPLE))

    def noisy(people):
        seen = of_person[np.asarray(people) - 1] + random.normal(0, noise, (len(people), *SIZE, 3))
        return AlignedFaces([], np.asarray(people), np.clip(seen, 0, 255).astype(np.uint8), {})

    probes = {distance: noisy(PROBES_OF) for distance in DISTANCES}
    served = {distance: Served(Path("hr"), HR, True, "antialias") for distance in DISTANCES}
    return ScfaceExperiment(noisy(PEOPLE), probes, None, HR, served, ricnn=ricnn, general=general)


HR = PixelNetwork()


def test_without_networks_or_faces_for_them_there_are_no_such_rows():
    made = experiment_of()
    methods = [row.method for row in (*made.all_people(), *made.split([1]))]
    assert methods == [experiment.HR_ALONE] * 2


def test_ricnn_embeds_mugshots_and_probes_itself():
    """A network that is HR's twin scores as HR does; one that sees nothing of the person scores chance."""
    twin, blind = experiment_of(PixelNetwork()), experiment_of(PixelNetwork(0.0, 0.0, 0.0, 1e-9))
    alone, same = twin.all_people()
    assert (same.method, same.people) == ("RICNN", 130)
    assert all(np.array_equal(alone.curves[each], same.curves[each]) for each in DISTANCES)
    assert [row.method for row in twin.split([1, 2])] == [experiment.HR_ALONE, "RICNN"]
    assert [row.people for row in twin.split([1])] == [80, 80]
    _, lost = blind.all_people()
    assert max(lost.curves[distance][0][0] for distance in DISTANCES) < 0.1 < alone.curves[1][0][0]


def test_the_classifier_sees_only_the_50_people_and_the_general_faces(monkeypatch):
    calls = []

    def recorded(mugshots, probes, general, distance, fit):
        calls.append((mugshots.people.tolist(), probes.people.tolist(), general, distance, fit))
        return fit_mixture(mugshots, probes, general, distance, fit)

    monkeypatch.setattr(experiment, "fit_mixture", recorded)
    made, fit = experiment_of(PixelNetwork(1, 1, 1, 0.5), general_faces()), Fit(ridge=0.2)
    rows = list(made.split([4, 5], fit=fit))
    assert [row.method for row in rows[-2:]] == ["HJB on the embeddings", "RIDN-HJB"]
    assert [row.people for row in rows[-2:]] == [80, 80]
    assert len(calls) == 2 * 3 * 2
    learned = {seed: split_people(PEOPLE, seed=seed)[0] for seed in (4, 5)}
    for call, (distance, seed) in zip(calls[:6], [(d, s) for d in DISTANCES for s in (4, 5)], strict=True):
        assert call[0] == learned[seed] and call[1] == np.repeat(learned[seed], 5).tolist()
        assert (call[3], call[4]) == (distance, fit)
    assert calls[0][2] is not calls[6][2], "RICNN embeds the general faces itself"


def test_it_knows_that_a_direction_is_noise():
    """The second half of each embedding is drawn anew for every image: cosine suffers, the classifier does not."""
    random = np.random.default_rng(3)

    def images_of(people):
        means = np.random.default_rng(9).normal(size=(400, 4))[people]
        return np.hstack([means + random.normal(0, 0.1, means.shape), random.normal(0, 2, means.shape)])

    learned, others, tested = np.arange(1, 51), np.arange(200, 300).repeat(2), np.arange(51, 131)
    general = GeneralEmbeddings(others, images_of(others), {1: images_of(others)})
    probes_of = learned.repeat(5)
    own = Embedded(learned, images_of(learned)), Embedded(probes_of, images_of(probes_of))
    classifier = fit_mixture(*own, general, 1, Fit())
    gallery, probes = images_of(tested), images_of(tested)
    by_ratio = np.mean(classifier.similarity(probes, gallery).argmax(axis=1) == np.arange(80))
    by_cosine = np.mean((probes @ gallery.T).argmax(axis=1) == np.arange(80))
    assert by_ratio > 0.8 and by_cosine < 0.3


def test_both_parts_of_the_mixture_have_the_same_weight(monkeypatch):
    """10 people of SCface and 40 others: each of the others counts a quarter."""
    seen = {}

    def recorded(hr, hr_people, lr, lr_people, fit, weights):
        seen.update(weights=weights, people=sorted(set(hr_people.tolist())))
        return fit_joint_bayesian(hr, hr_people, lr, lr_people, fit, weights)

    monkeypatch.setattr(mixture, "fit_joint_bayesian", recorded)
    random = np.random.default_rng(1)
    others = np.arange(131, 171)
    general = GeneralEmbeddings(others, random.normal(size=(40, 3)), {2: random.normal(size=(40, 3))})
    own = Embedded(np.arange(1, 11), random.normal(size=(10, 3)))
    fit_mixture(own, own, general, 2, Fit())
    assert seen["weights"] == dict.fromkeys(others.tolist(), 0.25)
    assert seen["people"] == [*range(1, 11), *others]


def test_general_faces_are_made_to_look_like_the_probes():
    """At distance 1 they are reduced to 4 x 4 and enlarged; the others are left as they are, and embedded once."""
    faces, lr = general_faces(), PixelNetwork(1, 2, 3, 4)
    found = embed_general(faces, SIZE, HR, {1: lr, 2: lr, 3: HR})
    pixels = np.stack(faces.source.images)

    def unit(network, shown):
        embedded = network.predict_on_batch(shown)
        return embedded / np.linalg.norm(embedded, axis=1, keepdims=True)

    np.testing.assert_allclose(found.hr, unit(HR, pixels), atol=1e-5)
    np.testing.assert_allclose(found.lr[1], unit(lr, degrade(pixels, 4)), atol=1e-5)
    np.testing.assert_allclose(found.lr[2], unit(lr, pixels), atol=1e-5)
    assert found.lr[3] is found.hr
    assert not set(found.people.tolist()) & set(PEOPLE)
    assert np.array_equal(np.unique(found.people, return_counts=True)[1], [2] * 20)


def test_a_general_face_of_another_size_is_refused():
    with pytest.raises(ValueError, match="expected an aligned face of 9 x 8"):
        embed_general(general_faces(), (9, 8), HR, dict.fromkeys(DISTANCES, HR))
