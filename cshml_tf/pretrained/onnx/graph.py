"""An ONNX file as a plain list of nodes, with everything that does not depend on the image computed away.

Source: ONNX's operator and graph specification, https://onnx.ai/onnx/.
"""

import dataclasses
from pathlib import Path

import numpy as np


class UnsupportedGraph(ValueError):
    """The file is no ONNX recogniser, or holds what we cannot build; the message names the node."""


@dataclasses.dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: unique in its graph, and fit to name a Keras layer.
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

    def fail(self, reason):
        """Give the error that names this node."""
        return UnsupportedGraph(f"node {self.name!r} ({self.operation}): {reason}")


@dataclasses.dataclass(frozen=True)
class Graph:
    """A recogniser's graph.

    Attributes:
        nodes: Nodes in an order of computation.
        constants: dict of NumPy arrays by tensor name: weights, and what was computed from them.
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
    from onnx import helper, numpy_helper

    if not Path(path).is_file():
        raise FileNotFoundError(2, "expected an ONNX file, but it does not exist", str(path))
    try:
        # Not onnx.checker: it refuses harmless files that every runtime takes.
        model = onnx.load(str(path))
    except Exception as error:  # Protocol Buffers raises what it likes.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnsupportedGraph(f"{path}: expected an ONNX model, got {reason}") from error
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in constants]
    shapes = [_shape(value) for value in images]
    if len(images) != 1 or len(shapes[0]) != 4:
        found = ", ".join(f"{value.name} {shape}" for value, shape in zip(images, shapes, strict=True))
        raise UnsupportedGraph(f"{path}: expected one input, images of four sizes, got {found or 'none'}")
    nodes, taken = [], set()
    for index, proto in enumerate(graph.node):
        attributes = {each.name: helper.get_attribute_value(each) for each in proto.attribute}
        name = _unique(_layer_name(proto.name or f"{proto.op_type}_{index}"), taken)
        nodes.append(Node(name, proto.op_type, tuple(proto.input), tuple(proto.output), attributes, proto))
    outputs = tuple(value.name for value in graph.output)
    return Graph(tuple(nodes), constants, images[0].name, shapes[0], outputs, model)


def evaluate(node, constants):
    """Compute a node whose inputs are all constants.

    Args:
        node: Node.
        constants: dict of NumPy arrays that holds its inputs.

    Returns:
        dict of NumPy arrays by output name.
    """
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    if node.operation == "Constant":
        return {node.outputs[0]: _constant_value(node, numpy_helper)}
    feeds = {name: constants[name] for name in node.inputs if name}
    results = ReferenceEvaluator(node.proto).run(None, feeds)
    return dict(zip(node.outputs, map(np.asarray, results), strict=True))


def _constant_value(node, numpy_helper):
    if "value" in node.attributes:
        return numpy_helper.to_array(node.attributes["value"])
    ((name, value),) = node.attributes.items()
    return np.asarray(value, np.float32 if "float" in name else np.int64)


def _shape(value):
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None for size in sizes)


def _layer_name(name):
    """PyTorch names nodes like paths; Keras keeps the slash for itself."""
    return name.strip("/").replace("/", ".").replace(" ", "_")


def _unique(name, taken):
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
