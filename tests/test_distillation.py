"""The terms of later work compared with loops over the examples, and what their gradients must not do."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from cshml_tf import distillation

FACES, SIZE = 6, 5
LABELS = np.array([0, 0, 1, 2, 1, -1])


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(3)
    return rng.normal(size=(FACES, SIZE)).astype(np.float32), rng.normal(size=(FACES, SIZE)).astype(np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def softmax_loss(positive, logits):
    return math.log(sum(math.exp(value) for value in logits)) - positive


def test_the_bank_contrast_is_the_cross_entropy_of_the_own_face(embeddings):
    hr, lr = embeddings
    bank = np.random.default_rng(4).normal(size=(9, SIZE)).astype(np.float32)
    excluded = np.random.default_rng(5).random((FACES, 9)) < 0.4
    found = array(distillation.bank_contrast(hr, lr, bank, excluded, 0.2))
    for row in range(FACES):
        own = unit(lr)[row] @ unit(hr)[row] / 0.2
        others = [unit(lr)[row] @ unit(bank)[j] / 0.2 for j in range(9) if not excluded[row, j]]
        assert math.isclose(found[row], softmax_loss(own, [own, *others]), rel_tol=1e-4)
    nothing = distillation.bank_contrast(hr, lr, bank, np.ones((FACES, 9), bool), 0.2)
    assert np.allclose(array(nothing), 0, atol=1e-5)


def test_the_low_contrast_averages_over_the_other_faces_of_the_person(embeddings):
    lr = embeddings[1]
    values, counted = map(array, distillation.low_contrast(lr, LABELS, 0.5))
    cosines = unit(lr) @ unit(lr).T / 0.5
    assert counted.tolist() == [1, 1, 1, 0, 1, 0]
    for row in np.flatnonzero(counted):
        others = [j for j in range(FACES) if j != row and LABELS[j] >= 0]
        terms = [
            softmax_loss(cosines[row, j], [cosines[row, k] for k in others])
            for j in others
            if LABELS[j] == LABELS[row]
        ]
        assert math.isclose(values[row], np.mean(terms), rel_tol=1e-4)
    assert values[3] == values[5] == 0


@pytest.mark.parametrize("themselves", [False, True])
def test_triplets_take_the_farthest_of_the_person_and_the_nearest_other(embeddings, themselves):
    anchor, others = embeddings if not themselves else embeddings[:1] * 2
    values, counted = map(array, distillation.batch_hard_triplets(anchor, others, LABELS, 0.3, themselves))
    distances = 1 - unit(anchor) @ unit(others).T
    known = range(5)
    for row in range(FACES):
        same = [j for j in known if LABELS[j] == LABELS[row] and not (themselves and j == row)]
        other = [j for j in known if LABELS[row] >= 0 and LABELS[j] != LABELS[row]]
        assert counted[row] == bool(same and other)
        if counted[row]:
            farthest, nearest = max(distances[row, same]), min(distances[row, other])
            assert math.isclose(values[row], max(0, 0.3 + farthest - nearest), rel_tol=1e-4, abs_tol=1e-5)
        else:
            assert values[row] == 0
    assert counted.sum() == (4 if themselves else 5)


def test_map_cosine_is_of_the_maps_as_wholes():
    rng = np.random.default_rng(6)
    hr, lr = rng.normal(size=(2, 3, 2, 2, 4)).astype(np.float32)
    found = array(distillation.map_cosine(hr, lr, np.array([1, 1, 0])))
    wanted = 1 - (unit(hr.reshape(3, -1)) * unit(lr.reshape(3, -1))).sum(1)
    assert np.allclose(found, wanted * [1, 1, 0], atol=1e-6)
    assert np.allclose(array(distillation.map_cosine(hr, 3 * hr, np.ones(3))), 0, atol=1e-6)
    with pytest.raises(ValueError, match="feature maps: expected two of the same shape"):
        distillation.map_cosine(hr, lr[:, :1], np.ones(3))


def test_sample_relations_compare_rows_of_cosines(embeddings):
    hr, lr = map(unit, embeddings)
    found = array(distillation.sample_relations(*embeddings))
    wanted = hr @ hr.T
    for row in range(FACES):
        others = [(hr @ lr.T)[row], (lr @ hr.T)[row], (lr @ lr.T)[row]]
        apart = [1 - unit(wanted[row]) @ unit(each) for each in others]
        assert math.isclose(found[row], np.mean(apart), rel_tol=1e-4)
    assert np.allclose(array(distillation.sample_relations(hr, 2 * hr)), 0, atol=1e-6)


def test_relational_distillation_compares_distances_and_angles(embeddings):
    def huber(value):
        return 0.5 * value**2 if abs(value) < 1 else abs(value) - 0.5

    def distances(rows):
        found = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
        return found / found.mean()

    def angle(rows, i, j, k):
        first, second = rows[j] - rows[i], rows[k] - rows[i]
        lengths = np.linalg.norm(first) * np.linalg.norm(second)
        return first @ second / lengths if lengths else 0.0

    hr, lr = map(unit, embeddings)
    found = array(distillation.relational(*embeddings))
    span = range(FACES)
    for i in span:
        distance = np.mean([huber(distances(hr)[i, j] - distances(lr)[i, j]) for j in span])
        angles = np.mean([huber(angle(hr, i, j, k) - angle(lr, i, j, k)) for j in span for k in span])
        assert math.isclose(found[i], distance + 2 * angles, rel_tol=1e-3)
    assert np.allclose(array(distillation.relational(hr, 2 * hr)), 0, atol=1e-6)


TERMS = {
    "bank": lambda hr, lr: distillation.bank_contrast(hr, lr, hr, np.eye(FACES, dtype=bool)),
    "low_contrast": lambda hr, lr: distillation.low_contrast(lr, LABELS)[0],
    "triplets": lambda hr, lr: distillation.batch_hard_triplets(lr, lr, LABELS, themselves=True)[0],
    "sample_relations": distillation.sample_relations,
    "relational": distillation.relational,
}


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_finite_and_lead_downhill(name, embeddings):
    """Also where all LR faces are alike, as those of a network before its first step may nearly be."""
    hr, lr = embeddings
    for start in (lr, np.repeat(lr[:1], FACES, axis=0)):
        value, slope = _value_and_gradient(lambda rows: ops.sum(TERMS[name](hr, rows)), start)
        assert np.isfinite(slope).all()
    value, slope = _value_and_gradient(lambda rows: ops.sum(TERMS[name](hr, rows)), lr)
    after, _ = _value_and_gradient(lambda rows: ops.sum(TERMS[name](hr, rows)), lr - 1e-3 * slope)
    assert np.abs(slope).max() > 0 and after < value


def _value_and_gradient(function, rows):
    if keras.backend.backend() == "jax":
        import jax

        value, slope = jax.value_and_grad(function)(ops.convert_to_tensor(rows))
        return float(value), np.asarray(slope)
    import tensorflow as tf

    rows = tf.Variable(rows)
    with tf.GradientTape() as tape:
        value = function(rows)
    return float(value), np.asarray(tape.gradient(value, rows))
