"""A network as one TensorFlow graph of constants, from which other runtimes' networks are converted."""

from typing import Any

import keras
import tensorflow as tf

from cshml_tf.recogniser import features, image_size_of

INPUT, OUTPUT = "faces", "embedding"


def constant_function(recogniser: keras.Model) -> tuple[Any, tuple[Any, ...]]:
    """Return a network as a function whose graph holds the weights as constants.

    Written into the graph as it is traced, constants need no freezing afterwards, which for Inception-ResNet-v1
    takes four times as long as the tracing.

    Args:
        recogniser: pixels 0..255 -> unit embeddings.

    Returns:
        (function, signature): a `tf.function` of (N, height, width, 3) float32 pixels, 0..255, of the network's
        own size, that returns {OUTPUT: (N, E) float32}, before normalisation; and its input signature.
    """
    height, width = image_size_of(recogniser)
    signature = (tf.TensorSpec((None, height, width, 3), tf.float32, name=INPUT),)

    # Inside a graph, variables have no values.
    weights = [(variable, variable.numpy()) for variable in recogniser.variables]

    @tf.function(input_signature=signature, autograph=False)
    def embed(faces: tf.Tensor) -> dict[str, Any]:
        constants = [(variable, tf.constant(values)) for variable, values in weights]
        with keras.StatelessScope(state_mapping=constants):
            embedding = features(recogniser, faces)["embedding"]  # pyright: ignore[reportArgumentType]
        return {OUTPUT: tf.identity(embedding, name=OUTPUT)}

    return embed, signature
