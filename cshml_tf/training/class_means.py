"""A shared classifier for an HR network without one: W is initialised from class-mean embeddings."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.metrics.matching import person_means


def class_means(
    recogniser: keras.Model,
    source: Any,
    image_size: tuple[int, int],
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Compute W from the HR network's own embeddings of the training faces.

    Args:
        recogniser: the HR network.
        source: as returned by `cshml_tf.data.sources.open_source`.
        image_size: (height, width) that every image must have.
        batch_size: number of images per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.

    Returns:
        (E, classes) float32, columns of unit length.

    Raises:
        ValueError: an image cannot be read or has another size.
    """
    (embeddings,) = embed(source.images, [View(recogniser)], image_size, batch_size, progress=progress)
    means, _ = person_means(embeddings, source.labels)
    return means.T
