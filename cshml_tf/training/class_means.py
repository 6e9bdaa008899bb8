"""A shared classifier for an HR network without one: W is initialised from class-mean embeddings."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from cshml_tf.data.checking import find_unreadable
from cshml_tf.data.selection import Selection
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.metrics.matching import person_means


def class_means(
    recogniser: keras.Model,
    source: Any,
    image_size: tuple[int, int],
    batch_size: int = 32,
    progress: Callable[[Iterable], Iterable] = iter,
    skip_unreadable: int = 0,
) -> np.ndarray:
    """Compute W from the HR network's own embeddings of the training faces.

    Args:
        recogniser: the HR network.
        source: as returned by `cshml_tf.data.sources.open_source`.
        image_size: (height, width) that every image must have.
        batch_size: number of images per forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.
        skip_unreadable: number of images that may be left out because they cannot be read.

    Returns:
        (E, classes) float32, columns of unit length.

    Raises:
        ValueError: more images cannot be read or have another size, or all images of a class.
    """
    images, labels = source.images, source.labels
    if skip_unreadable:
        readable = _readable(source, image_size, skip_unreadable)
        images, labels = Selection(images, readable), labels[readable]
    (embeddings,) = embed(images, [View(recogniser)], image_size, batch_size, progress=progress)
    means, _ = person_means(embeddings, labels)
    return means.T


def _readable(source: Any, image_size: tuple[int, int], limit: int) -> np.ndarray:
    """Return the places of the images that can be read, at least one for each class."""
    bad = find_unreadable(source, image_size)
    if len(bad) > limit:
        reason = next(iter(bad.values()))
        raise ValueError(f"skip_unreadable: expected at most {limit} images, got {len(bad)}, such as {reason}")
    readable = np.setdiff1d(np.arange(len(source)), list(bad)).astype(np.int64)
    without = np.setdiff1d(source.labels, source.labels[readable])
    if len(without):
        name = source.classes[without[0]]
        raise ValueError(f"skip_unreadable: expected an image of everyone that can be read, got none of {name}")
    return readable
