"""Read an ONNX file as a plain list of nodes.

Source: ONNX's operator and graph specification, https://onnx.ai/onnx/.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.layers.imported import layer_name


class UnsupportedGraph(ValueError):
    """The file is not an ONNX recogniser, or contains a node that cannot be built; the message names it."""


@dataclasses.dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: unique in its graph and valid as the name of a Keras layer: `layer_name` of the name in the file.
        operation: ONNX's operator, such as "Conv".
        inputs: names of tensors; "" for an omitted optional input.
        outputs: names of tensors.
        attributes: dict of plain values.
        proto: the node as an `onnx.NodeProto`.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: Any

    def inner(self, part: str) -> str:
        """Return a name for a layer before the node's last one that no layer of another node can have."""
        return f"{self.name}>{part}"

    def fail(self, reason: str) -> UnsupportedGraph:
        """Return an error that names this node."""
        return UnsupportedGraph(f"node {self.name!r} ({self.operation}): {reason}")


@dataclasses.dataclass(frozen=True)
class Graph:
    """A recogniser's graph.

    Attributes:
        nodes: Nodes in an order in which they can be computed.
        constants: dict of NumPy arrays by tensor name: the weights.
        input_name: name of the only input, the images.
        input_shape: its four sizes, None for those that the file does not fix.
        outputs: names of the graph's outputs.
        model: the file as an `onnx.ModelProto`.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    input_name: str
    input_shape: tuple[int | None, ...]
    outputs: tuple[str, ...]
    model: Any


def read_graph(path: str | Path) -> Graph:
    """Read an ONNX file.

    Args:
        path: the file.

    Returns:
        Graph.

    Raises:
        FileNotFoundError: the file does not exist.
        UnsupportedGraph: not an ONNX file, or one without exactly one input of images.
    """
    import onnx
    from onnx import numpy_helper

    if not Path(path).is_file():
        raise FileNotFoundError(2, "expected an ONNX file, but it does not exist", str(path))
    try:
        # Without onnx.checker, which refuses harmless files that every runtime accepts.
        model = onnx.load(str(path))
    except Exception as error:  # Protocol Buffers can raise any type.
        raise UnsupportedGraph(f"{path}: expected an ONNX model, got {first_line(error)}") from error
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in constants]
    shapes = [_shape(value) for value in images]
    if len(images) != 1 or len(shapes[0]) != 4:
        found = ", ".join(f"{value.name} {shape}" for value, shape in zip(images, shapes, strict=True))
        raise UnsupportedGraph(f"{path}: expected one input, images with four axes, got {found or 'none'}")
    nodes = tuple(
        Node(name, proto.op_type, tuple(proto.input), tuple(proto.output), _attributes(proto), proto)
        for name, proto in zip(_names(graph.node), graph.node, strict=True)
    )
    outputs = tuple(value.name for value in graph.output)
    return Graph(nodes, constants, images[0].name, shapes[0], outputs, model)


def first_line(error: Exception) -> str:
    """Return the first line of an exception's message, or its type if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _attributes(proto: Any) -> dict[str, Any]:
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in proto.attribute}


def _shape(value: Any) -> tuple[int | None, ...]:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None for size in sizes)


def _names(protos: Sequence[Any]) -> list[str]:
    """Name the nodes; a node without a name never takes one that another node has in the file."""
    names, taken = {}, set()
    for index, proto in sorted(enumerate(protos), key=lambda each: not each[1].name):
        names[index] = _unique(layer_name(proto.name) or f"{proto.op_type}_{index}", taken)
    return [names[index] for index in range(len(protos))]


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
