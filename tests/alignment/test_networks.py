"""MTCNN's networks against NumPy, layer by layer, with the package's weights."""

import importlib.util
from pathlib import Path

import joblib
import numpy as np
import pytest

from cshml_tf.alignment import networks
from cshml_tf.alignment.networks import load_networks

ASSETS = Path(importlib.util.find_spec("mtcnn").submodule_search_locations[0]) / "assets" / "weights"


@pytest.fixture(scope="module")
def loaded():
    return load_networks(threads=1)


def bent(x, slopes):
    return np.where(x > 0, x, slopes.reshape(-1) * x)


def convolved(x, kernel, bias):
    """Convolve (n, rows, columns, channels) without padding."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
    return np.einsum("nrcikl,klio->nrco", windows, kernel) + bias


def pooled(x, side, padded):
    """Return the largest of windows with a stride of 2; the last ones may reach beyond the border if `padded`."""
    size = [(length - (1 if padded else side)) // 2 + 1 for length in x.shape[1:3]]
    places = [(row, column) for row in range(size[0]) for column in range(size[1])]
    largest = [
        x[:, 2 * row : 2 * row + side, 2 * column : 2 * column + side].max(axis=(1, 2)) for row, column in places
    ]
    return np.stack(largest, axis=1).reshape(len(x), *size, -1)


def naive(name, pixels, pools):
    """Compute a network from (n, rows, columns, 3): the box, the landmarks if any, and the two logits, joined."""
    weights = [np.asarray(each, float) for each in joblib.load(ASSETS / f"{name}.lz4")]
    x, heads = pixels.astype(float), {"pnet": 2, "rnet": 2, "onet": 3}[name]
    layers, heads = weights[: -2 * heads], weights[-2 * heads :]
    for number in range(0, len(layers), 3):
        kernel, bias, slopes = layers[number : number + 3]
        if kernel.ndim == 2:
            x = x.transpose(0, 2, 1, 3).reshape(len(x), -1)
            x = bent(x @ kernel + bias, slopes)
            continue
        x = bent(convolved(x, kernel, bias), slopes)
        if number // 3 < len(pools):
            x = pooled(x, *pools[number // 3])
    pairs = zip(heads[::2], heads[1::2], strict=True)
    last = [convolved(x, *pair) if x.ndim == 4 else x @ pair[0] + pair[1] for pair in pairs]
    return np.concatenate(last, axis=-1)


def as_network_states(values):
    """Replace the two logits by their difference."""
    return np.concatenate([values[..., :-2], values[..., -1:] - values[..., -2:-1]], axis=-1)


@pytest.mark.parametrize("shape", [(12, 12), (13, 12), (15, 14), (30, 41)])
def test_the_first_network(loaded, shape):
    pixels = np.random.default_rng(0).uniform(-1, 1, (1, *shape, 3)).astype(np.float32)
    expected = as_network_states(naive("pnet", pixels, [(2, True)]))
    values = loaded.propose(pixels.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    assert values.shape == expected.shape and values.dtype == np.float32
    np.testing.assert_allclose(values, expected, atol=3e-5)


def test_the_second_and_the_third_network(loaded):
    rng = np.random.default_rng(1)
    small, large = (rng.uniform(-1, 1, (5, side, side, 3)).astype(np.float32) for side in (24, 48))
    expected = as_network_states(naive("rnet", small, [(3, True), (3, False)]))
    np.testing.assert_allclose(loaded.refine(small.transpose(0, 3, 1, 2)), expected, atol=3e-5)
    expected = as_network_states(naive("onet", large, [(3, True), (3, False), (2, False)]))
    np.testing.assert_allclose(loaded.locate(large.transpose(0, 3, 1, 2)), expected, atol=3e-5)


def test_weights_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="detector: expected the package mtcnn, whose weights it uses, got"):
        load_networks()


def test_weights_of_another_network_are_refused(monkeypatch):
    read = networks._read_weights
    monkeypatch.setattr(networks, "_read_weights", lambda name: read("rnet"))
    with pytest.raises(ValueError, match=r"detector: expected 13 arrays in mtcnn's pnet.lz4, got 16"):
        load_networks()
