"""Streams that make batches ahead of training: through tf.data on TensorFlow, on threads otherwise."""

import collections
import concurrent.futures
import itertools
import os
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

import keras
import numpy as np

# Batches in preparation at a time. Each is made on one thread; a batch of 90 pairs of 112 x 96 takes 20 MB.
MAKERS = min(8, os.cpu_count() or 1)

Batch = dict[str, np.ndarray]
Signature = Mapping[str, tuple[tuple[int, ...], Any]]


class Stream(Protocol):
    """An endless iterator of batches, dicts of arrays or tensors.

    Nothing is made before the first batch is asked for. Closing the stream ends its threads; it is then exhausted.
    """

    def __iter__(self) -> "Stream":
        """Return the stream itself."""
        ...

    def __next__(self) -> dict[str, Any]:
        """Return the next batch; an error while making it is raised here."""
        ...

    def close(self) -> None:
        """End the stream and its threads."""
        ...


def carry(make_batch: Callable[[int], Batch], signature: Signature, start_step: int) -> Stream:
    """Stream the batches that a function makes.

    Args:
        make_batch: function of a step that makes its batch; called on several threads.
        signature: the (shape, dtype) of each array in a batch, by its name.
        start_step: the first step.

    Returns:
        Stream in the order of the steps. On TensorFlow its batches contain tensors, which
        `cshml_tf.data.tensorflow_carrier.TensorFlowStream.distribute` shares among replicas; on other backends
        NumPy arrays.
    """
    if keras.backend.backend() != "tensorflow":
        return on_threads(make_batch, start_step)
    from cshml_tf.data.tensorflow_carrier import TensorFlowStream

    return TensorFlowStream(make_batch, signature, start_step, MAKERS)


def on_threads(make_batch: Callable[[int], Batch], start_step: int) -> Generator[Batch, None, None]:
    """Stream the batches that a function makes, each on one of several threads, ahead of their use.

    Args:
        make_batch: function of a step that makes its batch.
        start_step: the first step.

    Yields:
        The batches in the order of the steps, without an end.
    """
    pool = concurrent.futures.ThreadPoolExecutor(MAKERS, "batches")
    waiting = collections.deque()
    try:
        for step in itertools.count(start_step):
            waiting.append(pool.submit(make_batch, step))
            if len(waiting) > MAKERS + 1:
                yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
