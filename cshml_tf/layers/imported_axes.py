"""Keras layers of imported networks that work along axes: reduce, slice, gather, pad, widen, normalise."""

# pyright: reportOptionalOperand=false, reportOperatorIssue=false, reportOptionalSubscript=false
# keras.ops has no annotations: pyright infers the union of all backends' types, which includes None.

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cshml_tf.layers.preprocessing import Shape
from cshml_tf.losses import Tensor

# Keeps the gradient of a length finite at 0.
_LEAST_SQUARED_LENGTH = 1e-24


def _l2(x: Tensor, axis: Sequence[int], keepdims: bool) -> Tensor:
    return ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis, keepdims=keepdims), _LEAST_SQUARED_LENGTH))


def _l1(x: Tensor, axis: Sequence[int], keepdims: bool) -> Tensor:
    return ops.sum(ops.abs(x), axis, keepdims=keepdims)


def _sum_square(x: Tensor, axis: Sequence[int], keepdims: bool) -> Tensor:
    return ops.sum(ops.square(x), axis, keepdims=keepdims)


_REDUCTIONS: dict[str, Callable[..., Tensor]] = {
    "l1": _l1,
    "l2": _l2,
    "logsumexp": ops.logsumexp,
    "max": ops.max,
    "mean": ops.mean,
    "min": ops.min,
    "prod": ops.prod,
    "sum": ops.sum,
    "sum_square": _sum_square,
}


@keras.saving.register_keras_serializable("cshml_tf")
class Reduce(keras.layers.Layer):
    """Reduce axes to one value each.

    Args:
        operation: "sum", "mean", "max", "min", "prod", "l1", "l2", "sum_square" or "logsumexp".
        axes: the axes to reduce, counted from 0; not the batch's.
        keepdims: whether they stay, with size 1.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, operation: str, axes: Sequence[int], keepdims: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if operation not in _REDUCTIONS:
            raise ValueError(f"operation: expected one of {', '.join(_REDUCTIONS)}, got {operation!r}")
        self.operation = operation
        self.axes = tuple(sorted(int(axis) for axis in axes))
        self.keepdims = keepdims

    def call(self, x: Tensor) -> Tensor:
        return _REDUCTIONS[self.operation](x, axis=self.axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = enumerate(input_shape)
        if self.keepdims:
            return tuple(1 if axis in self.axes else size for axis, size in sizes)
        return tuple(size for axis, size in sizes if axis not in self.axes)

    def get_config(self) -> dict[str, Any]:
        config = {"operation": self.operation, "axes": self.axes, "keepdims": self.keepdims}
        return super().get_config() | config


@keras.saving.register_keras_serializable("cshml_tf")
class SliceAxis(keras.layers.Layer):
    """Keep every `step`-th entry of one axis, from `start` up to `stop`.

    Args:
        axis: the axis, counted from 0; not the batch's.
        start: first entry, from 0.
        stop: entry after the last one, at most the axis's size.
        step: at least 1.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, axis: int, start: int, stop: int, step: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis, self.start, self.stop, self.step = int(axis), int(start), int(stop), int(step)

    def call(self, x: Tensor) -> Tensor:
        return x[(slice(None),) * self.axis + (slice(self.start, self.stop, self.step),)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        kept = len(range(self.start, self.stop, self.step))
        return (*input_shape[: self.axis], kept, *input_shape[self.axis + 1 :])

    def get_config(self) -> dict[str, Any]:
        config = {"axis": self.axis, "start": self.start, "stop": self.stop, "step": self.step}
        return super().get_config() | config


@keras.saving.register_keras_serializable("cshml_tf")
class TakeEntries(keras.layers.Layer):
    """Select entries of one axis, in any order and any number of times.

    Args:
        axis: the axis, counted from 0; not the batch's.
        entries: their positions, from 0.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, axis: int, entries: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = int(axis)
        self.entries = tuple(int(entry) for entry in entries)

    def call(self, x: Tensor) -> Tensor:
        return ops.take(x, np.array(self.entries, np.int32), axis=self.axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[: self.axis], len(self.entries), *input_shape[self.axis + 1 :])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis, "entries": self.entries}


@keras.saving.register_keras_serializable("cshml_tf")
class PadAxes(keras.layers.Layer):
    """Pad any axes with a constant value.

    Args:
        pads: (before, after) for each axis; (0, 0) for the batch's.
        value: value of the padding.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, pads: Sequence[Sequence[int]], value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pads = tuple(tuple(int(side) for side in pair) for pair in pads)
        self.value = float(value)

    def call(self, x: Tensor) -> Tensor:
        return ops.pad(x, self.of_every_axis(), constant_values=self.value)

    def of_every_axis(self) -> tuple[tuple[int, ...], ...]:
        """Return (before, after) for each axis, the batch's included."""
        return self.pads

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        pairs = zip(input_shape, self.of_every_axis(), strict=True)
        return tuple(None if size is None else size + sum(pad) for size, pad in pairs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pads": self.pads, "value": self.value}


@keras.saving.register_keras_serializable("cshml_tf")
class BroadcastAxes(keras.layers.Layer):
    """Repeat axes of size 1 up to other sizes.

    Args:
        sizes: the sizes of the axes after the batch's.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, sizes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = tuple(int(size) for size in sizes)

    def call(self, x: Tensor) -> Tensor:
        return ops.broadcast_to(x, (ops.shape(x)[0], *self.sizes))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.sizes)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"sizes": self.sizes}


@keras.saving.register_keras_serializable("cshml_tf")
class ConstantPerImage(keras.layers.Layer):
    """Return the same constant for each image of a batch; the constant is the layer's only weight.

    Args:
        sizes: the sizes of the axes after the batch's.
        **kwargs: arguments of `keras.layers.Layer`.

    Call with any tensor (batch, ...); returns (batch, *sizes). The constant is 0 until `set_weights` sets it.
    """

    def __init__(self, sizes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = tuple(int(size) for size in sizes)

    def build(self, input_shape: Shape) -> None:
        self.constant = self.add_weight(name="constant", shape=self.sizes, initializer="zeros", trainable=False)

    def call(self, x: Tensor) -> Tensor:
        return ops.broadcast_to(ops.cast(self.constant, x.dtype), (ops.shape(x)[0], *self.sizes))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.sizes)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"sizes": self.sizes}


@keras.saving.register_keras_serializable("cshml_tf")
class LpNormalise(keras.layers.Layer):
    """Scale vectors to length 1; a zero vector stays zero and has a finite gradient.

    Args:
        axis: the axis of the vectors' components, counted from 0.
        order: 2 for the Euclidean length, 1 for the sum of absolute values.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, axis: int, order: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if order not in (1, 2):
            raise ValueError(f"order: expected 1 or 2, got {order}")
        self.axis, self.order = int(axis), int(order)

    def call(self, x: Tensor) -> Tensor:
        length = (_l2 if self.order == 2 else _l1)(x, (self.axis,), True)
        return x / ops.maximum(length, _LEAST_SQUARED_LENGTH**0.5)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis, "order": self.order}
