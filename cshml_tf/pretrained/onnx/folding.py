"""Constant folding: compute the nodes that do not depend on the image.

Source: ONNX's reference implementation, https://onnx.ai/onnx/api/reference.html.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from cshml_tf.pretrained.onnx.graph import Node
from cshml_tf.pretrained.onnx.reading import UnsupportedGraph, first_line, tensor_values

# Constants up to this number may state sizes.
_FEW = 1024
# Results of this size are allowed whatever the file holds: 64 MB of float32.
_MANY = 2**24
_RANDOM = (
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)


def most_values(constants: Mapping[str, np.ndarray]) -> int:
    """Return how many values may be computed from a file's constants, in one result or in all."""
    return max(_MANY, 2 * sum(value.size for value in constants.values()))


def evaluate(node: Node, constants: Mapping[str, np.ndarray], model: Any, allowed: int) -> dict[str, np.ndarray]:
    """Compute a node whose inputs are all constants.

    Args:
        node: Node.
        constants: dict of NumPy arrays that contains its inputs.
        model: the `onnx.ModelProto` of its file, whose operator sets define what the node means.
        allowed: the largest number of values that it may have.

    Returns:
        dict of NumPy arrays by output name.

    Raises:
        UnsupportedGraph: its values are random or too many, it contains subgraphs, or ONNX cannot compute it.
    """
    from onnx import AttributeProto

    if node.operation in _RANDOM:
        raise node.fail("expected values that the file fixes, got random ones")
    if any(each.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for each in node.proto.attribute):
        raise node.fail("not supported, as it contains subgraphs")
    try:
        return (
            _constant_value(node) if node.operation == "Constant" else _computed(node, constants, model, allowed)
        )
    except UnsupportedGraph:
        raise
    except Exception as error:  # The reference implementation can raise any type.
        raise node.fail(f"expected to compute it from constants, got {first_line(error)}") from error


def _computed(node: Node, constants: Mapping[str, np.ndarray], model: Any, allowed: int) -> dict[str, np.ndarray]:
    from onnx.reference import ReferenceEvaluator

    feeds = {name: constants[name] for name in node.inputs if name}
    small_model = _model_of(node, feeds, model)
    _check_growth(node, feeds, small_model, allowed)
    results = ReferenceEvaluator(small_model).run(None, feeds)
    return dict(zip(filter(None, node.outputs), map(np.asarray, results), strict=True))


def _check_growth(node: Node, feeds: Mapping[str, np.ndarray], model: Any, allowed: int) -> None:
    """Refuse a node whose result would be too large, before it takes memory."""
    from onnx import ModelProto, helper, numpy_helper, shape_inference

    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.input[:]
    for name, value in feeds.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        copy.graph.input.append(helper.make_tensor_value_info(name, kind, value.shape))
        if value.size <= _FEW:
            copy.graph.initializer.append(numpy_helper.from_array(value, name))
    try:
        outputs = list(shape_inference.infer_shapes(copy).graph.output)
    except Exception:  # The computation reports what is wrong with the node.
        outputs = []
    shapes = [output.type.tensor_type.shape for output in outputs if output.type.tensor_type.HasField("shape")]
    for shape in shapes:
        sizes = [size.dim_value for size in shape.dim]
        if math.prod(sizes) > allowed:
            raise node.fail(f"expected at most {allowed} constants, got {sizes}")
    numbers = [value for value in feeds.values() if value.size <= _FEW and value.dtype.kind in "iu"]
    if len(shapes) < len(node.outputs) and any(np.any(np.abs(value) > allowed) for value in numbers):
        raise node.fail(f"expected at most {allowed} constants, got a number beyond it as a size")


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
    return helper.make_model(graph, opset_imports=opsets)


def _constant_value(node: Node) -> dict[str, np.ndarray]:
    ((name, value),) = node.attributes.items()
    if name == "value":
        return {node.outputs[0]: tensor_values(value, "its value")}
    return {node.outputs[0]: np.asarray(value, np.float32 if "float" in name else np.int64)}
