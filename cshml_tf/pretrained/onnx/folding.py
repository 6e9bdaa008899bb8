"""Constant folding: compute the nodes that do not depend on the image.

Source: ONNX's reference implementation, https://onnx.ai/onnx/api/reference.html.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cshml_tf.pretrained.onnx.graph import Node, first_line

_RANDOM = (
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)


def evaluate(node: Node, constants: Mapping[str, np.ndarray], model: Any) -> dict[str, np.ndarray]:
    """Compute a node whose inputs are all constants.

    Args:
        node: Node.
        constants: dict of NumPy arrays that contains its inputs.
        model: the `onnx.ModelProto` of its file, whose operator sets define what the node means.

    Returns:
        dict of NumPy arrays by output name.

    Raises:
        UnsupportedGraph: the node's values are random, it contains subgraphs, or ONNX cannot compute it.
    """
    from onnx import AttributeProto

    if node.operation in _RANDOM:
        raise node.fail("expected values that the file fixes, got random ones")
    if any(each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for each in node.proto.attribute):
        raise node.fail("not supported, as it contains subgraphs")
    try:
        return _constant_value(node) if node.operation == "Constant" else _computed(node, constants, model)
    except Exception as error:  # The reference implementation can raise any type.
        raise node.fail(f"expected to compute it from constants, got {first_line(error)}") from error


def _computed(node: Node, constants: Mapping[str, np.ndarray], model: Any) -> dict[str, np.ndarray]:
    from onnx.reference import ReferenceEvaluator

    feeds = {name: constants[name] for name in node.inputs if name}
    results = ReferenceEvaluator(_model_of(node, feeds, model)).run(None, feeds)
    return dict(zip(filter(None, node.outputs), map(np.asarray, results), strict=True))


def _model_of(node: Node, feeds: Mapping[str, np.ndarray], model: Any) -> Any:
    """Wrap the node in a model with the file's operator sets; by itself, it would be read in the newest set."""
    from onnx import helper

    graph = helper.make_graph(
        [node.proto],
        "node",
        [helper.make_empty_tensor_value_info(name) for name in feeds],
        [helper.make_empty_tensor_value_info(name) for name in node.outputs if name],
    )
    versions = {each.domain: each.version for each in model.opset_import}
    # A file older than the third format of ONNX names no operator set and uses the first.
    versions.setdefault("", versions.get("ai.onnx", 1))
    opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    return helper.make_model(graph, opset_imports=opsets, functions=model.functions)


def _constant_value(node: Node) -> dict[str, np.ndarray]:
    from onnx import numpy_helper

    ((name, value),) = node.attributes.items()
    if name == "value":
        return {node.outputs[0]: numpy_helper.to_array(value)}
    return {node.outputs[0]: np.asarray(value, np.float32 if "float" in name else np.int64)}
