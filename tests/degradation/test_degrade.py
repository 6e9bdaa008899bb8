"""Degradation against PIL, TensorFlow and hand-derived weights."""

import keras
import numpy as np
import pytest
from keras import ops
from PIL import Image

from cshml_tf.degradation.bicubic import resize
from cshml_tf.degradation.degrade import degrade, degrade_each
from cshml_tf.degradation.kernel import cubic_weights
from cshml_tf.degradation.resolution import expand_range, format_resolution, parse_resolution, resolution_sides
from cshml_tf.layers import Degrade


@pytest.fixture(scope="module")
def pictures():
    """Return noise, smooth shapes, edges and a ramp, in colour: they expose faults of a resampling filter."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (112, 96, 3))
    coarse = Image.fromarray(rng.integers(0, 256, (9, 8, 3)).astype(np.uint8)).resize(
        (96, 112), Image.Resampling.BICUBIC
    )
    stripes = np.where((np.arange(96) // 5 % 2)[None, :, None], 255, 0) * np.ones((112, 1, 3))
    ramp = np.linspace(0, 255, 112)[:, None, None] * np.ones((1, 96, 3))
    return np.stack([noise, np.asarray(coarse), stripes, ramp]).astype(np.uint8)


def pil_degrade(picture, height, width):
    small = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((picture.shape[1], picture.shape[0]), Image.Resampling.BICUBIC), np.float64)


@pytest.mark.parametrize("of", [np.asarray, ops.convert_to_tensor], ids=["array", "tensor"])
@pytest.mark.parametrize("resolution", [8, 12, 16, 20, 30, (14, 12)])
def test_degrade_is_pil(pictures, resolution, of):
    height, width = resolution_sides(resolution)
    expected = np.stack([pil_degrade(picture, height, width) for picture in pictures])
    degraded = degrade(of(pictures), resolution)
    assert np.array_equal(degraded, expected)
    assert isinstance(degraded, np.ndarray) == (of is np.asarray)


@pytest.mark.parametrize("mode", ["antialias", "plain"])
def test_arrays_and_tensors_are_degraded_alike(pictures, mode):
    resolutions, choice = [8, (14, 12), 20], np.array([2, 0, 1, 2])
    of_arrays = degrade_each(pictures, resolutions, choice, mode)
    of_tensors = degrade_each(ops.convert_to_tensor(pictures), resolutions, ops.convert_to_tensor(choice), mode)
    # "plain" has no 8 bits between the passes, so a tie may fall either way.
    assert np.mean(of_arrays != np.asarray(of_tensors)) <= (0 if mode == "antialias" else 1e-4)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tests TensorFlow's graphs")
@pytest.mark.parametrize("mode", ["antialias", "plain"])
def test_pictures_of_a_size_known_only_at_run_time(pictures, mode):
    import tensorflow as tf

    in_graph = tf.function(
        lambda pixels: degrade(pixels, (14, 12), mode),
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)],
    )
    for shown in (pictures, pictures[:1, :50, :70]):
        assert np.array_equal(in_graph(shown), degrade(shown, (14, 12), mode))


def test_degrade_returns_whole_grey_levels_in_float32(pictures):
    degraded = np.asarray(degrade(pictures, 12))
    assert degraded.dtype == np.float32
    assert degraded.shape == pictures.shape
    assert np.array_equal(degraded, np.round(degraded))
    assert degraded.min() >= 0 and degraded.max() <= 255


def test_low_resolution_is_stored_in_8_bits():
    """A ramp from 100 to 101 has no grey level in between after 8 bits, so none comes back."""
    ramp = np.broadcast_to(np.linspace(100.0, 101.0, 96)[None, None, :, None], (1, 112, 96, 3))
    assert set(np.unique(degrade(ramp, 8))) == {100.0, 101.0}


@pytest.mark.parametrize("size", [8, 20])
def test_plain_mode_is_tensorflow_without_antialiasing(pictures, size):
    """For pixels within 64..191 no pass overshoots 0..255, so clipping between the passes has no effect."""
    tf = pytest.importorskip("tensorflow")
    muted = 64 + pictures // 2
    small = tf.round(tf.image.resize(muted, (size, size), method="bicubic", antialias=False))
    expected = tf.image.resize(small, muted.shape[1:3], method="bicubic", antialias=False)
    difference = np.abs(np.asarray(degrade(muted, size, mode="plain")) - expected)
    # Half a level from the final rounding, and a little over one where a value at low resolution is a tie.
    assert difference.mean() <= 0.5
    assert difference.max() <= 2.0


def test_the_two_modes_are_two_tasks(pictures):
    assert np.abs(np.asarray(degrade(pictures[:1], 8)) - np.asarray(degrade(pictures[:1], 8, "plain"))).mean() > 5


def test_each_picture_at_its_own_resolution(pictures):
    resolutions, choice = [8, (14, 12), 20], np.array([2, 0, 1, 2])
    mixed = np.asarray(degrade_each(pictures, resolutions, choice))
    for index, chosen in enumerate(choice):
        alone = np.asarray(degrade(pictures[index : index + 1], resolutions[chosen]))[0]
        assert np.array_equal(mixed[index], alone)


def test_layer_and_function_return_the_same_picture(pictures):
    choice = np.array([0, 1, 1, 0])
    layer = Degrade([8, 16])
    assert np.array_equal(layer(pictures, choice), degrade_each(pictures, [8, 16], choice))
    restored = Degrade.from_config(layer.get_config())
    assert np.array_equal(restored(pictures, choice), layer(pictures, choice))


def test_weights_by_hand():
    """From 4 to 2, plain: the centre lies midway, where Keys' weights are -1/16, 9/16, 9/16, -1/16."""
    weights = cubic_weights(2, 4, antialias=False)
    # The first weight falls outside and is dropped: (9/16, 9/16, -1/16) / (17/16).
    assert np.max(np.abs(weights[0] - np.array([9, 9, -1, 0]) / 17)) < 1e-6
    assert np.max(np.abs(weights[1] - weights[0][::-1])) < 1e-6


@pytest.mark.parametrize("sizes", [(12, 112), (112, 12), (112, 112), (5, 7)])
def test_weights_of_a_row_sum_to_one(sizes):
    assert np.max(np.abs(cubic_weights(*sizes, antialias=True).sum(axis=1) - 1)) < 1e-6


def test_resize_to_the_same_size_changes_nothing(pictures):
    assert np.array_equal(resize(pictures, 112, 96), pictures)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tests TensorFlow's graphs")
def test_resize_where_the_size_is_known_only_at_run_time(pictures):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])
    def dynamic(pixels):
        return resize(pixels, 112, 96)

    for small in (pictures[:, :40, :30], pictures[:, ::2], pictures):
        assert np.max(np.abs(dynamic(small) - np.asarray(resize(small, 112, 96)))) <= 1.0


@pytest.mark.parametrize("text, resolution", [("12", 12), ("14x12", (14, 12)), ("12x12", 12), (8, 8)])
def test_resolutions_are_read_and_written(text, resolution):
    assert parse_resolution(text) == resolution
    assert parse_resolution(format_resolution(resolution)) == resolution


@pytest.mark.parametrize("text", ["", "x", "12x", "0", "-3", "1x2x3", "twelve", "12.5"])
def test_invalid_resolutions_are_refused(text):
    with pytest.raises(ValueError, match="resolution: expected"):
        parse_resolution(text)


def test_bad_arguments_are_refused(pictures):
    with pytest.raises(ValueError, match="mode: expected one of antialias, plain"):
        degrade(pictures, 8, mode="bilinear")
    with pytest.raises(ValueError, match="resolution: expected"):
        degrade(pictures, 8.5)
    with pytest.raises(ValueError, match="pixels: expected"):
        degrade(pictures[0], 8)
    with pytest.raises(ValueError, match="at least one"):
        degrade_each(pictures, [], np.zeros(4, int))


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tests TensorFlow's graphs")
def test_weights_of_sizes_known_only_at_run_time_are_those_of_numpy():
    """Whole numbers of 64 bits give the very weights of float64."""
    import tensorflow as tf

    from cshml_tf.degradation.tensors import graph_weights

    for antialias in (True, False):
        in_graph = tf.function(
            lambda out, size, antialias=antialias: graph_weights(out, size, antialias),
            input_signature=[tf.TensorSpec((), tf.int32)] * 2,
            autograph=False,
        )
        for out in (5, 40, 112):
            for size in (*range(1, 130, 9), 250, 1024, 4000, 32766):
                weights = in_graph(out, size)
                assert np.array_equal(weights, cubic_weights(out, size, antialias)), (out, size, antialias)


@pytest.mark.parametrize("size", [(12, 9), (50, 70), (300, 260), (112, 96)])
def test_whole_numbers_are_resized_without_float64_as_pil_does(size):
    """The digits of weights by bytes: exact in float32, for noise and for edges."""
    random = np.random.default_rng(3)
    pixels = random.integers(0, 256, (2, *size, 3)).astype(np.uint8)
    pixels[1] = np.where(pixels[1] > 127, 255, 0)
    resized = np.asarray(resize(ops.convert_to_tensor(pixels), 48, 40))
    expected = [Image.fromarray(picture).resize((40, 48), Image.Resampling.BICUBIC) for picture in pixels]
    assert np.array_equal(resized, np.stack([np.asarray(picture) for picture in expected]))
    assert np.array_equal(resized, resize(pixels, 48, 40))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("6-9", ["6", "7", "8", "9"]), ("12", ["12"]), ("14x12", ["14x12"])]
    + [(text, [text]) for text in ("9-6", "6-6", "0-3", "-8", "6-", "6-x", "6-9-12", "6-1001")],
)
def test_a_range_is_all_its_resolutions(text, expected):
    assert expand_range(text) == expected
