"""Preprocessing and the shared classifier."""

import keras
import numpy as np
import pytest

from cshml_tf.layers import CosFace, FitToSize, Standardise, UnitLength, fit_to_size
from cshml_tf.losses import l2_normalise


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (3, 20, 16, 3)).astype(np.uint8)


def test_per_image_standardisation_is_tensorflows(pixels):
    tf = pytest.importorskip("tensorflow")
    expected = tf.image.per_image_standardization(pixels)
    assert np.max(np.abs(np.asarray(Standardise()(pixels)) - expected)) < 1e-5


def test_a_flat_picture_is_divided_by_the_smallest_divisor():
    """One of N = 48 values differs by 0.5: std is below 1/sqrt(N), which is therefore the divisor."""
    flat = np.full((1, 4, 4, 3), 7.0)
    flat[0, 0, 0, 0] = 7.5
    standardised = np.asarray(Standardise()(flat))
    assert abs(standardised[0, 0, 0, 0] - (0.5 - 0.5 / 48) * np.sqrt(48)) < 1e-4
    assert np.all(np.asarray(Standardise()(np.full((1, 4, 4, 3), 200.0))) == 0)


def test_fixed_standardisation():
    values = np.asarray(Standardise("fixed")(np.array([0.0, 127.5, 255.0]).reshape(1, 1, 1, 3)))
    assert np.array_equal(values.ravel(), np.array([-127.5, 0.0, 127.5], np.float32) / 128)


def test_standardisations_of_imported_networks():
    pixels = np.array([0.0, 127.5, 255.0]).reshape(1, 1, 1, 3)
    np.testing.assert_allclose(np.ravel(Standardise("symmetric")(pixels)), [-1.0, 0.0, 1.0], atol=1e-7)
    np.testing.assert_array_equal(np.ravel(Standardise("none")(pixels)), [0.0, 127.5, 255.0])


def test_unknown_standardisation_is_refused():
    with pytest.raises(ValueError, match="mode: expected one of per_image, fixed, symmetric, none, got 'whiten'"):
        Standardise("whiten")


def test_a_face_of_the_right_size_passes_unchanged(pixels):
    assert np.array_equal(FitToSize((20, 16))(pixels), pixels)
    assert FitToSize((10, 8))(pixels).shape == (3, 10, 8, 3)


def test_cosines_are_those_of_numpy():
    rng = np.random.default_rng(2)
    embeddings, layer = rng.normal(size=(4, 6)), CosFace(5)
    cosines = np.asarray(layer(embeddings))
    centres = np.asarray(layer.centres)
    assert centres.shape == (6, 5)
    for i in range(4):
        for j in range(5):
            lengths = np.linalg.norm(embeddings[i]) * np.linalg.norm(centres[:, j])
            assert abs(cosines[i, j] - embeddings[i] @ centres[:, j] / lengths) < 1e-6


def test_zero_vectors_stay_zero_and_others_get_length_one():
    vectors = np.array([[0.0, 0.0], [3.0, 4.0], [1e-8, 0.0]], np.float32)
    expected = np.array([[0.0, 0.0], [0.6, 0.8], [1.0, 0.0]])
    assert np.max(np.abs(np.asarray(l2_normalise(vectors)) - expected)) < 1e-5


@pytest.mark.parametrize("layer", [UnitLength(), CosFace(3), Standardise(), FitToSize((20, 16))])
def test_layers_compute_in_float32_under_mixed_precision(layer):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        restored = type(layer).from_config(layer.get_config())
        shape = (2, 20, 16, 3) if isinstance(layer, Standardise | FitToSize) else (2, 8)
        assert keras.backend.standardize_dtype(restored(np.ones(shape, np.float32)).dtype) == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_zero_classes_are_refused():
    with pytest.raises(ValueError, match="classes: expected at least 1, got 0"):
        CosFace(0)


@pytest.mark.parametrize("size", [(48, 40), (13, 11), (90, 70)])
def test_arrays_are_fitted_as_the_layer_does(size):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *size, 3)).astype(np.uint8)
    fitted = fit_to_size(pixels, (48, 40))
    assert isinstance(fitted, np.ndarray) and fitted.dtype == np.float32
    np.testing.assert_array_equal(fitted, np.asarray(FitToSize((48, 40))(pixels)))
