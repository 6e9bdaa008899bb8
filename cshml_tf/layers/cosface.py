"""The layers behind a backbone: embeddings to unit length, and to cosines with the classes' centres.

Both compute in float32 whatever the precision of the backbone.
"""

import keras
from keras import ops

from cshml_tf.layers.preprocessing import Float32Layer
from cshml_tf.losses import l2_normalise


@keras.saving.register_keras_serializable("cshml_tf")
class UnitLength(Float32Layer):
    """L2-normalise embeddings: (batch, embedding) to the same shape, float32, each of length 1."""

    def call(self, embedding):
        return l2_normalise(embedding)


@keras.saving.register_keras_serializable("cshml_tf")
class CosFace(Float32Layer):
    """The shared classifier: cosines between embeddings and one centre a class, the columns of W.

    It has no margin and no labels, so that training and testing see the same layer; the margin and the
    scale belong to the loss (`cshml_tf.losses.cosface`).

    Args:
        classes: number of identities.

    Call with embeddings (batch, embedding), normalised here; gives (batch, classes) float32, -1..1.
    Source: Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018.
    """

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        if classes < 1:
            raise ValueError(f"classes: expected at least 1, got {classes}")
        self.classes = int(classes)

    def build(self, embedding_shape):
        self.centres = self.add_weight(
            name="centres",
            shape=(embedding_shape[-1], self.classes),
            initializer="glorot_uniform",
        )

    def call(self, embedding):
        return ops.matmul(l2_normalise(embedding), l2_normalise(self.centres, axis=0))

    def compute_output_shape(self, embedding_shape):
        return (*embedding_shape[:-1], self.classes)

    def get_config(self):
        return super().get_config() | {"classes": self.classes}
