"""A tensor that has ONNX's axes in Keras's order.

ONNX lays maps out as (batch, channels, h, w), Keras as (batch, h, w, channels). A Value keeps Keras's tensor and
knows where ONNX's axes are in it, so that hardly a tensor is ever turned.
"""

import dataclasses

import keras

# Where the axes (batch, channels, h, w) are in (batch, h, w, channels).
CHANNELS_LAST = (0, 3, 1, 2)


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor of the network.

    Attributes:
        tensor: keras tensor.
        order: ONNX's axis i is axis order[i] of the tensor.
    """

    tensor: object
    order: tuple

    @property
    def rank(self):
        """Number of axes."""
        return len(self.order)

    @property
    def shape(self):
        """Sizes in ONNX's order; the batch is None."""
        return tuple(self.tensor.shape[axis] for axis in self.order)

    def arranged(self, order, name):
        """Give the keras tensor whose axes stand as `order` says; `name` is of the layer that may turn it."""
        if order == self.order:
            return self.tensor
        turned = [0] * self.rank
        for here, there in zip(self.order, order, strict=True):
            turned[there] = here
        return keras.layers.Permute(turned[1:], name=name)(self.tensor)

    def image(self, node):
        """Give (batch, h, w, channels)."""
        if self.rank != 4:
            raise node.fail(f"expected maps of four axes, got {self.rank}")
        return self.arranged(CHANNELS_LAST, node.inner("maps"))

    def as_onnx(self, node):
        """Give the tensor with ONNX's own axes."""
        return self.arranged(tuple(range(self.rank)), node.inner("plain"))


def maps(tensor):
    """Make the Value of (batch, h, w, channels)."""
    return Value(tensor, CHANNELS_LAST)


def plain(tensor):
    """Make the Value of a tensor with ONNX's own axes."""
    return Value(tensor, tuple(range(len(tensor.shape))))
