"""A bank of HR embeddings, kept with the network that learns from it."""

import keras
import numpy as np

from cshml_tf.losses import Tensor


class Bank(keras.layers.Layer):
    """HR embeddings of training faces and their labels: weights that never learn, so that checkpoints keep them.

    Args:
        embeddings: (faces, E) float32.
        labels: (faces,) integers.
    """

    def __init__(self, embeddings: np.ndarray, labels: np.ndarray) -> None:
        super().__init__(name="bank", dtype="float32")
        self.embeddings = self._fixed("embeddings", embeddings, "float32")
        self.labels = self._fixed("labels", labels, "int32")
        self.built = True

    @property
    def contents(self) -> tuple[Tensor, Tensor]:
        """The embeddings (faces, E) and their labels (faces,)."""
        return self.embeddings, self.labels

    def _fixed(self, name: str, values: np.ndarray, dtype: str) -> keras.Variable:
        variable = self.add_weight(name=name, shape=values.shape, dtype=dtype, trainable=False)
        variable.assign(values)
        return variable
