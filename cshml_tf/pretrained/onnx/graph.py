"""An ONNX file as a plain list of nodes and constants.

Source: ONNX's operator and graph specification, https://onnx.ai/onnx/.
"""

import dataclasses
import heapq
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.files import printable
from cshml_tf.layers.imported import layer_name
from cshml_tf.pretrained.onnx.reading import (
    UnsupportedGraph,
    is_number_type,
    read_model,
    tensor_values,
)

# The numbers of ONNX's types FLOAT16 and BFLOAT16.
_HALF = (10, 16)


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
        opset: the version of ONNX's operators that the file uses.
        operands: what its inputs are, in words, once that is known.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: Any
    opset: int = 1
    operands: str = ""

    def inner(self, part: str) -> str:
        """Return a name for a layer before the node's last one that no layer of another node can have."""
        return f"{self.name}>{part}"

    def fail(self, reason: str) -> UnsupportedGraph:
        """Return an error that names this node as the file does, its operator, and its inputs' shapes."""
        return UnsupportedGraph(
            f"node {self.proto.name or self.name!r} ({self.operation}): {reason}{self.operands}"
        )


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

    @property
    def is_half(self) -> bool:
        """Whether the file computes in float16: its images or some weights have that type."""
        tensors = [each.t for node in self.nodes for each in node.proto.attribute if each.HasField("t")]
        kinds = {tensor.data_type for tensor in (*self.model.graph.initializer, *tensors)}
        kinds |= {value.type.tensor_type.elem_type for value in self.model.graph.input}
        return not kinds.isdisjoint(_HALF)


def read_graph(path: str | Path) -> Graph:
    """Read an ONNX file.

    Args:
        path: the file.

    Returns:
        Graph.

    Raises:
        FileNotFoundError: the file does not exist.
        UnsupportedGraph: not an ONNX file, or a damaged one, or one without exactly one input of images.
    """
    if not Path(path).is_file() and not Path(path).exists():
        raise FileNotFoundError(2, "expected an ONNX file, but it does not exist", str(path))
    model = read_model(path)
    try:
        return _graph_of(model)
    except UnsupportedGraph as error:
        raise UnsupportedGraph(f"{printable(path)}: {error}") from None


def _graph_of(model: Any) -> Graph:
    graph = model.graph
    if len(graph.sparse_initializer):
        raise UnsupportedGraph("expected dense weights, got sparse ones")
    constants = {tensor.name: tensor_values(tensor, f"tensor {tensor.name!r}") for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in constants]
    shapes = [_shape(value) for value in images]
    if len(images) != 1 or len(shapes[0]) != 4:
        found = ", ".join(f"{value.name} {shape}" for value, shape in zip(images, shapes, strict=True))
        raise UnsupportedGraph(f"expected one input, images with four axes, got {found or 'none'}")
    data_type = images[0].type.tensor_type.elem_type
    if not is_number_type(data_type):
        raise UnsupportedGraph(f"input {images[0].name!r}: expected images of numbers, got data type {data_type}")
    versions = {each.domain: each.version for each in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 1))
    nodes = [
        Node(name, proto.op_type, tuple(proto.input), tuple(proto.output), _attributes(name, proto), proto, opset)
        for name, proto in zip(_names(graph.node), graph.node, strict=True)
    ]
    outputs = tuple(value.name for value in graph.output)
    return Graph(_in_order(nodes, images[0].name, constants), constants, images[0].name, shapes[0], outputs, model)


def _attributes(name: str, proto: Any) -> dict[str, Any]:
    from onnx import helper

    values = {}
    for each in proto.attribute:
        try:
            values[each.name] = helper.get_attribute_value(each)
        except Exception:  # An undefined type of attribute.
            values[each.name] = None
        if values[each.name] is None:
            raise UnsupportedGraph(
                f"node {proto.name or name!r} ({proto.op_type}): expected an attribute {each.name!r} with a value "
                f"of one of ONNX's types, got type {each.type}"
            )
    return values


def _shape(value: Any) -> tuple[int | None, ...]:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None for size in sizes)


def _in_order(nodes: Sequence[Node], image: str, constants: Mapping[str, np.ndarray]) -> tuple[Node, ...]:
    """Sort the nodes so that each follows those that it needs, otherwise as in the file.

    Raises:
        UnsupportedGraph: an input comes from nowhere, a tensor is made twice, or the nodes form a circle.
    """
    known = {image, *constants}
    makers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for output in filter(None, node.outputs):
            if output in makers or output in known:
                raise node.fail(f"its output {output!r} exists already")
            makers[output] = index
    users: dict[int, list[int]] = {}
    missing = []
    for index, node in enumerate(nodes):
        needed = {name for name in node.inputs if name and name not in known}
        if absent := sorted(needed - makers.keys()):
            raise node.fail(f"its input {absent[0]!r} is neither the image, a weight nor a node's output")
        before = {makers[name] for name in needed}
        missing.append(len(before))
        for maker in before:
            users.setdefault(maker, []).append(index)
    ready = [index for index, count in enumerate(missing) if not count]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(nodes[index])
        for user in users.get(index, ()):
            missing[user] -= 1
            if not missing[user]:
                heapq.heappush(ready, user)
    if len(order) < len(nodes):
        raise nodes[next(index for index, count in enumerate(missing) if count)].fail(
            "it depends on its own output"
        )
    return tuple(order)


def _names(protos: Sequence[Any]) -> list[str]:
    """Name the nodes; a node without a name never takes one that another node has in the file."""
    names, taken = {}, set()
    for index, proto in sorted(enumerate(protos), key=lambda each: not each[1].name):
        names[index] = _unique(layer_name(proto.name) or layer_name(f"{proto.op_type}_{index}"), taken)
    return [names[index] for index in range(len(protos))]


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
