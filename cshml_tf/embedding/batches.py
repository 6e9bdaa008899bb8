"""The batches of a data set, and the function that embeds one of them in any process."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.folder import FolderSource
from cshml_tf.data.sources import open_source
from cshml_tf.evaluation.embedding import check_embeddings, embed_pixels
from cshml_tf.files import printable
from cshml_tf.images import UnreadableImage, read_image
from cshml_tf.model_folder import digest_of_network, load_recogniser
from cshml_tf.runtimes.embedder import Embedder, with_runtime
from cshml_tf.workers import threads_of_this_worker


class Batch(NamedTuple):
    """Faces that are embedded together; the same ones wherever and whenever that happens.

    Attributes:
        number: of the batch, from 0.
        first: place of its first face in the data set.
        people: the class folder of each of its faces; () if the data set has no file per face.
        names: the name of each face's file; () likewise.
        count: number of faces.
        only: the one face of the batch to embed, 0 to count - 1; None for all.
    """

    number: int
    first: int
    people: tuple[str, ...]
    names: tuple[str, ...]
    count: int
    only: int | None = None


class Embedded(NamedTuple):
    """What came of a batch.

    Attributes:
        embeddings: (count, E) float32, rows of unit length; zeros for a face that cannot be read.
        reasons: why faces cannot be read, by their places in the batch.
    """

    embeddings: np.ndarray
    reasons: dict[int, str]


def batches_of(source: FaceSource, batch_size: int) -> Iterator[Batch]:
    """Yield the batches of a data set in order; all are full but the last."""
    for number, first in enumerate(range(0, len(source), batch_size)):
        last = min(first + batch_size, len(source))
        people, names = (), ()
        if isinstance(source, FolderSource):
            # The strings are those of the source: a path per face would take more memory than all else.
            people = tuple(source.classes[label] for label in source.labels[first:last])
            names = tuple(source.names[first:last])
        yield Batch(number, first, people, names, last - first)


class BatchEmbedder:
    """The function that each process applies to the batches.

    Args:
        data_dir: the data set, as `cshml_tf.data.sources.open_source` takes it; an absolute path.
        model_dir: model folder of the network, an absolute path.
        digest: the network's, as `digest_of_network` returns it.
        backend: name of Keras's backend.
        image_size: (height, width) of every face, pixels.
        batch_size: to which short batches are filled, so that the network is compiled once.
        flip: whether to add the embedding of the mirrored face and normalise the sum.
        runtime: what runs the network, as `cshml_tf.runtimes.choice.find_runtime` returns it.
        threads: of TensorFlow's on the CPU; None takes those of a Dask worker, and all elsewhere.

    Raises:
        ValueError: the network is another one, or cannot be loaded; or the backend is another one; or the runtime
            cannot run the network, whose faces would then be embedded in two ways.
    """

    def __init__(
        self,
        data_dir: Path,
        model_dir: Path,
        digest: str,
        backend: str,
        image_size: tuple[int, int],
        batch_size: int,
        flip: bool,
        runtime: str = "keras",
        threads: int | None = None,
    ) -> None:
        if keras.backend.backend() != backend:
            raise ValueError(f"KERAS_BACKEND: expected {backend}, got {keras.backend.backend()}")
        if digest_of_network(model_dir) != digest:
            raise ValueError(
                f"{printable(model_dir)}: expected the network with which the work began, got another"
            )
        _limit_threads(threads or threads_of_this_worker())
        self._recogniser = with_runtime(load_recogniser(model_dir), runtime, name=printable(model_dir))
        if isinstance(self._recogniser, Embedder) and not self._recogniser.is_converted:
            raise ValueError(f"runtime: {runtime} cannot run {printable(model_dir)}")
        self._data_dir, self._model_dir, self._source = data_dir, model_dir, None
        self._image_size, self._batch_size, self._flip = image_size, batch_size, flip

    def __call__(self, batch: Batch) -> Embedded:
        """Embed a batch.

        Raises:
            ValueError: an embedding is zero or not finite, as those of a broken network are.
        """
        pixels = np.zeros((self._batch_size, *self._image_size, 3), np.float32)
        reasons: dict[int, str] = {}
        chosen = range(batch.count) if batch.only is None else [batch.only]
        for place in chosen:
            try:
                pixels[place] = self._read(batch, place)
            except ValueError as error:
                reasons[place] = str(error)
        embeddings = embed_pixels(self._recogniser, pixels, self._flip)[: batch.count]
        read = [place for place in chosen if place not in reasons]
        kept = np.zeros_like(embeddings)
        kept[read] = embeddings[read]
        check_embeddings(kept[read], lambda row: f"face {batch.first + read[row]}", printable(self._model_dir))
        return Embedded(kept, reasons)

    def _read(self, batch: Batch, place: int) -> np.ndarray:
        if batch.names:
            face = read_image(self._data_dir / batch.people[place] / batch.names[place])
        else:
            if self._source is None:
                self._source = open_source(self._data_dir)
            face = np.asarray(self._source.images[batch.first + place])
        if face.shape[:2] != self._image_size:
            height, width = self._image_size
            raise UnreadableImage(
                f"expected {height} x {width}, as the first face, got {face.shape[0]} x {face.shape[1]}"
            )
        return face


def _limit_threads(threads: int | None) -> None:
    """Limit the threads of TensorFlow, so that several processes share the cores; JAX cannot be limited here."""
    if threads is None or keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # TensorFlow has already started.
        return
