"""Nodes that do not depend on the image, computed away.

Source: ONNX's reference implementation, https://onnx.ai/onnx/api/reference.html.
"""

import numpy as np

from cshml_tf.pretrained.onnx.graph import first_line

_RANDOM = (
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)


def evaluate(node, constants, model):
    """Compute a node whose inputs are all constants.

    Args:
        node: Node.
        constants: dict of NumPy arrays that holds its inputs.
        model: the file that it is of, whose operator sets say what the node means.

    Returns:
        dict of NumPy arrays by output name.

    Raises:
        UnsupportedGraph: its values are random, it holds graphs of its own, or ONNX cannot compute it.
    """
    from onnx import AttributeProto

    if node.operation in _RANDOM:
        raise node.fail("expected values that the file fixes, got random ones")
    if any(each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for each in node.proto.attribute):
        raise node.fail("not supported, as it holds graphs of its own")
    try:
        return _constant_value(node) if node.operation == "Constant" else _computed(node, constants, model)
    except Exception as error:  # The reference implementation raises what it likes.
        raise node.fail(f"expected to compute it from constants, got {first_line(error)}") from error


def _computed(node, constants, model):
    from onnx.reference import ReferenceEvaluator

    feeds = {name: constants[name] for name in node.inputs if name}
    results = ReferenceEvaluator(_model_of(node, feeds, model)).run(None, feeds)
    return dict(zip(filter(None, node.outputs), map(np.asarray, results), strict=True))


def _model_of(node, feeds, model):
    """Give the model of the one node: a node by itself would mean what it means in the newest operator set."""
    from onnx import helper

    graph = helper.make_graph(
        [node.proto],
        "node",
        [helper.make_empty_tensor_value_info(name) for name in feeds],
        [helper.make_empty_tensor_value_info(name) for name in node.outputs if name],
    )
    versions = {each.domain: each.version for each in model.opset_import}
    # A file older than the third format of ONNX names no operator set and means the first.
    versions.setdefault("", versions.get("ai.onnx", 1))
    opsets = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    return helper.make_model(graph, opset_imports=opsets, functions=model.functions)


def _constant_value(node):
    from onnx import numpy_helper

    ((name, value),) = node.attributes.items()
    if name == "value":
        return {node.outputs[0]: numpy_helper.to_array(value)}
    return {node.outputs[0]: np.asarray(value, np.float32 if "float" in name else np.int64)}
