"""Equations 2 to 5 compared with loops that follow the paper's notation, in float64."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from cshml_tf import losses

# JAX computes float64 examples in float32 too.
RELATIVE = 1e-5 if keras.backend.backend() == "tensorflow" else 5e-5


def unit(vector):
    return vector / np.sqrt(sum(value * value for value in vector))


def naive_cosface(cosines, labels, scale, margin):
    values = []
    for row, label in zip(cosines, labels, strict=True):
        true = math.exp(scale * (row[label] - margin))
        others = sum(math.exp(scale * value) for j, value in enumerate(row) if j != label)
        values.append(-math.log(true / (true + others)))
    return np.array(values)


def naive_contrastive(hr, lr, same, alpha):
    values = []
    for a, b, y in zip(hr, lr, same, strict=True):
        squared = sum((p - q) ** 2 for p, q in zip(unit(a), unit(b), strict=True))
        values.append(y * squared + (1 - y) * max(0.0, alpha - squared))
    return np.array(values)


def naive_pool(feature_map, size):
    height, width = feature_map.shape[0] // size, feature_map.shape[1] // size
    pooled = np.zeros((height, width, feature_map.shape[2]))
    for i in range(height):
        for j in range(width):
            window = feature_map[i * size : (i + 1) * size, j * size : (j + 1) * size]
            pooled[i, j] = window.max(axis=(0, 1))
    return pooled


def naive_multi_hierarchy(hr, lr, same, size):
    values = []
    for a, b, y in zip(hr, lr, same, strict=True):
        a, b = naive_pool(a, size), naive_pool(b, size)
        total = sum((p - q) ** 2 for p, q in zip(a.ravel(), b.ravel(), strict=True))
        values.append(y * total / a.size)
    return np.array(values)


@pytest.fixture
def examples():
    rng = np.random.default_rng(3)
    return {
        "cosines": rng.uniform(-1, 1, (7, 5)),
        "labels": rng.integers(0, 5, 7),
        "hr": rng.normal(size=(7, 6)),
        "lr": rng.normal(size=(7, 6)),
        "hr_map": rng.normal(size=(7, 5, 4, 3)),
        "lr_map": rng.normal(size=(7, 5, 4, 3)),
        "same": np.array([1, 0, 1, 1, 0, 0, 1.0]),
    }


def assert_close(value, expected):
    value = np.asarray(ops.convert_to_numpy(value), np.float64)
    assert value.shape == expected.shape
    assert np.max(np.abs(value - expected) / np.maximum(np.abs(expected), 1e-3)) < RELATIVE


@pytest.mark.parametrize("scale, margin", [(30.0, 0.35), (15.0, 0.1), (1.0, 0.0)])
def test_cosface_against_a_loop(examples, scale, margin):
    value = losses.cosface(examples["cosines"], examples["labels"], scale, margin)
    assert_close(value, naive_cosface(examples["cosines"], examples["labels"], scale, margin))


def test_cosface_by_hand():
    """Two classes, s = 2, m = 0.5, cosines (0.5, 0): logits (0, 0), so the loss is log 2."""
    assert_close(losses.cosface(np.array([[0.5, 0.0]]), np.array([0]), 2.0, 0.5), np.array([math.log(2)]))


def test_cosface_stays_finite_at_a_large_scale():
    value = losses.cosface(np.array([[-1.0, 1.0]], np.float32), np.array([0]), 1000.0, 0.35)
    assert abs(float(value[0]) - 2350.0) < 1e-2


@pytest.mark.parametrize("alpha", [0.5, 1.0, 4.0])
def test_contrastive_against_a_loop(examples, alpha):
    value = losses.contrastive(examples["hr"], examples["lr"], examples["same"], alpha)
    assert_close(value, naive_contrastive(examples["hr"], examples["lr"], examples["same"], alpha))


def test_contrastive_has_the_squared_distance_in_the_hinge():
    """At right angles D squared is 2. With alpha 3, two people cost 3 - 2 = 1; with D it would be 1.586."""
    hr, lr = np.array([[5.0, 0.0]] * 2), np.array([[0.0, 0.1]] * 2)
    assert_close(losses.contrastive(hr, lr, np.array([1.0, 0.0]), alpha=3.0), np.array([2.0, 1.0]))


@pytest.mark.parametrize("pool_size", [1, 2, 3])
def test_multi_hierarchy_against_a_loop(examples, pool_size):
    arguments = examples["hr_map"], examples["lr_map"], examples["same"]
    value = losses.multi_hierarchy(*arguments, pool_size=pool_size)
    assert_close(value, naive_multi_hierarchy(*arguments, pool_size))


def test_multi_hierarchy_without_a_pool_is_the_intermediate_loss(examples):
    arguments = examples["hr_map"], examples["lr_map"], examples["same"]
    expected = ops.convert_to_numpy(losses.intermediate(*arguments))
    assert_close(losses.multi_hierarchy(*arguments, pool_size=1), expected)
    assert_close(losses.intermediate(*arguments), naive_multi_hierarchy(*arguments, 1))


def test_multi_hierarchy_pools_the_whole_map(examples):
    hr, lr, same = examples["hr_map"], examples["lr_map"], examples["same"]
    expected = same * np.mean((hr.max(axis=(1, 2)) - lr.max(axis=(1, 2))) ** 2, axis=1)
    assert_close(losses.multi_hierarchy(hr, lr, same, pool_size=None), expected)


@pytest.mark.parametrize("pool_size", [0, 5])
def test_multi_hierarchy_refuses_a_pool_that_does_not_fit(examples, pool_size):
    with pytest.raises(ValueError, match="pool_size: expected 1 to 4"):
        losses.multi_hierarchy(examples["hr_map"], examples["lr_map"], examples["same"], pool_size)


def test_maps_must_agree(examples):
    with pytest.raises(ValueError, match="two of the same"):
        losses.intermediate(examples["hr_map"], examples["lr_map"][:, 1:], examples["same"])
    with pytest.raises(ValueError, match="two of the same"):
        losses.multi_hierarchy(examples["hr"], examples["lr"], examples["same"])


def numerical_gradient(function, point, delta=1e-6):
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        shifted = point.copy()
        shifted[index] += delta
        above = function(shifted)
        shifted[index] -= 2 * delta
        gradient[index] = (above - function(shifted)) / (2 * delta)
    return gradient


@pytest.mark.parametrize(
    "name, argument",
    [
        ("cosface", "cosines"),
        ("contrastive", "hr"),
        ("contrastive", "lr"),
        ("intermediate", "lr_map"),
        ("multi_hierarchy", "hr_map"),
        ("multi_hierarchy", "lr_map"),
    ],
)
def test_gradient_is_the_numerical_one_of_the_loop(examples, gradient_of, name, argument):
    arguments, naive = {
        "cosface": (("cosines", "labels"), lambda *values: naive_cosface(*values, 30.0, 0.35)),
        "contrastive": (("hr", "lr", "same"), lambda *values: naive_contrastive(*values, 1.0)),
        "intermediate": (("hr_map", "lr_map", "same"), lambda *values: naive_multi_hierarchy(*values, 1)),
        "multi_hierarchy": (("hr_map", "lr_map", "same"), lambda *values: naive_multi_hierarchy(*values, 2)),
    }[name]

    def at(value):
        return [value if key == argument else examples[key] for key in arguments]

    expected = numerical_gradient(lambda value: float(np.sum(naive(*at(value)))), examples[argument])
    gradient = gradient_of(lambda value: ops.sum(getattr(losses, name)(*at(value))), examples[argument])
    assert np.max(np.abs(gradient - expected)) < RELATIVE * np.max(np.abs(expected))


def test_gradient_is_finite_where_both_embeddings_are_equal(gradient_of):
    point = np.array([[1.0, 2.0], [0.0, 0.0]], np.float32)
    gradient = gradient_of(lambda hr: ops.sum(losses.contrastive(hr, point, np.ones(2, np.float32))), point)
    assert np.isfinite(gradient).all()


def test_shapes_that_would_be_broadcast_silently_are_refused():
    cosines, maps = np.zeros((4, 3)), np.zeros((4, 2, 2, 5))
    with pytest.raises(ValueError, match="labels: expected one value per example"):
        losses.cosface(cosines, np.zeros((4, 1), int))
    with pytest.raises(ValueError, match="same: expected one value per example"):
        losses.contrastive(cosines, cosines, np.ones((4, 1)))
    with pytest.raises(ValueError, match="same: expected one value per example"):
        losses.contrastive(cosines, cosines[:1], np.ones(4))
    with pytest.raises(ValueError, match="feature maps: expected two of the same"):
        losses.intermediate(maps, maps[:1], np.ones(4))
    with pytest.raises(ValueError, match="same: expected one value per example"):
        losses.multi_hierarchy(maps, maps, np.ones(3))


def test_two_precisions_are_computed_in_float32():
    rng = np.random.default_rng(0)
    hr, lr = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    expected = np.asarray(losses.contrastive(hr, lr, np.ones(4)))
    mixed = losses.contrastive(hr.astype(np.float32), ops.cast(lr, "bfloat16"), [1, 1, 1, 1])
    assert mixed.dtype == "float32" and np.abs(np.asarray(mixed) - expected).max() < 0.05
