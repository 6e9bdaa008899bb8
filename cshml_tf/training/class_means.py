"""A shared classifier for an HR network that came without one: each class starts at its mean embedding."""

from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.metrics.matching import person_means


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
    means, _ = person_means(embeddings, source.labels)
    return means.T
