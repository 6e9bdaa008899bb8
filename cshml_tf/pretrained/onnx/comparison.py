"""Compare a built network with onnxruntime on the same pictures."""

import keras
import numpy as np

from cshml_tf.metrics.vectors import unit_rows
from cshml_tf.pretrained.onnx.graph import Graph, UnsupportedGraph, first_line
from cshml_tf.pretrained.onnx.network import embedding_tensor, input_form


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
        ours = np.asarray(backbone(images, training=False)["embedding"])
    except Exception as error:  # Keras's backend can raise any type.
        raise UnsupportedGraph(f"expected the built network to run, got {first_line(error)}") from error
    try:
        theirs = _run(graph, tensor, feed)
    except Exception as error:  # So can onnxruntime.
        raise UnsupportedGraph(f"expected onnxruntime to run the file, got {first_line(error)}") from error
    if theirs.size != ours.size:
        raise UnsupportedGraph(f"expected embeddings {ours.shape} from onnxruntime, got {theirs.shape}")
    return float(np.abs(unit_rows(ours) - unit_rows(theirs.reshape(ours.shape))).max())


def _run(graph: Graph, tensor: str, images: np.ndarray) -> np.ndarray:
    """Compute a tensor in batches of the size that the file fixes, or else image by image, as any file allows."""
    import onnxruntime
    from onnx import ModelProto, helper

    model = ModelProto()
    model.CopyFrom(graph.model)
    if tensor not in graph.outputs:
        model.graph.output.append(helper.make_empty_tensor_value_info(tensor))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
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
