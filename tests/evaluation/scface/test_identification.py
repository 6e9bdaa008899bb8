"""Rank rates by distance, with missing images in the denominator."""

import numpy as np
import pytest

from cshml_tf.data.scface import PEOPLE
from cshml_tf.evaluation.scface.identification import Embedded, match_curve


def faces(people, dimensions=200):
    """Each person along an axis of their own."""
    people = np.asarray(people)
    return Embedded(people, np.eye(dimensions)[people])


def test_a_perfect_embedding_finds_all_people():
    curve = match_curve(faces(PEOPLE), faces(np.repeat(PEOPLE, 5)), PEOPLE)
    assert curve.tolist() == [1.0] * 10


def test_a_random_embedding_scores_chance():
    """Of 130 people the chance of rank 1 is 1/130, of rank 10 ten times that; three deviations of 650 probes."""
    random = np.random.default_rng(0)
    gallery = Embedded(np.array(PEOPLE), random.normal(size=(130, 64)))
    probes = Embedded(np.repeat(PEOPLE, 5), random.normal(size=(650, 64)))
    curve = match_curve(gallery, probes, PEOPLE)
    assert abs(curve[0] - 1 / 130) < 3 * np.sqrt(1 / 130 / 650)
    assert abs(curve[9] - 10 / 130) < 3 * np.sqrt(10 / 130 / 650)


def test_only_the_people_tested_are_in_gallery_and_probes():
    """Persons 3 and 4 look like 1 and 2: with them in the gallery these would not be found."""
    embeddings = np.eye(2)[[0, 1, 0, 1]]
    gallery = Embedded(np.array([1, 2, 3, 4]), embeddings)
    probes = Embedded(np.repeat([1, 2, 3, 4], 5), np.repeat(embeddings, 5, axis=0))
    assert match_curve(gallery, probes, [1, 2]).tolist() == [1] * 10
    assert match_curve(gallery, probes, [1, 2, 3, 4])[0] == 0


def test_missing_images_count_as_not_identified():
    people = [1, 2]
    probes = np.repeat(people, 5)
    assert match_curve(faces(people), faces(probes[:-3]), people)[0] == 0.7
    assert match_curve(faces([1]), faces(probes), people)[0] == 0.5
    with pytest.raises(ValueError, match="expected mugshots and probes of 2 people, got 2 and 0"):
        match_curve(faces(people), faces([7]), people)


def test_every_curve_has_ten_ranks():
    """With two mugshots, whoever is not first is second."""
    gallery, probes = faces([1, 2]), Embedded(np.repeat([1, 2], 5), np.eye(200)[[1] * 9 + [2]])
    assert match_curve(gallery, probes, [1, 2]).tolist() == [0.6] + [1] * 9


def test_a_similarity_of_ones_own():
    people = [1, 2]
    gallery, probes = faces(people), faces(np.repeat(people, 5))
    assert match_curve(gallery, probes, people, lambda lr, hr: -lr @ hr.T)[0] == 0
