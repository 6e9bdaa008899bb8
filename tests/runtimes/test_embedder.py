"""Each runtime embeds as Keras does, or Keras embeds and one line says why; bfloat16 is used where it pays."""

import dataclasses
from importlib import metadata

import keras
import numpy as np
import pytest

import cshml_tf
from cshml_tf.files import ListWarning
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.recogniser import clone, unchecked
from cshml_tf.runtimes import choice
from cshml_tf.runtimes.embedder import Embedder, raw_embeddings, with_runtime
from cshml_tf.runtimes.runtime import load_runtime
from cshml_tf.settings.choices import RUNTIMES

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="networks are converted on it")


def replace_runtime(monkeypatch, name, **changes):
    """Make a runtime of this name prepare networks otherwise."""
    changed = dataclasses.replace(load_runtime(name), **changes)
    monkeypatch.setattr(choice, "load_runtime", lambda each: changed if each == name else load_runtime(each))


def largest_difference(a, b):
    return np.abs(np.asarray(a) - np.asarray(b)).max()


def test_the_choices_are_the_files_of_the_room():
    assert all(load_runtime(name).prepare for name in RUNTIMES if name != "auto")


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime", "auto"])
def test_embeddings_equal_kerass(network, faces, runtime):
    embedder = with_runtime(network, runtime)
    assert isinstance(embedder, Embedder)
    larger = np.random.default_rng(1).integers(0, 256, (3, 50, 41, 3)).astype(np.uint8)
    for pixels in (faces, faces[:1], faces.astype(np.float32), faces[:, :, ::-1], larger):
        expected = network(pixels)
        for embedded in (embedder(pixels), embedder.predict_on_batch(pixels)):
            assert embedded.shape == expected.shape and embedded.dtype == np.float32
            assert largest_difference(embedded, expected) <= 1e-5
        raw = raw_embeddings(embedder, pixels)
        assert np.abs(np.linalg.norm(raw, axis=1) - 1).min() > 0.1
        np.testing.assert_allclose(raw, raw_embeddings(network, pixels), rtol=1e-4, atol=1e-4)
    assert raw_embeddings(embedder, faces[:0]).shape == (0, 16)


def test_the_runtime_embeds_not_keras(network, faces, monkeypatch):
    """A network is prepared when it first embeds, on three faces of its own; then it gets contiguous float32."""
    answers = []

    def prepare(recogniser, number_format):
        def run(pixels):
            answers.append(pixels)
            return raw_embeddings(network, pixels)

        return run

    replace_runtime(monkeypatch, "openvino", prepare=prepare)
    embedder = with_runtime(network, "openvino")
    assert not answers
    embedder.predict_on_batch(faces)
    assert [len(pixels) for pixels in answers] == [3, 5]
    np.testing.assert_array_equal(answers[1], faces.astype(np.float32))
    assert answers[1].dtype == np.float32 and answers[1].flags.c_contiguous


def test_the_library_embeds_in_a_runtime(network, faces):
    embedded = cshml_tf.embed(network, list(faces), runtime="openvino")
    difference = largest_difference(embedded, cshml_tf.embed(network, list(faces)))
    assert 0 < difference <= 1e-5


def test_pixels_of_0_to_1_are_refused(network, faces):
    embedder = with_runtime(network, "openvino")
    for embed in (embedder, embedder.predict_on_batch, embedder.raw):
        with pytest.raises(ValueError, match="pixels: expected RGB of 0..255"):
            embed(faces / 255)


@pytest.mark.parametrize("count", [1, 2, 7, 16, 21])
def test_parts_of_a_batch_come_back_in_order(network, count):
    """Whatever the batch is cut into, each face has the embedding that it has by itself."""
    pixels = np.random.default_rng(count).integers(0, 256, (count, 32, 28, 3)).astype(np.uint8)
    one_by_one = np.concatenate([np.asarray(network(pixels[i : i + 1])) for i in range(count)])
    run = load_runtime("openvino").prepare(network, "float32")
    assert largest_difference(unit_rows(run(pixels.astype(np.float32))), one_by_one) <= 1e-5


def test_a_copy_is_an_ordinary_recogniser(network, faces):
    embedder = with_runtime(network, "openvino")
    copy = clone(embedder)
    assert not isinstance(copy, Embedder) and type(unchecked(embedder)) is type(copy)
    assert keras.ops.is_tensor(copy(faces))
    assert largest_difference(copy(faces), embedder(faces)) <= 1e-5


def test_a_network_that_differs_is_left_to_keras(network, faces, monkeypatch):
    def prepare(recogniser, number_format):
        return lambda pixels: raw_embeddings(network, pixels) * np.linspace(1, 1.1, 16, dtype=np.float32)

    replace_runtime(monkeypatch, "openvino", prepare=prepare)
    embedder = with_runtime(network, "auto", name="models/hr")
    with pytest.warns(ListWarning, match=r"^models/hr: embeds with keras instead of openvino: .* differ by 0\.0"):
        embedded = embedder.predict_on_batch(faces)
    np.testing.assert_array_equal(embedded, network.predict_on_batch(faces))


def test_a_network_that_cannot_be_converted_is_left_to_keras(network, faces, monkeypatch):
    def prepare(recogniser, number_format):
        raise RuntimeError("no rule for operation Spiral\nmore lines")

    replace_runtime(monkeypatch, "onnxruntime", prepare=prepare)
    embedder = with_runtime(network, "onnxruntime")
    with pytest.warns(
        ListWarning, match="instead of onnxruntime: the network cannot be converted: no rule for .*al$"
    ):
        raw = raw_embeddings(embedder, faces)
    np.testing.assert_array_equal(raw, raw_embeddings(network, faces))
    assert keras.ops.is_tensor(embedder(faces))


def test_without_the_package(network, monkeypatch):
    def version(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr("cshml_tf.runtimes.runtime.metadata.version", version)
    assert with_runtime(network, "auto") is network
    with pytest.raises(
        ValueError, match=r"^runtime: expected an installed one, .*pip install 'cshml_tf\[runtimes\]'"
    ):
        with_runtime(network, "openvino")


def test_keras_in_float32_needs_no_preparation(network):
    assert with_runtime(network, "keras") is network


@pytest.mark.parametrize("runtime", ["openvino", "keras"])
def test_bfloat16_is_near_float32(network, faces, runtime, monkeypatch):
    # OpenVINO computes in float32 where the processor has no bfloat16; that it is asked for it is what counts.
    replace_runtime(monkeypatch, runtime, formats=lambda: ["float32", "bfloat16"])
    embedded = with_runtime(network, runtime, "on").predict_on_batch(faces)
    cosines = np.sum(embedded * unit_rows(raw_embeddings(network, faces)), axis=1)
    assert cosines.min() >= 0.999


@pytest.mark.parametrize(("seconds", "is_rounded"), [(2.0, False), (0.5, True)])
def test_bfloat16_is_taken_where_it_is_faster(network, faces, monkeypatch, seconds, is_rounded):
    """The clock says that a batch in bfloat16 takes twice, or half, as long as one in float32."""
    prepared = load_runtime("openvino").prepare

    def prepare(recogniser, number_format):
        run = prepared(recogniser, "float32")
        if number_format == "float32":
            return run

        def rounded(pixels):
            return run(pixels) * np.float32(2.0)

        rounded.seconds = seconds
        return rounded

    replace_runtime(monkeypatch, "openvino", prepare=prepare, formats=lambda: ["float32", "bfloat16"])
    monkeypatch.setattr(choice, "_seconds", lambda run, faces: getattr(run, "seconds", 1.0))
    raw = raw_embeddings(with_runtime(network, "openvino", "auto"), faces)
    factor = 2.0 if is_rounded else 1.0
    np.testing.assert_allclose(raw, raw_embeddings(network, faces) * factor, rtol=1e-4, atol=1e-4)


def test_bfloat16_that_differs_is_left_to_float32(network, faces, monkeypatch):
    prepared = load_runtime("openvino").prepare

    def prepare(recogniser, number_format):
        run = prepared(recogniser, "float32")
        return run if number_format == "float32" else lambda pixels: -run(pixels)

    replace_runtime(monkeypatch, "openvino", prepare=prepare, formats=lambda: ["float32", "bfloat16"])
    with pytest.warns(ListWarning, match="embeds with float32 instead of bfloat16: cosines to float32 fall to -1"):
        embedded = with_runtime(network, "openvino", "on").predict_on_batch(faces)
    assert largest_difference(embedded, network(faces)) <= 1e-5


def test_a_processor_without_bfloat16(network, faces, monkeypatch):
    replace_runtime(monkeypatch, "openvino", formats=lambda: ["float32"])
    with pytest.warns(ListWarning, match="float32 instead of bfloat16: openvino does not compute in it here"):
        embedded = with_runtime(network, "openvino", "on").predict_on_batch(faces)
    assert largest_difference(embedded, network(faces)) <= 1e-5
    # Chosen by measurement, it is float32 without a word.
    assert largest_difference(with_runtime(network, "openvino", "auto")(faces), network(faces)) <= 1e-5
