"""What onnxruntime makes of the pictures that a built network sees."""

import numpy as np

from cshml_tf.metrics.verification import unit_rows
from cshml_tf.pretrained.onnx.graph import UnsupportedGraph, first_line
from cshml_tf.pretrained.onnx.network import embedding_tensor, input_form


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

    Raises:
        UnsupportedGraph: one of the two does not run, or onnxruntime gives another number of values.
    """
    images = np.asarray(images, np.float32)
    tensor = embedding_tensor(graph, embedding)
    channels_first, _ = input_form(graph, images.shape[1:3])
    feed = images[..., ::-1] if colours == "bgr" else images
    feed = feed.transpose(0, 3, 1, 2) if channels_first else feed
    try:
        ours = np.asarray(backbone(images, training=False)["embedding"])
    except Exception as error:  # Keras's backend raises what it likes.
        raise UnsupportedGraph(f"expected the built network to run, got {first_line(error)}") from error
    try:
        theirs = _run(graph, tensor, feed)
    except Exception as error:  # So does onnxruntime.
        raise UnsupportedGraph(f"expected onnxruntime to run the file, got {first_line(error)}") from error
    if theirs.size != ours.size:
        raise UnsupportedGraph(f"expected embeddings {ours.shape} of onnxruntime, got {theirs.shape}")
    return float(np.abs(unit_rows(ours) - unit_rows(theirs.reshape(ours.shape))).max())


def _run(graph, tensor, images):
    """Compute a tensor, as many images at a time as the file fixes, else one, as it may allow no other number."""
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
        results.append(session.run([tensor], {graph.input_name: feed})[0][: len(part)])
    return np.concatenate(results).astype(np.float32)
