"""Keras itself, on whichever backend it runs."""

from typing import Any

import keras
import numpy as np

from cshml_tf.recogniser import clone, features, image_size_of
from cshml_tf.runtimes.runtime import BFLOAT16, FLOAT32, Run, Runtime


def _prepare(recogniser: keras.Model, number_format: str) -> Run:
    if number_format == BFLOAT16:
        recogniser = clone(recogniser, "mixed_bfloat16")
    if keras.backend.backend() == "tensorflow":
        return _traced_once(recogniser)
    # A recogniser has one input, for which Keras's type also allows lists.
    pixels: Any = recogniser.input
    raw = keras.Model(pixels, features(recogniser, pixels)["embedding"])
    return lambda faces: np.asarray(raw.predict_on_batch(faces), np.float32)


def _traced_once(recogniser: keras.Model) -> Run:
    """Return a function for batches of any length; Keras would trace each length anew."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *image_size_of(recogniser), 3), tf.float32)]
    function = tf.function(
        lambda faces: features(recogniser, faces)["embedding"], input_signature=signature, autograph=False
    )
    return lambda faces: np.asarray(function(tf.constant(faces)), np.float32)


RUNTIME = Runtime(_prepare, lambda: [FLOAT32, BFLOAT16])
