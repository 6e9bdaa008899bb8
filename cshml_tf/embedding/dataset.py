"""Embed a data set of aligned faces into one array; processes or a cluster share the work, and runs resume."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.folder import FolderSource
from cshml_tf.data.sources import open_source
from cshml_tf.embedding.batches import Batch, BatchEmbedder, Embedded, batches_of
from cshml_tf.embedding.store import ARRAY, EmbeddingStore
from cshml_tf.files import claimed, is_regular
from cshml_tf.images import read_image
from cshml_tf.model_folder import RECOGNISER, digest_of_network
from cshml_tf.runtimes.choice import find_runtime
from cshml_tf.workers import Cluster, Outcomes, in_this_process, in_workers, on_cluster

_REASON_DIED = "the process died or ran out of memory while embedding this face"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a call of `embed_dataset` did.

    Attributes:
        count: number of faces of the data set.
        embedded: how many of them this call embedded.
        unreadable: why faces have no embedding, by their places in the data set.
    """

    count: int
    embedded: int
    unreadable: dict[int, str]


def embed_dataset(
    data_dir: str | Path,
    output_dir: str | Path,
    model_dir: str | Path,
    batch_size: int = 32,
    flip: bool = False,
    runtime: str = "keras",
    workers: int = 1,
    cluster: Cluster | None = None,
    progress: Callable[..., Iterable] | None = None,
) -> Outcome:
    """Embed every face of a data set that is not yet in the output folder.

    A batch holds the same faces whoever embeds it, so that the embeddings do not depend on the number of processes
    or on interruptions. A face that cannot be read, or has another size than the first, has a row of zeros.

    Args:
        data_dir: aligned faces of one size: class folders, a packed folder, or InsightFace's records.
        output_dir: new, empty, or written by an earlier run with the same arguments.
        model_dir: model folder of the network.
        batch_size: faces per forward pass.
        flip: whether to add the embedding of the mirrored face and normalise the sum.
        runtime: what runs the network, see `cshml_tf.with_runtime`. Only Keras's embeddings are known to be the
            same to the last bit on machines with other numbers of cores.
        workers: number of processes; 1 does the work in this process.
        cluster: a Dask cluster whose workers do the work instead; the faces and the model folder must have the
            same paths there. This process alone writes the output.
        progress: called as progress(iterable, total=number of batches to embed), returns an iterable over the
            same items.

    Returns:
        The `Outcome`; `embeddings.npy`, (faces, E) float32, and `faces.csv` are whole.

    Raises:
        ValueError: the faces, the network or the output folder cannot be used, or another process is writing it.
        OSError: the output cannot be written, the processes do not start, or the cluster cannot be used.
    """
    source, output_dir = open_source(data_dir), Path(output_dir)
    image_size, digest = _image_size(source), digest_of_network(model_dir)
    runtime = find_runtime(runtime)
    settings = {
        "faces": source.digest(),
        "network": digest,
        "runtime": runtime,
        "backend": keras.backend.backend(),
        "image_size": list(image_size),
        "use_flipped_images": flip,
        "embedding_batch_size": batch_size,
    }
    folders = Path(os.path.abspath(data_dir)), Path(os.path.abspath(model_dir))
    threads = None if workers == 1 or cluster else max(1, (os.cpu_count() or 1) // workers)
    make = functools.partial(
        BatchEmbedder, *folders, digest, settings["backend"], image_size, batch_size, flip, runtime, threads
    )
    work = functools.partial(_work(workers, cluster, source, folders[1], runtime), make_function=make)
    with claimed(output_dir / ARRAY):
        store = EmbeddingStore(output_dir, settings, len(source), -(-len(source) // batch_size))
        missing = [batch for batch in batches_of(source, batch_size) if not store.done[batch.number]]
        if store.is_finished:
            missing = []
        try:
            _embed(missing, work, store, progress)
            if not store.is_finished:
                store.finish(_names(source))
        except OSError as error:
            # A full disk does not say which file it refused.
            if error.errno is not None and error.filename is None:
                error.filename = str(output_dir)
            raise
        finally:
            store.close()
    return Outcome(len(source), sum(batch.count for batch in missing), store.reasons)


def _embed(
    missing: list[Batch], work: Callable[..., Outcomes], store: EmbeddingStore, progress: Callable | None
) -> None:
    """Embed batches into the store; one that died is embedded again face by face, to find which is to blame."""
    died: dict[int, Batch] = {}
    results = work(missing)
    try:
        for batch, embedded in progress(results, total=len(missing)) if progress else results:
            if embedded is None:
                died[batch.number] = batch
            else:
                store.add(batch, embedded)
    finally:
        results.close()
        store.commit()
    parts: dict[int, dict[int, Embedded | None]] = {number: {} for number in died}
    faces = [batch._replace(only=place) for batch in died.values() for place in range(batch.count)]
    for face, embedded in work(faces):
        found = parts[face.number]
        found[face.only] = embedded
        if len(found) == face.count:
            store.add(died[face.number], _joined(found, store.size))
    store.commit()


def _joined(found: dict[int, Embedded | None], size: int) -> Embedded:
    """Join the faces of a batch that were embedded one by one; None stands for one that died again."""
    size = next((len(embedded.embeddings[0]) for embedded in found.values() if embedded is not None), size)
    if not size:
        raise ChildProcessError("expected embeddings, but the processes died at every face so far")
    embeddings = np.zeros((len(found), size), np.float32)
    reasons: dict[int, str] = {}
    for place, embedded in found.items():
        if embedded is None:
            reasons[place] = _REASON_DIED
        else:
            embeddings[place] = embedded.embeddings[place]
            reasons |= embedded.reasons
    return Embedded(embeddings, reasons)


def _work(
    workers: int, cluster: Cluster | None, source: FaceSource, model_dir: Path, runtime: str
) -> Callable[..., Outcomes]:
    if cluster is None:
        return in_this_process if workers == 1 else functools.partial(in_workers, workers=workers)
    if isinstance(source, FolderSource):
        readable = (path for path in _files(source) if is_regular(path) and os.access(path, os.R_OK))
        faces = itertools.islice(map(Path, map(os.path.abspath, readable)), 1)
    else:
        faces = [Path(os.path.abspath(path)) for path in source.files(np.zeros(1, np.int64))]
    files = [model_dir / RECOGNISER, *faces]
    packages = ["numpy", "pillow", "opencv-python-headless", "keras", keras.backend.backend()]
    packages += [] if runtime == "keras" else [runtime]
    return functools.partial(on_cluster, cluster=cluster, packages=packages, files=files)


def _image_size(source: FaceSource) -> tuple[int, int]:
    """Return (height, width) of the first face that can be read."""
    reason = ""
    faces: Any = _files(source) if isinstance(source, FolderSource) else range(len(source))
    for face in faces:
        try:
            pixels: Any = read_image(face) if isinstance(face, Path) else source.images[face]
            return pixels.shape[0], pixels.shape[1]
        except ValueError as error:
            reason = str(error)
    raise ValueError(f"{source.folder}: expected faces that can be read, found none: {reason}")


def _files(source: FolderSource) -> Iterator[Path]:
    """Yield the faces' files; `FolderSource.paths` would hold all of them."""
    for person, name in _names(source):
        yield source.folder / person / name


def _names(source: FaceSource) -> Iterator[tuple[str, str]]:
    return zip((source.classes[label] for label in source.labels), source.names, strict=True)
