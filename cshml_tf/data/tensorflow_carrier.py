"""Batches carried by tf.data, so that tf.distribute can share each of them among replicas."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

_READY = 2


class TensorFlowStream:
    """An endless iterator of batches of tensors: `cshml_tf.data.carriers.Stream`.

    Args:
        make_batch: function of a step that makes its batch, a dict of arrays.
        signature: dict of (shape, dtype), one per array.
        start_step: the first step.
        makers: number of batches in preparation at a time.
    """

    def __init__(
        self,
        make_batch: Callable[[int], dict[str, np.ndarray]],
        signature: Mapping[str, tuple[tuple[int, ...], Any]],
        start_step: int,
        makers: int,
    ):
        self._step = start_step
        self._rows = next(iter(signature.values()))[0][0]
        self._failures: dict[int, Exception] = {}
        self._batches: Any = _dataset(make_batch, signature, start_step, makers, self._failures)
        self._iterator: Any = None

    def __iter__(self) -> "TensorFlowStream":
        """Return the stream itself."""
        return self

    def __next__(self) -> dict[str, Any]:
        """Return the next batch.

        Raises:
            Exception: what `make_batch` raised for it.
        """
        if self._batches is None:
            raise StopIteration
        if self._iterator is None:
            self._iterator = iter(self._batches)
        batch = next(self._iterator)
        if self._step in self._failures:
            failure = self._failures[self._step]
            self.close()
            raise failure
        self._step += 1
        return batch

    def distribute(self, strategy: tf.distribute.Strategy) -> "TensorFlowStream":
        """Share each batch among the replicas of a strategy.

        Args:
            strategy: its number of replicas divides the batch. That of several workers gets each worker's slice.

        Returns:
            The stream itself, of batches as `strategy.experimental_distribute_dataset` makes them.
        """
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # Each worker makes its own slice; its devices divide it.
            self._batches = strategy.distribute_datasets_from_function(lambda context: self._divided(context))
        else:
            self._batches = strategy.experimental_distribute_dataset(self._batches)
        return self

    def _divided(self, context: tf.distribute.InputContext) -> tf.data.Dataset:
        devices = context.num_replicas_in_sync // context.num_input_pipelines
        if devices == 1:
            return self._batches
        return self._batches.rebatch(self._rows // devices, drop_remainder=True)

    def close(self) -> None:
        """End the stream; tf.data ends its threads as soon as their batches are made."""
        self._batches = self._iterator = None


def _dataset(make_batch, signature, start_step, makers, failures):
    """Make the dataset; if a batch fails, its error is stored under its step and zeros are passed on.

    TensorFlow would print the error with its traceback and raise another in its place.
    """

    def attempt(step):
        try:
            made = make_batch(int(step))
            return [made[name] for name in signature]
        except Exception as error:
            failures[int(step)] = error
            return [np.zeros(shape, dtype) for shape, dtype in signature.values()]

    def batch_of(step):
        arrays = tf.numpy_function(attempt, [step], [tf.as_dtype(dtype) for _, dtype in signature.values()])
        return {
            name: tf.ensure_shape(array, shape)
            for (name, (shape, _)), array in zip(signature.items(), arrays, strict=True)
        }

    # Endless in type, too: otherwise several workers would ask each other, at each step, whether it is the last.
    steps = tf.data.Dataset.counter(start_step)
    return steps.map(batch_of, num_parallel_calls=makers, deterministic=True).prefetch(_READY)
