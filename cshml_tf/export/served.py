"""The graph that ONNX, OpenVINO and LiteRT exports are converted from.

It takes float32 pixels of the network's own size: these formats lack the whole numbers of 64 bits with which a
SavedModel resizes exactly.
"""

from typing import Any

import keras
import tensorflow as tf

from cshml_tf.recogniser import image_size_of

INPUT, OUTPUT = "images", "embeddings"
PIXELS = (
    "(N, height, width, 3) float32, 0..255: RGB pixels of N aligned faces of the network's image_size; a face of "
    "another size is first resized with Pillow's Image.resize(..., Image.BICUBIC), which equals the resizing in "
    "training. The embedding of a face whose largest value is above 0 and at most 1 is NaN, since its pixels were "
    "divided by 255"
)
EMBEDDINGS = "(N, E) float32, each of unit length"
# Parts of the names of the nodes that stay float32 in every precision; the last node may have the output's.
IN_FLOAT32 = ("standardise", "unit_length", "checked", OUTPUT)


class ServedFaces(tf.Module):
    """A recogniser's graph for faces of its own size, and its variables.

    Args:
        recogniser: pixels 0..255 -> unit embeddings.
    """

    def __init__(self, recogniser: keras.Model) -> None:
        super().__init__(name="recogniser")
        # The converters need the variables tracked.
        self.weights = [variable.value for variable in recogniser.variables]
        height, width = image_size_of(recogniser)
        self.signature = (tf.TensorSpec((None, height, width, 3), tf.float32, name=INPUT),)

        @tf.function(input_signature=self.signature, autograph=False)
        def embed(images: tf.Tensor) -> dict[str, Any]:
            embeddings = recogniser(images, training=False)
            with tf.name_scope("checked"):
                brightest = tf.reduce_max(tf.reduce_max(images, axis=[2, 3]), axis=1, keepdims=True)
                # The root of -1 is NaN; readers that check weights, as our import does, refuse a constant NaN.
                sign = tf.where(brightest > 1, 1.0, tf.where(brightest > 0, -1.0, 1.0))
                return {OUTPUT: embeddings * tf.sqrt(sign)}

        self.embed = embed
