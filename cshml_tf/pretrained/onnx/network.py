"""A Keras network from an ONNX graph."""

import keras
import numpy as np

from cshml_tf.layers.imported import ReverseChannels, layer_name
from cshml_tf.pretrained.onnx.folding import evaluate
from cshml_tf.pretrained.onnx.graph import UnsupportedGraph, first_line
from cshml_tf.pretrained.onnx.operations import OPERATIONS
from cshml_tf.pretrained.onnx.value import CHANNELS_LAST, Value, maps, plain

COLOURS = ("rgb", "bgr")


def build_backbone(graph, image_size=None, embedding=None, colours="rgb"):
    """Build the network of a graph, its weights included.

    A node's name, as the file or as Keras has it, gives its output to `cshml_tf.recogniser.with_tap`. Nodes that
    the embedding does not need are left out.

    Args:
        graph: as `read_graph` gives.
        image_size: (height, width); None takes the graph's own.
        embedding: the node or tensor that is the embedding; None takes the graph's one output.
        colours: "rgb" or "bgr", the order of channels that the network was trained on.

    Returns:
        keras.Model of the name "backbone": standardised RGB images (batch, H, W, 3) -> dict of "last_map"
        (batch, h, w, channels), the last map of more than one pixel, and "embedding" (batch, E), both as the
        graph leaves them.

    Raises:
        UnsupportedGraph: an operation or a use of it that cannot be built, by node; sizes that disagree; no
            map; an embedding that is no vector or not in the graph.
    """
    if colours not in COLOURS:
        raise ValueError(f"colours: expected one of {', '.join(COLOURS)}, got {colours!r}")
    channels_first, image_size = input_form(graph, image_size)
    wanted = embedding_tensor(graph, embedding)
    # With a ">" these are no node's names.
    pixels = keras.Input((*image_size, 3), name="image>pixels")
    x = ReverseChannels(name="image>bgr")(pixels) if colours == "bgr" else pixels
    values = {graph.input_name: maps(x) if channels_first else plain(x)}
    constants, last_map = dict(graph.constants), None
    for node in _needed(graph, wanted):
        if all(name in constants for name in node.inputs if name):
            constants |= evaluate(node, constants, graph.model)
            continue
        result = _build(node, [_input_of(node, name, values, constants) for name in node.inputs])
        if isinstance(result, Value):
            values[node.outputs[0]] = result
            # In another order they may be no maps, or have been turned for what flattens them.
            if result.order == CHANNELS_LAST and np.prod(result.shape[2:]) > 1:
                last_map = result
        else:
            constants[node.outputs[0]] = result
    if last_map is None:
        raise UnsupportedGraph("expected a network with a feature map of more than one pixel, found none")
    if wanted not in values:
        raise UnsupportedGraph(f"embedding: expected {wanted!r} to be a node's first output, made from the image")
    outputs = {"last_map": last_map.tensor, "embedding": _vector(values[wanted], wanted)}
    return keras.Model(pixels, outputs, name="backbone")


def input_form(graph, image_size):
    """Give whether channels come first, and (height, width)."""
    shape = graph.input_shape
    name = repr(graph.input_name)
    if 3 not in (shape[1], shape[3]):
        raise UnsupportedGraph(f"input {name}: expected 3 channels, got the sizes {shape}")
    channels_first = shape[1] == 3
    own = shape[2:] if channels_first else shape[1:3]
    image_size = tuple(image_size or own)
    if None in image_size:
        raise UnsupportedGraph(
            f"input {graph.input_name!r}: the file leaves its size open, an image size must be given"
        )
    if any(side not in (None, asked) for side, asked in zip(own, image_size, strict=True)):
        raise UnsupportedGraph(f"input {name}: expected images of {own}, got {image_size}")
    return channels_first, image_size


def embedding_tensor(graph, embedding):
    """Give the name of the tensor that a node's name, a tensor's or None means."""
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


def _needed(graph, wanted):
    """Give the nodes that a tensor depends on, in order."""
    tensors, needed = {wanted}, []
    for node in reversed(graph.nodes):
        if tensors & set(node.outputs):
            tensors |= set(node.inputs)
            needed.append(node)
    return needed[::-1]


def _input_of(node, name, values, constants):
    if not name:
        return None
    if name in constants:
        return constants[name]
    if name not in values:
        raise node.fail(f"its input {name!r} is a further output of a node, which is not supported")
    return values[name]


def _build(node, inputs):
    if node.operation not in OPERATIONS:
        raise node.fail(f"not supported; what is: {', '.join(OPERATIONS)}")
    try:
        return OPERATIONS[node.operation](node, *inputs)
    except UnsupportedGraph:
        raise
    except Exception as error:  # Keras's backend raises what it likes.
        raise node.fail(f"cannot be built: {first_line(error)}") from error


def _vector(value, name):
    # Channels first or last: with one axis above 1 both flatten to the same.
    if value.rank == 4 and sum(size != 1 for size in value.shape[1:]) <= 1:
        return keras.layers.Flatten(name="embedding>vector")(value.tensor)
    if value.rank != 2:
        raise UnsupportedGraph(f"embedding: expected {name!r} to be (batch, values), got {value.shape}")
    return value.tensor
