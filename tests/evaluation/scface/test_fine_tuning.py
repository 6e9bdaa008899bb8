"""Fine-tuning with equation 3, on colours that the LR network sees as negatives."""

import dataclasses

import keras
import numpy as np
import pytest

from cshml_tf.evaluation.scface.fine_tuning import fine_tune
from cshml_tf.recogniser import build_recogniser
from cshml_tf.settings.scface import FineTuning

SIZE = (12, 10)


@pytest.fixture
def network():
    """Return a recogniser with a batch norm and a dense layer on the mean colour."""
    pixels = keras.Input((*SIZE, 3))
    last_map = keras.layers.BatchNormalization(name="norm")(pixels)
    embedding = keras.layers.Dense(3, use_bias=False, name="dense")(
        keras.layers.GlobalAveragePooling2D()(last_map)
    )
    backbone = keras.Model(pixels, {"last_map": last_map, "embedding": embedding}, name="backbone")
    recogniser = build_recogniser(backbone, "fixed")
    # Far from the target, but not its exact opposite, where the gradient vanishes.
    recogniser.get_layer("backbone").get_layer("dense").set_weights([-np.eye(3) + 0.1 * np.ones((3, 3))])
    return recogniser


def people_of(count, seed=0):
    colours = np.random.default_rng(seed).integers(0, 256, (count, 3)).astype(np.uint8)
    pixels = np.broadcast_to(colours[:, None, None], (count, *SIZE, 3))
    embeddings = (colours - 127.5) / np.linalg.norm(colours - 127.5, axis=1, keepdims=True)
    return dict(zip(range(10, 10 + count), embeddings, strict=True)), np.arange(10, 10 + count), pixels


def test_surveillance_images_come_to_their_mugshots(network):
    mugshots, people, pixels = people_of(20)
    before = np.asarray(network.predict_on_batch(pixels.astype(np.float32)))
    tuning = FineTuning(steps=60, batch_size=10, learning_rate=0.5)
    tuned, losses = fine_tune(network, mugshots, people, pixels, tuning)
    assert losses.shape == (60,) and losses[0] > 2 and losses[-1] < 0.1
    targets = np.stack(list(mugshots.values()))
    distances = np.sum((np.asarray(tuned.predict_on_batch(pixels.astype(np.float32))) - targets) ** 2, axis=1)
    assert distances.max() < 0.2
    # The original is unchanged.
    assert np.array_equal(np.asarray(network.predict_on_batch(pixels.astype(np.float32))), before)


def test_the_first_loss_is_equation_3(network):
    mugshots, people, pixels = people_of(6)
    tuning = FineTuning(steps=1, batch_size=6)
    _, (loss,) = fine_tune(network, mugshots, people, pixels, tuning)
    # All six, in whatever order, and a face of one colour is its own mirror image.
    embeddings = np.asarray(network.predict_on_batch(pixels.astype(np.float32)))
    expected = np.mean(np.sum((embeddings - np.stack(list(mugshots.values()))) ** 2, axis=1))
    assert abs(loss - expected) < 1e-5


def test_negatives_are_other_people(network):
    """Only negatives, further apart than alpha: nothing to learn. With alpha 4 they are pushed apart."""
    mugshots = {1: np.array([1.0, 0, 0]), 2: np.array([-1.0, 0, 0])}
    network.get_layer("backbone").get_layer("dense").set_weights([np.eye(3)])
    pixels = np.array([[255, 127, 127], [0, 127, 127]], np.uint8)[:, None, None] * np.ones((1, *SIZE, 1), np.uint8)
    tuning = FineTuning(steps=3, batch_size=8, negative_share=1.0)
    _, losses = fine_tune(network, mugshots, [1, 2], pixels, tuning)
    assert losses.tolist() == [0, 0, 0]
    _, losses = fine_tune(network, mugshots, [1, 1], pixels[[0, 0]], dataclasses.replace(tuning, alpha=4.0))
    assert np.abs(losses).max() < 1e-3


def test_batch_norm_keeps_its_statistics_and_runs_repeat(network):
    mugshots, people, pixels = people_of(8)
    tuning = FineTuning(steps=3, batch_size=4, learning_rate=0.1)
    first, losses = fine_tune(network, mugshots, people, pixels, tuning, seed=3)
    again, same_losses = fine_tune(network, mugshots, people, pixels, tuning, seed=3)
    assert np.array_equal(losses, same_losses)
    norms = [model.get_layer("backbone").get_layer("norm") for model in (network, first)]
    for name in ("moving_mean", "moving_variance", "gamma", "beta"):
        ours, theirs = (np.asarray(getattr(norm, name)) for norm in norms)
        assert np.array_equal(ours, theirs), name
    dense = [model.get_layer("backbone").get_layer("dense").get_weights()[0] for model in (network, first, again)]
    assert np.array_equal(dense[1], dense[2]) and not np.array_equal(dense[0], dense[1])


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"negative_share": 1.5}, {"alpha": np.nan}],
)
def test_bad_settings(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name}: expected"):
        FineTuning(**wrong)


def test_nothing_to_learn_from(network):
    mugshots, people, pixels = people_of(1)
    with pytest.raises(ValueError, match="fine-tuning: expected faces"):
        fine_tune(network, mugshots, people[:0], pixels[:0], FineTuning())
    with pytest.raises(ValueError, match="two people or more for negatives"):
        fine_tune(network, mugshots, people, pixels, FineTuning(negative_share=0.5))
