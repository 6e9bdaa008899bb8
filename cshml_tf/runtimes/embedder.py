"""The one place where a loaded network embeds faces: a recogniser that runs arrays of pixels in a runtime."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from cshml_tf.layers import fit_to_size
from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.recogniser import CheckedRecogniser, check_range, features, image_size_of, is_concrete
from cshml_tf.runtimes.choice import find_runtime, prepare
from cshml_tf.runtimes.runtime import Run


class Embedder(CheckedRecogniser):
    """A recogniser whose weights no longer change, and which embeds arrays in another runtime than Keras.

    Calls with arrays and concrete tensors, and `predict_on_batch`, return arrays of unit embeddings. Inside a
    graph that is traced it is the recogniser that it was made of, so that it can be copied and trained on. The
    network is converted when it first embeds: one that never does costs nothing.

    Attributes:
        prepare: function that converts the network; None where Keras embeds all the same.
    """

    prepare: Callable[[], Run | None]

    @property
    def is_converted(self) -> bool:
        """Whether the runtime embeds; False where Keras has to. The network is converted to tell."""
        return self._run() is not None

    def raw(self, pixels: Any) -> np.ndarray:
        """Embed pixels (N, H, W, 3), 0..255, of any size: (N, E) float32, before normalisation."""
        check_range(pixels)
        if not len(pixels):
            return np.zeros((0, self.output_shape[-1]), np.float32)
        fitted = fit_to_size(np.asarray(pixels), image_size_of(self))
        if (run := self._run()) is None:
            return np.asarray(features(self, fitted)["embedding"], np.float32)
        return run(np.ascontiguousarray(fitted, np.float32))

    def __call__(self, pixels: Any, *args: Any, **kwargs: Any) -> Any:
        """Embed pixels, in the runtime if they are concrete and nothing is trained."""
        if kwargs.get("training") or not is_concrete(pixels) or self._run() is None:
            return super().__call__(pixels, *args, **kwargs)
        return unit_rows(self.raw(pixels))

    def predict_on_batch(self, x: Any) -> Any:
        """Embed pixels as one batch."""
        return super().predict_on_batch(x) if self._run() is None else unit_rows(self.raw(x))

    def _run(self) -> Run | None:
        if "_prepared" not in self.__dict__:
            # Keras would look for layers in what is assigned.
            self.__dict__["_prepared"] = self.prepare()
        return self.__dict__["_prepared"]


def with_runtime(
    recogniser: keras.Model, runtime: str = "auto", mixed_precision: str = "off", name: str = ""
) -> keras.Model:
    """Return a recogniser that embeds arrays in a runtime; it shares all layers with the original.

    Its embeddings are within 1e-5 of Keras's in float32, and at a cosine of 0.999 or more in bfloat16, which is
    compared on a few faces when it first embeds; otherwise Keras embeds, and a `ListWarning` says why.

    Args:
        recogniser: as returned by `cshml_tf.model_folder.load_recogniser`; its weights must not change any more.
        runtime: "keras", "openvino", "onnxruntime", or "auto" for the fastest that is installed.
        mixed_precision: "off" for float32, "on" for bfloat16, "auto" for whichever of them is faster here.
        name: of the network, for warnings.

    Returns:
        An `Embedder`; the recogniser itself where Keras embeds in float32.

    Raises:
        ValueError: a named runtime is not installed.
    """
    found = find_runtime(runtime)
    if found == "keras" and mixed_precision == "off":
        return recogniser
    embedder = Embedder(recogniser.input, recogniser.output, name=recogniser.name)
    embedder.__dict__["prepare"] = lambda: prepare(recogniser, found, mixed_precision, name)
    return embedder


def raw_embeddings(recogniser: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Embed faces without normalisation.

    Args:
        recogniser: as `with_runtime` or `cshml_tf.model_folder.load_recogniser` return.
        pixels: (N, H, W, 3), 0..255, RGB.

    Returns:
        (N, E) float32.

    Raises:
        ValueError: the pixels are not of 0..255.
    """
    if isinstance(recogniser, Embedder):
        return recogniser.raw(pixels)
    check_range(pixels)
    return np.asarray(features(recogniser, pixels.astype(np.float32))["embedding"], np.float32)
