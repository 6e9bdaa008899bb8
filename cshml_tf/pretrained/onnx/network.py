"""Build a Keras network from an ONNX graph."""

import dataclasses
import inspect
import math
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from cshml_tf.layers.imported import ReverseChannels, layer_name
from cshml_tf.pretrained.onnx.folding import evaluate, most_values
from cshml_tf.pretrained.onnx.graph import Graph, Node
from cshml_tf.pretrained.onnx.operations import OPERATIONS
from cshml_tf.pretrained.onnx.pointwise import prelu_slope
from cshml_tf.pretrained.onnx.reading import UnsupportedGraph, first_line
from cshml_tf.pretrained.onnx.value import CHANNELS_LAST, Input, Value, in_float32, maps, plain

COLOURS = ("rgb", "bgr")
# The most values of one image in a tensor, and in all tensors together: 16 and 8 times those of the largest
# recognisers at 112 x 112.
MAX_VALUES = 2**24
MAX_VALUES_IN_ALL = 2**28
# The deepest recognisers have about 1,000.
MAX_TENSORS = 2000
# Keras makes a network of its layers by recursion, of which Python allows 1,000.
MAX_DEPTH = 800
# The largest number of images that a file may fix.
MAX_BATCH = 256
# The largest height and width of faces, in pixels.
MAX_SIDE = 1024
# Operations whose first input may be a constant.
_CONSTANT_FIRST = {
    *("Add", "Concat", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min"),
    *("Mul", "Pow", "Sub", "Sum", "Where"),
}
# Operations that allow the batch to be on another axis than the first, as between two transpositions.
_BATCH_ANYWHERE = {"Cast", "Gather", "GatherND", "Identity", "Slice", "Transpose"}


@dataclasses.dataclass(frozen=True)
class _Built:
    """The layers for some tensors of a graph.

    Attributes:
        pixels: the input, standardised RGB images (batch, H, W, 3).
        values: dict of Values by tensor name.
        constants: dict of NumPy arrays by tensor name, of the file or computed from them.
        last_map: the last map with more than one pixel, None if there is none.
    """

    pixels: keras.KerasTensor
    values: dict[str, Value]
    constants: dict[str, np.ndarray]
    last_map: Value | None


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
    wanted = embedding_tensor(graph, embedding, image_size)
    built = _built(graph, image_size, {wanted}, colours)
    if wanted not in built.values:
        raise UnsupportedGraph(
            f"embedding: expected {wanted!r} to depend on the image and to be a node's first output"
        )
    embedding_vector = _vector(built.values[wanted], wanted)
    if built.last_map is None:
        raise UnsupportedGraph("expected a network with a feature map of more than one pixel, found none")
    outputs = {"last_map": built.last_map.tensor, "embedding": embedding_vector}
    try:
        return keras.Model(built.pixels, outputs, name="backbone")
    except RecursionError:  # A node can have several layers.
        raise UnsupportedGraph(
            f"embedding: expected fewer layers one after another before {wanted!r}, as many as Keras can handle"
        ) from None


def _built(graph: Graph, image_size: Sequence[int] | None, wanted: set[str], colours: str) -> _Built:
    """Build the layers of all nodes on which some tensors depend."""
    channels_first, image_size = input_form(graph, image_size)
    # No node's name contains a ">".
    pixels = keras.Input((*image_size, 3), name="image>pixels")
    x = ReverseChannels(name="image>bgr")(pixels) if colours == "bgr" else pixels
    values = {graph.input_name: maps(x) if channels_first else plain(x)}  # pyright: ignore[reportArgumentType]
    allowed = most_values(graph.constants)
    constants, last_map, count, depths = dict(graph.constants), None, 0, {graph.input_name: 0}
    for node in _needed(graph, wanted):
        if all(name in constants for name in node.inputs if name):
            results = evaluate(node, constants, graph.model, allowed)
            allowed -= sum(value.size for value in results.values())
            constants |= results
            continue
        inputs = [_input_of(node, name, values, constants) for name in node.inputs]
        depth = 1 + max(depths.get(name, 0) for name in node.inputs)
        if len(values) > MAX_TENSORS:
            raise node.fail(f"expected at most {MAX_TENSORS} tensors that depend on the image, got more")
        if depth > MAX_DEPTH:
            raise node.fail(
                f"expected at most {MAX_DEPTH} nodes one after another, which is what Keras can handle"
            )
        results = _build(dataclasses.replace(node, operands=_in_words(inputs)), inputs)
        for name, result in zip(node.outputs, results, strict=False):
            if not isinstance(result, Value):
                constants[name] = result
                continue
            values[name], depths[name] = result, depth
            count = _check_size(node, result, count)
            # With its axes in another order, it may be no map, or one that was transposed for flattening.
            if result.order == CHANNELS_LAST and np.prod(result.shape[2:]) > 1:
                last_map = result
    return _Built(pixels, values, constants, last_map)  # pyright: ignore[reportArgumentType]


def input_form(graph: Graph, image_size: Sequence[int] | None) -> tuple[bool, tuple[int, int]]:
    """Return whether the input's channels come first, and its (height, width).

    Raises:
        UnsupportedGraph: the input does not have 3 channels, or its size is unknown or differs from `image_size`.
    """
    shape = graph.input_shape
    name = repr(graph.input_name)
    if shape[0] is not None and shape[0] > MAX_BATCH:
        raise UnsupportedGraph(
            f"input {name}: expected a batch of at most {MAX_BATCH} images, got {shape[0]}; export the network "
            "with an open number of images"
        )
    if 3 not in (shape[1], shape[3]):
        raise UnsupportedGraph(f"input {name}: expected 3 channels, got the sizes {shape}")
    channels_first = shape[1] == 3
    own = shape[2:] if channels_first else shape[1:3]
    height, width = image_size or own
    if height is None or width is None:
        raise UnsupportedGraph(f"input {name}: expected an image size, which the file does not fix, got none")
    if not all(1 <= side <= MAX_SIDE for side in (height, width)):
        raise UnsupportedGraph(f"input {name}: expected images of 1 to {MAX_SIDE} pixels, got {(height, width)}")
    if any(side not in (None, asked) for side, asked in zip(own, (height, width), strict=True)):
        raise UnsupportedGraph(f"input {name}: expected images of {own}, got {(height, width)}")
    return channels_first, (height, width)


def embedding_tensor(graph: Graph, embedding: str | None, image_size: Sequence[int] | None = None) -> str:
    """Return the name of the embedding's tensor, given the name of a node or tensor.

    None means the only output. Of several outputs, it means the only one that is a vector of several values, as in
    a network that returns a feature and its norm.

    Raises:
        UnsupportedGraph: there is no such node or tensor, or there are several outputs to choose from.
    """
    if embedding is None:
        outputs = list(dict.fromkeys(graph.outputs))
        return outputs[0] if len(outputs) == 1 else _only_vector(graph, outputs, image_size)
    for node in graph.nodes:
        if embedding in node.outputs:
            return embedding
        if layer_name(embedding) == node.name:
            return node.outputs[0]
    raise UnsupportedGraph(f"embedding: expected a node or tensor of the graph, got {embedding!r}")


def slopes_per_channel(graph: Graph, image_size: Sequence[int] | None, wanted: str) -> dict[str, np.ndarray]:
    """Return the slopes, by the PRelu node's first output, that runtimes would align with another axis.

    They are one number per channel, which ONNX aligns with the width; see `prelu_slope`. Each is returned in the
    shape that aligns it with the channels.
    """
    suspects = [node for node in graph.nodes if node.operation == "PRelu" and _may_be_per_channel(node, graph)]
    if not suspects:
        return {}
    built, found = _built(graph, image_size, {wanted}, "rgb"), {}
    for node in suspects:
        x, slope = built.values.get(node.inputs[0]), built.constants.get(node.inputs[1])
        if x is not None and slope is not None and (aligned := prelu_slope(x.shape, slope)).ndim != slope.ndim:
            found[node.outputs[0]] = aligned
    return found


def _may_be_per_channel(node: Node, graph: Graph) -> bool:
    # The shape of slopes that are computed from constants is unknown here.
    slope = graph.constants.get(node.inputs[1]) if len(node.inputs) == 2 else None
    return slope is None or (slope.ndim == 1 and slope.size > 1)


def _only_vector(graph: Graph, outputs: Sequence[str], image_size: Sequence[int] | None) -> str:
    values = _built(graph, image_size, set(outputs), "rgb").values if outputs else {}
    sizes = {
        name: math.prod(values[name].shape[1:]) for name in outputs if name in values and _is_vector(values[name])
    }
    vectors = [name for name, size in sizes.items() if size > 1]
    if len(vectors) == 1:
        return vectors[0]
    found = ", ".join(f"{name} {_shape_in_words(values.get(name))}" for name in outputs)
    raise UnsupportedGraph(
        f"embedding: expected one output, or one that is a vector of several values, got {found or 'none'}; name "
        "one of them"
    )


def _needed(graph: Graph, wanted: set[str]) -> list[Node]:
    """Return the nodes on which tensors depend, in order."""
    tensors, needed = set(wanted), []
    for node in reversed(graph.nodes):
        if not tensors.isdisjoint(node.outputs):
            tensors |= set(node.inputs)
            needed.append(node)
    return needed[::-1]


def _input_of(node: Node, name: str, values: Mapping[str, Value], constants: Mapping[str, np.ndarray]) -> Input:
    if not name:
        return None
    if name in constants:
        return in_float32(constants[name])
    if name not in values:
        raise node.fail(f"its input {name!r} is an output of a node that is not supported: only the first one is")
    return values[name]


def _build(node: Node, inputs: Sequence[Input]) -> Sequence[Value | np.ndarray]:
    """Return the node's outputs, of which only the first may be there."""
    if node.operation not in OPERATIONS or node.proto.domain not in ("", "ai.onnx"):
        domain = f" of {node.proto.domain!r}" if node.proto.domain not in ("", "ai.onnx") else ""
        raise node.fail(
            f"not supported{domain}; supported are {', '.join(sorted(OPERATIONS))}; export the network without "
            "it, or choose an earlier node as the embedding"
        )
    build = OPERATIONS[node.operation]
    given = list(inputs)
    while given and given[-1] is None:
        given.pop()
    try:
        inspect.signature(build).bind(node, *given)
    except TypeError as error:
        raise node.fail(f"expected other inputs, got {len(given)}: {error}") from None
    for value in given:
        if isinstance(value, Value) and value.moved_by is not None and node.operation not in _BATCH_ANYWHERE:
            raise value.moved_by.fail("expected the batch to stay first")
    if not isinstance(given[0], Value) and node.operation not in _CONSTANT_FIRST:
        raise node.fail("expected a first input that depends on the image, got a constant")
    try:
        result = build(node, *given)
    except UnsupportedGraph:
        raise
    except Exception as error:  # Keras's backend can raise any type.
        raise node.fail(f"cannot be built: {first_line(error)}") from error
    return result if isinstance(result, list) else [result]


def _check_size(node: Node, value: Value, count: int) -> int:
    """Return the number of values per image so far; refuse more than any recogniser has."""
    size = math.prod(value.tensor.shape[1:])
    if size > MAX_VALUES or count + size > MAX_VALUES_IN_ALL:
        raise node.fail(
            f"expected at most {MAX_VALUES} values per image in a tensor and {MAX_VALUES_IN_ALL} in all, got "
            f"{_shape_in_words(value)} after {count}"
        )
    return count + size


def _in_words(inputs: Sequence[Input]) -> str:
    words = [_shape_in_words(each) for each in inputs[:6]]
    return f"; its inputs are {', '.join(words)}{' and others' if len(inputs) > 6 else ''}"


def _shape_in_words(value: Input) -> str:
    if value is None:
        return "none"
    sizes = ", ".join("batch" if size is None else str(size) for size in value.shape)
    return f"({sizes})" if isinstance(value, Value) else f"a constant ({sizes})"


def _is_vector(value: Value) -> bool:
    # With at most one axis above 1, channels first and channels last flatten to the same vector.
    return value.moved_by is None and (value.rank == 2 or sum(size != 1 for size in value.shape[1:]) <= 1)


def _vector(value: Value, name: str) -> keras.KerasTensor:
    if value.moved_by is not None:
        raise value.moved_by.fail("expected the batch to stay first")
    if not _is_vector(value) or value.rank < 2:
        raise UnsupportedGraph(f"embedding: expected {name!r} to be (batch, values), got {value.shape}")
    return value.tensor if value.rank == 2 else keras.layers.Flatten(name="embedding>vector")(value.tensor)
