"""An embedding and the features that it was computed from, in one."""

from collections.abc import Sequence

import keras
from keras import ops

from cshml_tf.layers.preprocessing import Float32Layer, Shape
from cshml_tf.losses import Tensor, l2_normalise


@keras.saving.register_keras_serializable("cshml_tf")
class WideEmbedding(Float32Layer):
    """An embedding beside its features, both at the same length.

    The cosine of two wide embeddings is the mean of the embeddings' cosine and the features'. The length, the
    quality of a face, is that of the embedding. Both hold unless all features are zero, as in a network that is
    broken. In float32 regardless of the backbone's precision.

    Call with a list of an embedding (batch, E) and features (batch, F), neither normalised; returns
    (batch, E + F) float32.
    """

    def call(self, parts: Sequence[Tensor]) -> Tensor:
        embedding, features = (ops.cast(part, "float32") for part in parts)
        unit = l2_normalise(embedding)
        # The length as a product, whose gradient is finite for an embedding of zeros.
        length = ops.sum(embedding * unit, axis=-1, keepdims=True)
        both = ops.concatenate([unit, l2_normalise(features)], axis=-1)
        return ops.multiply(both, length * 0.5**0.5)

    def compute_output_shape(self, shapes: Sequence[Shape]) -> Shape:
        return (shapes[0][0], sum(shape[-1] or 0 for shape in shapes))
