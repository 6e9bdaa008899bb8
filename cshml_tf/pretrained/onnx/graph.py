"""An ONNX file as a plain list of nodes.

Source: ONNX's operator and graph specification, https://onnx.ai/onnx/.
"""

import dataclasses
from pathlib import Path

from cshml_tf.layers.imported import layer_name


class UnsupportedGraph(ValueError):
    """The file is no ONNX recogniser, or holds what we cannot build; the message names the node."""


@dataclasses.dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: unique in its graph, and fit to name a Keras layer: `layer_name` of the file's own.
        operation: ONNX's operator, such as "Conv".
        inputs: names of tensors; "" for an optional one that is left out.
        outputs: names of tensors.
        attributes: dict of plain values.
        proto: the node as ONNX's own library reads it.
    """

    name: str
    operation: str
    inputs: tuple
    outputs: tuple
    attributes: dict
    proto: object

    def inner(self, part):
        """Name a layer before the node's last one, as no other node's layer is named."""
        return f"{self.name}>{part}"

    def fail(self, reason):
        """Give the error that names this node."""
        return UnsupportedGraph(f"node {self.name!r} ({self.operation}): {reason}")


@dataclasses.dataclass(frozen=True)
class Graph:
    """A recogniser's graph.

    Attributes:
        nodes: Nodes in an order of computation.
        constants: dict of NumPy arrays by tensor name: the weights.
        input_name: of the one image input.
        input_shape: its four sizes, None where the file leaves one open.
        outputs: names of the graph's outputs.
        model: the file as ONNX's own library reads it.
    """

    nodes: tuple
    constants: dict
    input_name: str
    input_shape: tuple
    outputs: tuple
    model: object


def read_graph(path):
    """Read an ONNX file.

    Args:
        path: file.

    Returns:
        Graph.

    Raises:
        UnsupportedGraph: it is no ONNX file, or has not one image input.
    """
    import onnx
    from onnx import numpy_helper

    if not Path(path).is_file():
        raise FileNotFoundError(2, "expected an ONNX file, but it does not exist", str(path))
    try:
        # Not onnx.checker: it refuses harmless files that every runtime takes.
        model = onnx.load(str(path))
    except Exception as error:  # Protocol Buffers raises what it likes.
        raise UnsupportedGraph(f"{path}: expected an ONNX model, got {first_line(error)}") from error
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in constants]
    shapes = [_shape(value) for value in images]
    if len(images) != 1 or len(shapes[0]) != 4:
        found = ", ".join(f"{value.name} {shape}" for value, shape in zip(images, shapes, strict=True))
        raise UnsupportedGraph(f"{path}: expected one input, images of four sizes, got {found or 'none'}")
    nodes = tuple(
        Node(name, proto.op_type, tuple(proto.input), tuple(proto.output), _attributes(proto), proto)
        for name, proto in zip(_names(graph.node), graph.node, strict=True)
    )
    outputs = tuple(value.name for value in graph.output)
    return Graph(nodes, constants, images[0].name, shapes[0], outputs, model)


def first_line(error):
    """Give what an exception of another library says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _attributes(proto):
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in proto.attribute}


def _shape(value):
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None for size in sizes)


def _names(protos):
    """Name the nodes; one without a name gets no name that another has in the file."""
    names, taken = {}, set()
    for index, proto in sorted(enumerate(protos), key=lambda each: not each[1].name):
        names[index] = _unique(layer_name(proto.name) or f"{proto.op_type}_{index}", taken)
    return [names[index] for index in range(len(protos))]


def _unique(name, taken):
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
