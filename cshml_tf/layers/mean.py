"""The mean of several networks' embeddings, in one network."""

from collections.abc import Sequence

import keras
from keras import ops

from cshml_tf.layers.preprocessing import Float32Layer, Shape
from cshml_tf.losses import Tensor, l2_normalise


@keras.saving.register_keras_serializable("cshml_tf")
class MeanEmbedding(Float32Layer):
    """The mean of the networks' unit embeddings, times the mean of their lengths.

    Its direction weighs all networks alike. Its length, the quality of a face, keeps their scale, and is shorter
    where they disagree. In float32 regardless of the backbone's precision.

    Call with a list of embeddings (batch, E), not normalised; returns (batch, E) float32.
    """

    def call(self, embeddings: Sequence[Tensor]) -> Tensor:
        raw = ops.stack([ops.cast(each, "float32") for each in embeddings])
        unit = l2_normalise(raw)
        # The length as a product, whose gradient is finite for an embedding of zeros.
        length = ops.mean(ops.sum(raw * unit, axis=-1, keepdims=True), axis=0)
        return ops.multiply(ops.mean(unit, axis=0), length)

    def compute_output_shape(self, shapes: Sequence[Shape]) -> Shape:
        return shapes[0]
