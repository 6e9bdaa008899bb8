"""Compare a built network with onnxruntime on the same pictures."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.pretrained.onnx.graph import Graph
from cshml_tf.pretrained.onnx.network import embedding_tensor, input_form, slopes_per_channel
from cshml_tf.pretrained.onnx.reading import UnsupportedGraph, first_line

# A network keeps the values of all its layers while it runs: at most 1 GB of float32.
_VALUES_AT_ONCE = 2**28


def largest_difference(
    graph: Graph,
    backbone: keras.Model,
    images: np.ndarray,
    embedding: str | None = None,
    colours: str = "rgb",
) -> float:
    """Compare the embeddings of a built network with those of onnxruntime.

    Args:
        graph: as for `build_backbone`.
        backbone: the result of `build_backbone`.
        images: (n, H, W, 3) float32, standardised RGB.
        embedding: as for `build_backbone`.
        colours: as for `build_backbone`.

    Returns:
        The largest absolute difference in a coordinate between the two embeddings, both of unit length.

    Raises:
        UnsupportedGraph: one of the two does not run, or onnxruntime returns a different number of values.
    """
    images = np.asarray(images, np.float32)
    tensor = embedding_tensor(graph, embedding)
    channels_first, _ = input_form(graph, images.shape[1:3])
    feed = images[..., ::-1] if colours == "bgr" else images
    feed = feed.transpose(0, 3, 1, 2) if channels_first else feed
    try:
        ours = _in_parts(backbone, images)
    except Exception as error:  # Keras's backend can raise any type.
        raise UnsupportedGraph(f"expected the built network to run, got {first_line(error)}") from error
    slopes = slopes_per_channel(graph, images.shape[1:3], tensor)
    try:
        theirs = _run(graph, tensor, feed, slopes)
    except Exception as error:  # So can onnxruntime.
        raise UnsupportedGraph(f"expected onnxruntime to run the file, got {first_line(error)}") from error
    if theirs.size != ours.size:
        raise UnsupportedGraph(f"expected embeddings {ours.shape} from onnxruntime, got {theirs.shape}")
    # The squares of large embeddings exceed float32.
    ours, theirs = (np.asarray(each, np.float64).reshape(ours.shape) for each in (ours, theirs))
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise UnsupportedGraph("expected finite embeddings, got infinity or NaN; the weights may be damaged")
    return float(np.abs(unit_rows(ours) - unit_rows(theirs)).max())


def _in_parts(backbone: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the embeddings, computed from as many images at a time as memory allows."""
    layers = getattr(backbone, "layers", ())
    values = sum(math.prod(size or 1 for size in output.shape) for layer in layers for output in _outputs(layer))
    part = max(1, _VALUES_AT_ONCE // max(values, 1))
    results = [
        np.asarray(backbone(images[start : start + part], training=False)["embedding"])
        for start in range(0, len(images), part)
    ]
    return np.concatenate(results)


def _outputs(layer: keras.layers.Layer) -> list[keras.KerasTensor]:
    return layer.output if isinstance(layer.output, list) else [layer.output]


def _run(graph: Graph, tensor: str, images: np.ndarray, slopes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Compute a tensor in batches of the size that the file fixes, or else image by image, as any file allows."""
    import onnxruntime
    from onnx import ModelProto, helper

    model = ModelProto()
    model.CopyFrom(graph.model)
    _replace_slopes(model.graph, slopes)
    _number_the_parts(model)
    if tensor not in graph.outputs:
        model.graph.output.append(helper.make_empty_tensor_value_info(tensor))
    options = onnxruntime.SessionOptions()
    # What goes wrong is raised; nothing of it is printed.
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    (declared,) = (value for value in model.graph.input if value.name == graph.input_name)
    dtype = helper.tensor_dtype_to_np_dtype(declared.type.tensor_type.elem_type)
    batch = graph.input_shape[0] or 1
    results = []
    for start in range(0, len(images), batch):
        part = images[start : start + batch]
        # The last images are repeated up to the fixed number.
        feed = np.resize(part, (batch, *part.shape[1:])).astype(dtype)
        (result,) = session.run([tensor], {graph.input_name: feed})
        results.append(np.asarray(result)[: len(part)])
    return np.concatenate(results).astype(np.float32)


def _replace_slopes(proto: Any, slopes: Mapping[str, np.ndarray]) -> None:
    """Give PRelu nodes other slopes; see `cshml_tf.pretrained.onnx.network.slopes_per_channel`."""
    from onnx import numpy_helper

    for node in proto.node:
        for output in set(node.output) & set(slopes):
            node.input[1] = f"{output}>slope"
            proto.initializer.append(numpy_helper.from_array(slopes[output], node.input[1]))


def _number_the_parts(model: Any) -> None:
    """State the number of parts of Split nodes, which operator set 18 demands and MXNet's exporter omits."""
    from onnx import helper

    versions = {each.domain: each.version for each in model.opset_import}
    for node in model.graph.node if versions.get("", 1) >= 18 else ():
        names = {attribute.name for attribute in node.attribute}
        if node.op_type == "Split" and len(node.input) == 1 and "num_outputs" not in names:
            node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))
