"""A shared classifier for an HR network that came without one: each class starts at its mean embedding."""

import numpy as np

from cshml_tf.evaluation.embedding import View, embed, unit_rows


def class_means(recogniser, source, image_size, batch_size=32, progress=iter):
    """Compute W from the HR network's own embeddings of the training faces.

    Args:
        recogniser: the HR network.
        source: as `cshml_tf.data.sources.open_source` gives.
        image_size: (height, width) that every image must have.
        batch_size: images a forward pass.
        progress: wraps the sequence of batches, such as `tqdm`.

    Returns:
        (E, classes) float32, columns of unit length.

    Raises:
        ValueError: an image cannot be read or is of another size.
    """
    (embeddings,) = embed(source.images, [View(recogniser)], image_size, batch_size, progress=progress)
    sums = np.zeros((len(source.classes), embeddings.shape[1]))
    np.add.at(sums, source.labels, embeddings)
    return unit_rows(sums).T.astype(np.float32)
