"""The bank of HR embeddings that a further term of the loss contrasts faces with."""

from collections.abc import Callable, Iterable

import keras
import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.selection import Selection
from cshml_tf.data.unreadable import Unreadable, UnreadableFace
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.layers import Bank


def make_bank(
    recogniser: keras.Model,
    source: FaceSource,
    unreadable: Unreadable,
    image_size: tuple[int, int],
    most: int,
    flip: bool,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Bank:
    """Embed training faces, evenly spaced over the source.

    Args:
        recogniser: the HR network.
        source: the training faces.
        unreadable: reads them; those that cannot be read are left out, if any may be.
        image_size: (height, width) of the network's input.
        most: the largest number of faces.
        flip: whether to average each embedding with that of the mirror image.
        progress: wraps the sequence of batches, such as `tqdm`.

    Returns:
        `Bank`.

    Raises:
        ValueError: a face cannot be read and none may be left out, or none can be read.
    """
    chosen = np.unique(np.linspace(0, len(source) - 1, min(most, len(source))).astype(np.int64))
    if unreadable.limit:
        chosen = np.array([index for index in chosen if _can_be_read(unreadable, int(index))], np.int64)
    images = Selection(source.images, chosen)
    (embeddings,) = embed(images, [View(recogniser)], image_size, flip=flip, progress=progress)
    return Bank(embeddings, source.labels[chosen])


def _can_be_read(unreadable: Unreadable, index: int) -> bool:
    try:
        unreadable.read_one(index)
    except UnreadableFace:
        return False
    return True
