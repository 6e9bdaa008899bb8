"""A Keras network from an ONNX graph, and what ONNX itself makes of the same picture."""

import keras
import numpy as np

from cshml_tf.imported_layers import ReverseChannels
from cshml_tf.pretrained.onnx.graph import UnsupportedGraph, evaluate
from cshml_tf.pretrained.onnx.operations import OPERATIONS
from cshml_tf.pretrained.onnx.value import CHANNELS_LAST, Value, maps, plain

COLOURS = ("rgb", "bgr")


def build_backbone(graph, image_size=None, embedding=None, colours="rgb"):
    """Build the network of a graph, its weights included.

    Every layer has the name of its node. Nodes that the embedding does not need are left out.

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
    channels_first, image_size = _input_form(graph, image_size)
    wanted = _embedding_tensor(graph, embedding)
    pixels = keras.Input((*image_size, 3), name="pixels")
    x = ReverseChannels(name="bgr")(pixels) if colours == "bgr" else pixels
    values = {graph.input_name: maps(x) if channels_first else plain(x)}
    constants, last_map = dict(graph.constants), None
    for node in _needed(graph, wanted):
        if all(name in constants for name in node.inputs if name):
            constants |= evaluate(node, constants)
            continue
        result = _build(node, [_input_of(node, name, values, constants) for name in node.inputs])
        if isinstance(result, Value):
            values[node.outputs[0]] = result
            if result.rank == 4 and np.prod(result.shape[2:]) > 1:
                last_map = result
        else:
            constants[node.outputs[0]] = result
    if last_map is None:
        raise UnsupportedGraph("expected a network with a feature map of more than one pixel, found none")
    outputs = {"last_map": last_map.arranged(CHANNELS_LAST), "embedding": _vector(values[wanted], wanted)}
    return keras.Model(pixels, outputs, name="backbone")


def largest_difference(graph, backbone, images, embedding=None, colours="rgb"):
    """Compare a built network with onnxruntime.

    Args:
        graph: as for `build_backbone`.
        backbone: what `build_backbone` gave.
        images: (n, H, W, 3) float32, standardised RGB.
        embedding: as for `build_backbone`.
        colours: as for `build_backbone`.

    Returns:
        The largest absolute difference of a coordinate between the two embeddings, both of unit length.
    """
    images = np.asarray(images, np.float32)
    ours = np.asarray(backbone(images, training=False)["embedding"])
    channels_first, _ = _input_form(graph, images.shape[1:3])
    feed = images[..., ::-1] if colours == "bgr" else images
    feed = feed.transpose(0, 3, 1, 2) if channels_first else feed
    theirs = _run(graph, _embedding_tensor(graph, embedding), feed).reshape(ours.shape)
    return float(np.abs(_unit(ours) - _unit(theirs)).max())


def _run(graph, tensor, images):
    """Compute a tensor of the graph, one image at a time, as the file may allow no other number."""
    import onnx
    import onnxruntime

    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    if tensor not in graph.outputs:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(tensor))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    feeds = [{graph.input_name: np.ascontiguousarray(image[None])} for image in images]
    return np.concatenate([session.run([tensor], feed)[0] for feed in feeds])


def _unit(embeddings):
    return embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)


def _input_form(graph, image_size):
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


def _embedding_tensor(graph, embedding):
    if embedding is None:
        if len(graph.outputs) != 1:
            raise UnsupportedGraph(f"embedding: expected one output, got {', '.join(graph.outputs)}; name one")
        return graph.outputs[0]
    for node in graph.nodes:
        if embedding == node.name or embedding in node.outputs:
            return embedding if embedding in node.outputs else node.outputs[0]
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
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise node.fail(f"cannot be built: {error}") from error


def _vector(value, name):
    if value.rank == 4 and value.shape[2:] == (1, 1):
        return keras.layers.Flatten()(value.tensor)
    if value.rank != 2:
        raise UnsupportedGraph(f"embedding: expected {name!r} to be (batch, values), got {value.shape}")
    return value.tensor
