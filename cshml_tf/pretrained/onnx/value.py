"""A Keras tensor that knows the positions of ONNX's axes.

ONNX lays out maps as (batch, channels, h, w), Keras as (batch, h, w, channels). A Value keeps Keras's tensor and
records where ONNX's axes are in it, so that tensors hardly ever have to be transposed.
"""

import dataclasses

import keras

from cshml_tf.pretrained.onnx.graph import Node

# Positions of the axes (batch, channels, h, w) in (batch, h, w, channels).
CHANNELS_LAST = (0, 3, 1, 2)


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor of the network.

    Attributes:
        tensor: Keras tensor.
        order: ONNX's axis i is axis order[i] of the tensor.
    """

    tensor: keras.KerasTensor
    order: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.order)

    @property
    def shape(self) -> tuple:
        """Sizes in ONNX's order; the batch is None."""
        return tuple(self.tensor.shape[axis] for axis in self.order)

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


def maps(tensor: keras.KerasTensor) -> Value:
    """Return the Value of a tensor (batch, h, w, channels)."""
    return Value(tensor, CHANNELS_LAST)


def plain(tensor: keras.KerasTensor) -> Value:
    """Return the Value of a tensor with its axes in ONNX's order."""
    return Value(tensor, tuple(range(len(tensor.shape))))
