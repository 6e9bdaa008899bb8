"""Refuse an image file inside a TensorFlow graph, in one sentence."""

from typing import Any

import tensorflow as tf

_WHAT_TO_DO = "decode it and call serving_default with its pixels"


def refuse_unless(condition: tf.Tensor, expected: str, passed: Any, got: str | tf.Tensor = "another one") -> Any:
    """Return tensors that exist only where a condition holds.

    Args:
        condition: scalar bool.
        expected: what was expected of the file.
        passed: a tensor or nested tensors.
        got: what came instead.

    Returns:
        `passed`, which the graph computes only after the check.

    Raises:
        tf.errors.InvalidArgumentError: (when the graph runs) the condition does not hold.
    """
    message = tf.strings.join(["image_bytes: expected ", expected, ", got ", got, "; ", _WHAT_TO_DO])
    with tf.control_dependencies([tf.debugging.Assert(condition, [message])]):
        return tf.nest.map_structure(tf.identity, passed)
