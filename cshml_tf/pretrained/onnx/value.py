"""A Keras tensor that knows the positions of ONNX's axes.

ONNX lays out maps as (batch, channels, h, w), Keras as (batch, h, w, channels). A Value keeps Keras's tensor and
records where ONNX's axes are in it, so that tensors hardly ever have to be transposed.
"""

import dataclasses
from typing import TypeAlias

import keras
import numpy as np

from cshml_tf.pretrained.onnx.graph import Node

# Positions of the axes (batch, channels, h, w) in (batch, h, w, channels).
CHANNELS_LAST = (0, 3, 1, 2)


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor of the network.

    Attributes:
        tensor: Keras tensor, whose first axis is the batch.
        order: ONNX's axis i is axis order[i] of the tensor.
        moved_by: the node that moved the batch from ONNX's first axis, None if it is there.
    """

    tensor: keras.KerasTensor
    order: tuple[int, ...]
    moved_by: Node | None = None

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.order)

    @property
    def shape(self) -> tuple:
        """Sizes in ONNX's order; the batch is None."""
        return tuple(self.tensor.shape[axis] for axis in self.order)

    def axis(self, node: Node, axis: int) -> int:
        """Return the tensor's axis for one of ONNX's, which may be negative.

        Raises:
            UnsupportedGraph: there is no such axis, or it is the batch's.
        """
        if not -self.rank <= axis < self.rank or self.order[axis] == 0:
            raise node.fail(f"expected an axis of the {self.rank} other than the batch's, got {axis}")
        return self.order[axis]

    def arranged(self, order: tuple[int, ...], name: str) -> keras.KerasTensor:
        """Return the tensor with its axes in `order`, transposed if needed by a layer called `name`."""
        if order == self.order:
            return self.tensor
        permutation = [0] * self.rank
        for here, there in zip(self.order, order, strict=True):
            permutation[there] = here
        return keras.layers.Permute(permutation[1:], name=name)(self.tensor)

    def image(self, node: Node) -> keras.KerasTensor:
        """Return the tensor as (batch, h, w, channels).

        Raises:
            UnsupportedGraph: it does not have four axes.
        """
        if self.rank != 4:
            raise node.fail(f"expected maps of four axes, got {self.rank}")
        return self.arranged(CHANNELS_LAST, node.inner("maps"))

    def as_onnx(self, node: Node) -> keras.KerasTensor:
        """Return the tensor with its axes in ONNX's order."""
        return self.arranged(tuple(range(self.rank)), node.inner("plain"))


# What a node's input can be: a tensor that depends on the image, a constant, or None where it is omitted.
Input: TypeAlias = Value | np.ndarray | None


def maps(tensor: keras.KerasTensor) -> Value:
    """Return the Value of a tensor (batch, h, w, channels)."""
    return Value(tensor, CHANNELS_LAST)


def plain(tensor: keras.KerasTensor) -> Value:
    """Return the Value of a tensor with its axes in ONNX's order."""
    return Value(tensor, tuple(range(len(tensor.shape))))


def constant(node: Node, value: Input, what: str) -> np.ndarray:
    """Return an input that must be a constant; fractions of any precision become float32.

    Raises:
        UnsupportedGraph: it depends on the image.
    """
    if not isinstance(value, np.ndarray):
        raise node.fail(f"expected constant {what}")
    return value


def in_float32(array: np.ndarray) -> np.ndarray:
    """Return a constant whose fractions are float32, whatever their precision; other types stay."""
    is_fraction = array.dtype.kind == "f" or array.dtype.name.startswith(("bfloat", "float"))
    return array.astype(np.float32) if is_fraction else array
