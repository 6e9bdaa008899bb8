"""The one graph from pixels to unit embeddings."""

import keras
import numpy as np
import pytest

from cshml_tf.backbones import build
from cshml_tf.layers import Standardise
from cshml_tf.recogniser import (
    backbone_of,
    build_recogniser,
    checked,
    clone,
    features,
    image_size_of,
    settle_batch_norm,
    standardisation_of,
    unchecked,
)

SIZE = (48, 40)


@pytest.fixture
def recogniser():
    return build_recogniser(build("small_resnet", SIZE, 8, width=4), "fixed")


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)


def test_it_is_the_backbone_between_its_preprocessing_and_normalisation(recogniser, pixels):
    raw = np.asarray(backbone_of(recogniser)(Standardise("fixed")(pixels))["embedding"])
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    embeddings = np.asarray(recogniser(pixels))
    assert embeddings.dtype == np.float32 and embeddings.shape == (5, 8)
    assert np.max(np.abs(embeddings - expected)) < 1e-6
    assert image_size_of(recogniser) == SIZE and standardisation_of(recogniser) == "fixed"


def test_integers_and_floats_have_the_same_embeddings(recogniser, pixels):
    assert np.array_equal(recogniser(pixels), recogniser(pixels.astype(np.float32)))


def test_an_embedding_does_not_depend_on_the_batch(recogniser, pixels):
    singly = np.concatenate([np.asarray(recogniser(pixels[i : i + 1])) for i in range(5)])
    assert np.max(np.abs(np.asarray(recogniser(pixels)) - singly)) < 1e-5


def test_faces_of_another_size_are_resized(recogniser, pixels):
    large = np.repeat(np.repeat(pixels, 2, axis=1), 2, axis=2)
    assert np.asarray(recogniser(large)).shape == (5, 8)
    assert np.min(np.sum(np.asarray(recogniser(large)) * np.asarray(recogniser(pixels)), axis=1)) > 0.9


def test_a_clone_equals_the_original_and_shares_nothing_with_it(recogniser, pixels):
    before = np.asarray(recogniser(pixels))
    copy = clone(recogniser)
    assert np.array_equal(copy(pixels), before)
    copy.set_weights([0 * value for value in copy.get_weights()])
    assert np.array_equal(recogniser(pixels), before)


def test_a_clone_in_bfloat16_and_back_is_the_original(recogniser, pixels):
    low = clone(recogniser, precision="mixed_bfloat16")
    similarity = np.sum(np.asarray(low(pixels)) * np.asarray(recogniser(pixels)), axis=1)
    assert similarity.min() > 0.999 and not np.array_equal(low(pixels), recogniser(pixels))
    assert np.array_equal(clone(low)(pixels), recogniser(pixels))


def test_a_clone_can_have_another_dropout(recogniser):
    copy = backbone_of(clone(recogniser, dropout=0.5))
    assert {layer.rate for layer in copy.layers if isinstance(layer, keras.layers.Dropout)} == {0.5}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one device on other backends")
def test_a_clone_can_have_synchronised_batch_norm(recogniser):
    copy = backbone_of(clone(recogniser, synchronised=True))
    norms = [layer for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms and all(norm.synchronized for norm in norms)


def test_features_follow_training_mode(recogniser, pixels):
    inference, training = (np.asarray(features(recogniser, pixels, mode)["block_b"]) for mode in (False, True))
    assert inference.shape == (5, 6, 5, 8)
    assert np.max(np.abs(inference - training)) > 1e-3


def test_settled_batch_norm_has_the_statistics_of_its_batches(recogniser, pixels):
    """The averages equal the statistics of one batch seen three times, whatever the decay."""
    network = clone(recogniser, dropout=0.0)
    for _ in range(3):
        trained = features(network, pixels, training=True)["embedding"]
    unsettled = features(network, pixels)["embedding"]
    settle_batch_norm(network, 3)
    settled = features(network, pixels)["embedding"]
    assert np.abs(np.asarray(settled) - np.asarray(trained)).max() < 1e-3 * np.abs(np.asarray(trained)).max()
    assert np.abs(np.asarray(unsettled) - np.asarray(trained)).max() > 0.01 * np.abs(np.asarray(trained)).max()


def test_a_checked_recogniser_refuses_what_is_not_rgb_of_0_to_255(recogniser, pixels):
    guarded = checked(recogniser)
    for embed in (guarded, guarded.predict_on_batch, lambda x: guarded.predict(x, verbose=0)):
        with pytest.raises(ValueError, match="pixels: expected RGB of 0..255, got values of 0..1: multiply"):
            embed(pixels.astype(np.float32) / 255)
        for wrong in (-0.5, 256.0, np.nan, np.inf):
            damaged = pixels.astype(np.float32)
            damaged[2, 3, 4, 1] = wrong
            with pytest.raises(ValueError, match="pixels: expected RGB of 0..255, got values of"):
                embed(damaged)
    with pytest.raises(ValueError, match="multiply"):
        guarded(keras.ops.convert_to_tensor(pixels.astype(np.float32) / 255))


def test_a_checked_recogniser_embeds_everything_else_as_before(recogniser, pixels):
    guarded = checked(recogniser)
    expected = np.asarray(recogniser(pixels))
    pixels[1] = 0
    dark = np.asarray(recogniser(pixels))
    for kind in (np.uint8, np.float32, np.float64, np.int32):
        np.testing.assert_allclose(np.asarray(guarded(pixels.astype(kind))), dark, atol=1e-6)
    np.testing.assert_allclose(guarded.predict(pixels.astype(np.float32), verbose=0), dark, atol=1e-6)
    # One black picture, and nothing but black ones.
    assert np.isfinite(np.asarray(guarded(np.zeros((2, *SIZE, 3), np.float32)))).all()
    assert np.abs(expected[0] - dark[0]).max() < 1e-6
    assert backbone_of(guarded) is backbone_of(recogniser) and image_size_of(guarded) == SIZE


def test_nothing_is_checked_inside_a_compiled_function(recogniser, pixels):
    """Where a graph is traced there are no values: training and JAX's jit stay as fast as without the check."""
    guarded, scaled = checked(recogniser), pixels.astype(np.float32) / 255
    expected = np.asarray(recogniser(scaled))
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(lambda x: guarded(x))
    else:
        import tensorflow as tf

        compiled = tf.function(lambda x: guarded(x), input_signature=[tf.TensorSpec(scaled.shape, tf.float32)])
    assert np.abs(np.asarray(compiled(scaled)) - expected).max() < 1e-5


def test_a_checked_recogniser_is_saved_and_cloned(recogniser, pixels, tmp_path):
    guarded = checked(recogniser)
    assert type(unchecked(guarded)) is type(recogniser) and unchecked(recogniser) is recogniser
    guarded.save(tmp_path / "guarded.keras")
    again = keras.models.load_model(tmp_path / "guarded.keras", compile=False)
    assert np.abs(np.asarray(again(pixels)) - np.asarray(recogniser(pixels))).max() < 1e-6
    with pytest.raises(ValueError, match="multiply"):
        again(pixels / 255)
    assert np.abs(np.asarray(clone(guarded)(pixels)) - np.asarray(recogniser(pixels))).max() < 1e-6
