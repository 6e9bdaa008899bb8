"""Build a Keras network from an ONNX graph."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from cshml_tf.layers.imported import ReverseChannels, layer_name
from cshml_tf.pretrained.onnx.folding import evaluate
from cshml_tf.pretrained.onnx.graph import Graph, Node, UnsupportedGraph, first_line
from cshml_tf.pretrained.onnx.operations import OPERATIONS
from cshml_tf.pretrained.onnx.value import CHANNELS_LAST, Value, maps, plain

COLOURS = ("rgb", "bgr")


def build_backbone(
    graph: Graph,
    image_size: Sequence[int] | None = None,
    embedding: str | None = None,
    colours: str = "rgb",
) -> keras.Model:
    """Build the network of a graph, including its weights.

    The name of a node, as in the file or in Keras, selects its output in `cshml_tf.recogniser.with_tap`. Nodes on
    which the embedding does not depend are omitted.

    Args:
        graph: as returned by `read_graph`.
        image_size: (height, width); None takes the graph's own.
        embedding: name of the node or tensor that is the embedding; None takes the graph's only output.
        colours: "rgb" or "bgr", the order of channels on which the network was trained.

    Returns:
        keras.Model named "backbone": standardised RGB images (batch, H, W, 3) -> dict of "last_map"
        (batch, h, w, channels), the last map with more than one pixel, and "embedding" (batch, E), as computed by
        the graph, not normalised.

    Raises:
        UnsupportedGraph: a node cannot be built; sizes disagree; there is no map; or the embedding is not a vector
            or not in the graph.
    """
    if colours not in COLOURS:
        raise ValueError(f"colours: expected one of {', '.join(COLOURS)}, got {colours!r}")
    channels_first, image_size = input_form(graph, image_size)
    wanted = embedding_tensor(graph, embedding)
    # No node's name contains a ">".
    pixels = keras.Input((*image_size, 3), name="image>pixels")
    x = ReverseChannels(name="image>bgr")(pixels) if colours == "bgr" else pixels
    values = {graph.input_name: maps(x) if channels_first else plain(x)}  # pyright: ignore[reportArgumentType]
    constants, last_map = dict(graph.constants), None
    for node in _needed(graph, wanted):
        if all(name in constants for name in node.inputs if name):
            constants |= evaluate(node, constants, graph.model)
            continue
        result = _build(node, [_input_of(node, name, values, constants) for name in node.inputs])
        if isinstance(result, Value):
            values[node.outputs[0]] = result
            # With its axes in another order, it may be no map, or one that was transposed for flattening.
            if result.order == CHANNELS_LAST and np.prod(result.shape[2:]) > 1:
                last_map = result
        else:
            constants[node.outputs[0]] = result
    if last_map is None:
        raise UnsupportedGraph("expected a network with a feature map of more than one pixel, found none")
    if wanted not in values:
        raise UnsupportedGraph(
            f"embedding: expected {wanted!r} to depend on the image and to be a node's first output"
        )
    outputs = {"last_map": last_map.tensor, "embedding": _vector(values[wanted], wanted)}
    return keras.Model(pixels, outputs, name="backbone")


def input_form(graph: Graph, image_size: Sequence[int] | None) -> tuple[bool, tuple[int, int]]:
    """Return whether the input's channels come first, and its (height, width).

    Raises:
        UnsupportedGraph: the input does not have 3 channels, or its size is unknown or differs from `image_size`.
    """
    shape = graph.input_shape
    name = repr(graph.input_name)
    if 3 not in (shape[1], shape[3]):
        raise UnsupportedGraph(f"input {name}: expected 3 channels, got the sizes {shape}")
    channels_first = shape[1] == 3
    own = shape[2:] if channels_first else shape[1:3]
    height, width = image_size or own
    if height is None or width is None:
        raise UnsupportedGraph(f"input {name}: expected an image size, which the file does not fix, got none")
    if any(side not in (None, asked) for side, asked in zip(own, (height, width), strict=True)):
        raise UnsupportedGraph(f"input {name}: expected images of {own}, got {(height, width)}")
    return channels_first, (height, width)


def embedding_tensor(graph: Graph, embedding: str | None) -> str:
    """Return the name of the embedding's tensor, given the name of a node or tensor; None means the only output.

    Raises:
        UnsupportedGraph: there is no such node or tensor, or there are several outputs to choose from.
    """
    if embedding is None:
        if len(graph.outputs) != 1:
            raise UnsupportedGraph(f"embedding: expected one output, got {', '.join(graph.outputs)}; name one")
        return graph.outputs[0]
    for node in graph.nodes:
        if embedding in node.outputs:
            return embedding
        if layer_name(embedding) == node.name:
            return node.outputs[0]
    raise UnsupportedGraph(f"embedding: expected a node or tensor of the graph, got {embedding!r}")


def _needed(graph: Graph, wanted: str) -> list[Node]:
    """Return the nodes on which a tensor depends, in order."""
    tensors, needed = {wanted}, []
    for node in reversed(graph.nodes):
        if tensors & set(node.outputs):
            tensors |= set(node.inputs)
            needed.append(node)
    return needed[::-1]


def _input_of(
    node: Node, name: str, values: Mapping[str, Value], constants: Mapping[str, np.ndarray]
) -> Value | np.ndarray | None:
    if not name:
        return None
    if name in constants:
        return constants[name]
    if name not in values:
        raise node.fail(f"its input {name!r} is the second or a later output of a node, which is not supported")
    return values[name]


def _build(node: Node, inputs: Sequence[Value | np.ndarray | None]) -> Value | np.ndarray:
    if node.operation not in OPERATIONS:
        raise node.fail(f"not supported; supported are {', '.join(OPERATIONS)}")
    try:
        return OPERATIONS[node.operation](node, *inputs)
    except UnsupportedGraph:
        raise
    except Exception as error:  # Keras's backend can raise any type.
        raise node.fail(f"cannot be built: {first_line(error)}") from error


def _vector(value: Value, name: str) -> keras.KerasTensor:
    # With at most one axis above 1, channels first and channels last flatten to the same vector.
    if value.rank == 4 and sum(size != 1 for size in value.shape[1:]) <= 1:
        return keras.layers.Flatten(name="embedding>vector")(value.tensor)
    if value.rank != 2:
        raise UnsupportedGraph(f"embedding: expected {name!r} to be (batch, values), got {value.shape}")
    return value.tensor
