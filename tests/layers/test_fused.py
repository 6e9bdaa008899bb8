"""The fused layers equal Keras's in outputs, gradients and moving statistics; saved copies contain Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cshml_tf.backbones import build
from cshml_tf.layers.fused import FASTER, FusedBatchNormalization, FusedPReLU
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.recogniser import backbone_of, build_recogniser, clone

OPTIONS = {"momentum": 0.9, "epsilon": 1e-3}


def trained_once(layer, maps, training=True):
    """Return the output, the gradients with respect to maps and weights, and the moving statistics."""
    layer.build(maps.shape)
    random = np.random.default_rng(1)
    layer.set_weights([random.uniform(0.5, 2.0, weight.shape) for weight in layer.get_weights()])
    maps = tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        output = layer(maps, training=training)
        output32 = tf.cast(output, tf.float32)
        loss = tf.reduce_sum(output32**3 + output32)
    gradients = tape.gradient(loss, [maps, *layer.trainable_variables])
    return [np.asarray(tf.cast(value, tf.float32)) for value in (output, *gradients, *layer.variables)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("terms", [{}, {"scale": False}, {"center": False}])
@pytest.mark.parametrize("shape", [(3, 5, 4, 6), (4, 6)])
def test_is_keras_batch_norm(shape, terms, training):
    maps = np.random.default_rng(0).normal(2.0, 3.0, shape).astype(np.float32)
    fused = trained_once(FusedBatchNormalization(**OPTIONS, **terms), maps, training)
    plain = trained_once(keras.layers.BatchNormalization(**OPTIONS, **terms), maps, training)
    assert_close(fused, plain)


@pytest.mark.parametrize(
    "shape, shared", [((3, 5, 4, 6), (1, 2)), ((3, 5, 4, 6), (1,)), ((3, 5, 1, 6), None), ((4, 6), None)]
)
def test_is_keras_prelu(shape, shared):
    maps = np.random.default_rng(0).normal(0.0, 3.0, shape).astype(np.float32)
    fused = trained_once(FusedPReLU(shared_axes=shared), maps)
    assert_close(fused, trained_once(keras.layers.PReLU(shared_axes=shared), maps))


def test_bfloat16_keeps_the_slope_of_prelu():
    """In bfloat16, 1 - 0.01 retains no digits of 0.01."""
    maps = np.full((1, 2, 2, 3), -3.0, np.float32)
    slopes = {"alpha_initializer": keras.initializers.Constant(0.01), "dtype": "mixed_bfloat16"}
    fused, plain = (trained_once_in_bfloat16(kind(**slopes), maps) for kind in (FusedPReLU, keras.layers.PReLU))
    assert_close(fused, plain)


def test_bfloat16_adds_up_the_gradient_of_a_slope_in_float32():
    """In bfloat16, a sum of ones would stop at 256."""
    maps = np.full((4, 32, 32, 1), -1.0, np.float32)
    layer = FusedPReLU(shared_axes=(1, 2), dtype="mixed_bfloat16")
    layer.build(maps.shape)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.cast(layer(tf.constant(maps, tf.bfloat16)), tf.float32))
    assert float(tape.gradient(total, layer.alpha.value)[0, 0, 0]) == -4096


def test_depthwise_convolutions_of_copies_to_train_in_bfloat16_stay_in_float32():
    recogniser = build_recogniser(build("mobilefacenet", (32, 32), 8))
    copy = clone(recogniser, "mixed_bfloat16", to_train=True)
    policies = {type(layer).__name__: layer.dtype_policy.name for layer in backbone_of(copy).layers}
    assert policies["DepthwiseConv2D"] == "float32" and policies["Conv2D"] == "mixed_bfloat16"
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    rounded, exact = (np.asarray(tf.cast(each(pixels), tf.float32)) for each in (copy, recogniser))
    assert np.sum(unit_rows(rounded) * unit_rows(exact), axis=1).min() > 0.99


def trained_once_in_bfloat16(layer, maps):
    maps = tf.constant(maps, tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        output = layer(maps)
    return [np.asarray(tf.cast(value, tf.float32)) for value in (output, tape.gradient(output, maps))]


def test_a_norm_over_another_axis_is_left_to_keras():
    maps = np.random.default_rng(0).normal(2.0, 3.0, (3, 5, 4, 6)).astype(np.float32)
    options = OPTIONS | {"axis": 1}
    fused = trained_once(FusedBatchNormalization(**options), maps)
    assert_close(fused, trained_once(keras.layers.BatchNormalization(**options), maps))


def assert_close(fused, plain):
    assert len(fused) == len(plain)
    for one, other in zip(fused, plain, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() < 2e-5 * max(1.0, np.abs(other).max())


def test_copies_to_train_have_fused_layers_and_copies_of_those_do_not():
    recogniser = build_recogniser(build("small_resnet", (16, 16), 8, width=4))
    to_train = clone(recogniser, to_train=True)
    kinds = {type(layer) for layer in backbone_of(to_train).layers}
    assert FusedBatchNormalization in kinds
    assert not kinds & set(FASTER)
    kinds = {type(layer) for layer in backbone_of(clone(to_train)).layers}
    assert keras.layers.BatchNormalization in kinds
    assert not kinds & set(FASTER.values())
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype(np.float32)
    for weight in recogniser.weights:
        weight.assign(np.random.default_rng(2).uniform(0.1, 1.0, weight.shape))
    for copy in (clone(recogniser, to_train=True), clone(clone(recogniser, to_train=True))):
        assert np.abs(np.asarray(copy(pixels)) - np.asarray(recogniser(pixels))).max() < 1e-6


def test_copies_for_several_replicas_share_their_statistics():
    copy = clone(build_recogniser(build("small_resnet", (16, 16), 8, width=4)), synchronised=True, to_train=True)
    norms = [layer for layer in backbone_of(copy).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms
    assert all(type(norm) is keras.layers.BatchNormalization and norm.synchronized for norm in norms)


def test_one_value_per_channel_is_normalised_to_beta():
    maps = np.full((1, 1, 1, 2), 5.0, np.float32)
    layer = FusedBatchNormalization(**OPTIONS)
    layer(maps, training=True)
    # Its variance is 0, and Bessel's correction must not divide by 0.
    assert np.abs(np.asarray(layer.moving_variance) - 0.9).max() < 1e-6
    assert np.abs(np.asarray(layer.moving_mean) - 0.5).max() < 1e-6


def test_frozen_layer_uses_and_keeps_its_moving_statistics():
    maps = np.random.default_rng(0).normal(2.0, 3.0, (3, 5, 4, 6)).astype(np.float32)
    layer = FusedBatchNormalization(**OPTIONS)
    layer.build(maps.shape)
    layer.trainable = False
    expected = maps / np.sqrt(1 + 1e-3)
    assert np.abs(np.asarray(layer(maps, training=True)) - expected).max() < 1e-5
    assert not np.asarray(layer.moving_mean).any()


def test_bfloat16_maps_keep_float32_statistics():
    maps = np.random.default_rng(0).normal(2.0, 3.0, (3, 5, 4, 6)).astype(np.float32)
    layer = FusedBatchNormalization(dtype="mixed_bfloat16", momentum=0.0)
    output = layer(maps, training=True)
    assert output.dtype == tf.bfloat16
    rounded = np.asarray(tf.cast(tf.cast(maps, tf.bfloat16), tf.float32))
    assert np.abs(np.asarray(layer.moving_mean) - rounded.mean((0, 1, 2))).max() < 1e-5
    assert np.abs(np.asarray(layer.moving_variance) - rounded.var((0, 1, 2))).max() < 1e-4
