"""The layers after a backbone: embeddings to unit length, and to cosines with the class centres.

Both compute in float32 regardless of the backbone's precision.
"""

from typing import Any

import keras
from keras import ops

from cshml_tf.layers.preprocessing import Float32Layer, Shape
from cshml_tf.losses import Tensor, l2_normalise


@keras.saving.register_keras_serializable("cshml_tf")
class UnitLength(Float32Layer):
    """L2-normalise embeddings: (batch, embedding) to the same shape, float32, each row of length 1."""

    def call(self, embedding: Tensor) -> Tensor:
        return l2_normalise(embedding)


@keras.saving.register_keras_serializable("cshml_tf")
class CosFace(Float32Layer):
    """The shared classifier: cosines between embeddings and one centre per class, the columns of W.

    The layer takes no labels, so it is the same in training and testing; margin and scale belong to the loss
    (`cshml_tf.losses.cosface`).

    Args:
        classes: number of identities.
        **kwargs: arguments of `keras.layers.Layer`.

    Call with embeddings (batch, embedding), which are normalised here; returns (batch, classes) float32, -1..1.
    Source: Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018.

    Raises:
        ValueError: `classes` is below 1.
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if classes < 1:
            raise ValueError(f"classes: expected at least 1, got {classes}")
        self.classes = int(classes)

    def build(self, input_shape: Shape) -> None:
        self.centres = self.add_weight(
            name="centres",
            shape=(input_shape[-1], self.classes),
            initializer="glorot_uniform",
        )

    def call(self, embedding: Tensor) -> Tensor:
        return ops.matmul(l2_normalise(embedding), l2_normalise(self.centres, axis=0))

    def compute_output_shape(self, embedding_shape: Shape) -> Shape:
        return (*embedding_shape[:-1], self.classes)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"classes": self.classes}
