"""The backbones against their papers' tables."""

import keras
import numpy as np
import pytest

from cshml_tf import backbones


@pytest.fixture(scope="module")
def inception():
    return backbones.build("inception_resnet_v1")


@pytest.mark.slow
def test_inception_has_as_many_weights_as_facenets(inception):
    assert inception.count_params() == 23_497_424


def test_inception_taps_at_112_x_96(inception):
    shapes = {name: tuple(tap.shape[1:]) for name, tap in inception.output.items()}
    assert shapes == {
        "stem_pool": (51, 43, 64),
        "block_a": (24, 20, 256),
        "block_b": (11, 9, 896),
        "block_c": (5, 4, 1792),
        "embedding": (512,),
    }


def test_inception_has_facenets_variables(inception):
    """490 tensors, as in FaceNet's checkpoints; batch norm has a shift, two statistics, and no scale."""
    assert len(inception.variables) - sum("seed" in variable.path for variable in inception.variables) == 490
    norms = [layer for layer in inception.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all(len(norm.weights) == 3 and norm.epsilon == 0.001 and norm.momentum == 0.995 for norm in norms)
    up = inception.get_layer("Repeat_2.block8_5.Conv2d_1x1")
    assert up.kernel.shape == (1, 1, 384, 1792) and up.use_bias
    assert inception.get_layer("Mixed_6a.Branch_0.Conv2d_1a_3x3").kernel.shape == (3, 3, 256, 384)


def test_inception_tap_c_is_after_the_relu_and_before_the_sixth_block(inception):
    tap = inception.get_layer("Repeat_2.block8_5.Relu").output
    assert inception.output["block_c"] is tap
    assert not any(layer.name == "Block8.Relu" for layer in inception.layers)


def test_inception_residual_scales(inception):
    scales = {}
    for layer in inception.layers:
        if isinstance(layer, keras.layers.Rescaling):
            scales.setdefault(layer.name.split("_")[0].rsplit(".", 1)[-1], set()).add(layer.scale)
    assert {scale for found in scales.values() for scale in found} == {0.17, 0.10, 0.20}
    assert sum(isinstance(layer, keras.layers.Rescaling) for layer in inception.layers) == 20


def test_inception_with_facenets_stride():
    shapes = backbones.build("inception_resnet_v1", (160, 160), stem_pool_stride=2).output
    assert tuple(shapes["block_a"].shape[1:]) == (17, 17, 256)
    assert tuple(shapes["block_c"].shape[1:]) == (3, 3, 1792)


@pytest.mark.slow
@pytest.mark.parametrize("stride, smallest", [(1, 43), (2, 75)])
def test_inception_size_limits(stride, smallest):
    fits = backbones.build("inception_resnet_v1", (smallest, smallest), stem_pool_stride=stride)
    assert tuple(fits.output["block_c"].shape[1:3]) == (1, 1)
    with pytest.raises(ValueError, match=f"at least {smallest} x {smallest}, got {smallest - 1} x {smallest}"):
        backbones.build("inception_resnet_v1", (smallest - 1, smallest), stem_pool_stride=stride)


def test_small_resnet_taps():
    shapes = backbones.build("small_resnet", (112, 96), 64, width=8).output
    assert {name: tuple(tap.shape[1:]) for name, tap in shapes.items()} == {
        "stem_pool": (28, 24, 8),
        "block_a": (28, 24, 8),
        "block_b": (14, 12, 16),
        "block_c": (7, 6, 32),
        "embedding": (64,),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(backbones.BACKBONES))
def test_every_variable_gets_a_gradient(name):
    tf = pytest.importorskip("tensorflow")
    backbone = backbones.build(name, (75, 75), 16)
    images = np.random.default_rng(0).normal(size=(2, 75, 75, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(backbone(images, training=True)["embedding"] * tf.constant([[1.0], [2.0]]) ** 2)
    gradients = tape.gradient(value, backbone.trainable_variables)
    assert all(gradient is not None and np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        (("vgg",), {}, "expected one of inception_resnet_v1, squeezenet, .*, got 'vgg'"),
        (("small_resnet",), {"depth": 3}, "small_resnet: expected options among width, dropout, got depth"),
        (("small_resnet", (8, 8)), {}, "at least 16 x 16"),
        (("small_resnet", (112, 96), 0), {}, "embedding_size: expected at least 1, got 0"),
        (("small_resnet", 160), {}, "image_size: expected"),
        (("inception_resnet_v1",), {"stem_pool_stride": 3}, "expected 1 or 2, got 3"),
    ],
)
def test_bad_requests_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        backbones.build(*arguments, **options)
