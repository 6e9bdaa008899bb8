"""Small ONNX files for tests, written node by node, and onnxruntime's results for them."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from cshml_tf.pretrained.onnx import build_backbone, read_graph

RNG = np.random.default_rng(0)


def weights(*shape):
    return RNG.normal(0, 0.3, shape).astype(np.float32)


def node(operation, inputs, output, name=None, **attributes):
    return helper.make_node(operation, inputs, [output], name=name or output, **attributes)


def write_graph(path, nodes, constants, output="embedding", shape=("N", 3, 12, 10), opset=13):
    """Write a graph with one input, `image`, and one output of any shape."""
    graph = helper.make_graph(
        nodes,
        "recogniser",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ("N", "E"))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    onnx.save(model, path)
    return path


def run(path, images):
    """Return onnxruntime's output for (n, H, W, 3) images, converted to the layout of the file."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    first = session.get_inputs()[0].shape[1] == 3
    return session.run(None, {"image": np.ascontiguousarray(images.transpose(0, 3, 1, 2) if first else images)})[0]


def built(path, images):
    """Build the network and compare its embeddings with onnxruntime's; return the network."""
    backbone = build_backbone(read_graph(path), image_size=images.shape[1:3])
    ours = np.asarray(backbone(images, training=False)["embedding"])
    np.testing.assert_allclose(ours, run(path, images).reshape(ours.shape), rtol=1e-4, atol=1e-5)
    return backbone


def pictures(count=2):
    return RNG.normal(0, 1, (count, 12, 10, 3)).astype(np.float32)
