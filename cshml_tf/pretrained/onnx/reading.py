"""Read an ONNX file and its tensors, checking every declared size against the bytes that are there.

Source: ONNX's file format, https://onnx.ai/onnx/intro/concepts.html and
https://onnx.ai/onnx/repo-docs/ExternalData.html.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.files import open_regular, printable
from cshml_tf.pretrained.wire import MAX_BYTES, Refused, read_checked

# The deepest networks have about 2,000 nodes.
MAX_NODES = 5000
# How deeply a file's own functions may call one another.
_MOST_CALLS = 50


class UnsupportedGraph(ValueError):
    """The file is not an ONNX recogniser, or contains a node that cannot be built; the message names it."""


def read_model(path: str | os.PathLike[str]) -> Any:
    """Read an ONNX file as an `onnx.ModelProto`; weights that it keeps in other files are read into it.

    Args:
        path: the file, of at most `MAX_BYTES` bytes with its weights.

    Raises:
        FileNotFoundError: the file does not exist.
        UnsupportedGraph: it is not an ONNX file, is too large, or a file of its weights is missing or too short.
    """
    from onnx import ModelProto

    name = printable(path)
    try:
        # Without onnx.checker, which refuses harmless files that every runtime accepts.
        content = read_checked(path, ModelProto)
        model = ModelProto()
        model.ParseFromString(content)
    except OSError:
        raise
    except Refused as error:
        raise UnsupportedGraph(str(error)) from None
    except Exception as error:  # Protocol Buffers can raise any type.
        raise UnsupportedGraph(f"{name}: expected an ONNX model, got {first_line(error)}") from error
    if len(model.graph.node) > MAX_NODES:
        raise UnsupportedGraph(f"{name}: expected at most {MAX_NODES} nodes, got {len(model.graph.node)}")
    for text in _names(model):
        if not isinstance(text, str):  # Protocol Buffers then returns bytes.
            raise UnsupportedGraph(f"{name}: expected names in UTF-8, got {text[:80]!r}")
    left = MAX_BYTES - len(content)
    for tensor in model.graph.initializer:
        if _is_external(tensor):
            left -= _read_external(tensor, Path(path), left)
    return _without_functions(model, name) if len(model.functions) else model


def _names(model: Any) -> Iterator[str | bytes]:
    """Yield every name in a model."""
    graph = model.graph
    yield from (each.name for each in (*graph.initializer, *graph.input, *graph.output, *model.functions))
    yield from (each.domain for each in (*model.opset_import, *model.functions))
    for node in (*graph.node, *(node for function in model.functions for node in function.node)):
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _without_functions(model: Any, name: str) -> Any:
    """Replace the calls of a file's own functions by their nodes.

    Raises:
        UnsupportedGraph: a function calls itself, or there would be too many nodes.
    """
    from onnx import inliner

    bodies = {(each.domain, each.name): each.node for each in model.functions}
    counts: dict[tuple[str, str], int] = {}

    def count(nodes: Any, calling: tuple[tuple[str, str], ...] = ()) -> int:
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in calling or len(calling) > _MOST_CALLS:
                raise UnsupportedGraph(f"{name}: expected functions that do not call themselves, got {key[1]!r}")
            if key in bodies and key not in counts:
                counts[key] = count(bodies[key], (*calling, key))
            total += counts.get(key, 1)
        return total

    if (total := count(model.graph.node)) > MAX_NODES:
        raise UnsupportedGraph(f"{name}: expected at most {MAX_NODES} nodes, got {total} in functions")
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # The library can raise any type.
        raise UnsupportedGraph(f"{name}: expected functions of ONNX, got {first_line(error)}") from error


def tensor_values(tensor: Any, what: str) -> np.ndarray:
    """Return the values of an `onnx.TensorProto`.

    Args:
        tensor: the tensor.
        what: its name in error messages.

    Raises:
        UnsupportedGraph: its type is not a number's, or its declared sizes disagree with its values.
    """
    from onnx import helper, numpy_helper

    sizes = list(tensor.dims)
    dtype = _number_type(tensor.data_type)
    if dtype is None:
        raise UnsupportedGraph(
            f"{what} of {sizes}: expected a tensor of numbers, got data type {tensor.data_type}"
        )
    kind = helper.tensor_dtype_to_string(tensor.data_type).removeprefix("TensorProto.")
    if _is_external(tensor):
        raise UnsupportedGraph(f"{what} of {sizes} {kind}: expected its values in the ONNX file, got another file")
    if any(size < 0 for size in sizes):
        raise UnsupportedGraph(f"{what} of {sizes} {kind}: expected sizes of at least 0")
    expected = math.prod(sizes) * dtype.itemsize
    # Types of four and fewer bits are packed, and only the library of ONNX knows how.
    if tensor.HasField("raw_data") and not _is_packed(kind) and len(tensor.raw_data) != expected:
        raise UnsupportedGraph(f"{what} of {sizes} {kind}: expected {expected} bytes, got {len(tensor.raw_data)}")
    try:
        return np.asarray(numpy_helper.to_array(tensor)).reshape(sizes)
    except Exception as error:  # The library can raise any type.
        raise UnsupportedGraph(
            f"{what} of {sizes} {kind}: expected {math.prod(sizes)} values, got {first_line(error)}"
        ) from error


def is_number_type(data_type: int) -> bool:
    """Return whether ONNX's data type is one of numbers."""
    return _number_type(data_type) is not None


def first_line(error: Exception) -> str:
    """Return the first line of an exception's message, or its type if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _number_type(data_type: int) -> np.dtype | None:
    from onnx import TensorProto, helper

    if data_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        return None
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(data_type))
    except Exception:  # A type of a newer ONNX, or a damaged file.
        return None


def _is_packed(kind: str) -> bool:
    return kind.endswith("INT4") or kind.endswith("INT2") or kind.startswith("FLOAT4")


def _is_external(tensor: Any) -> bool:
    return tensor.data_location == tensor.EXTERNAL


def _read_external(tensor: Any, path: Path, left: int) -> int:
    """Read the values of a tensor from their own file into the tensor; return the number of bytes."""
    what = f"{printable(path)}: tensor {tensor.name!r} of {list(tensor.dims)}"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    place = Path(entries.get("location", ""))
    if place.is_absolute() or not place.name or ".." in place.parts:
        raise UnsupportedGraph(f"{what}: expected its values in a file beside the ONNX file, got {str(place)!r}")
    dtype = _number_type(tensor.data_type)
    if dtype is None or any(size < 0 for size in tensor.dims):
        raise UnsupportedGraph(f"{what}: expected a tensor of numbers, got data type {tensor.data_type}")
    try:
        start = int(entries.get("offset") or 0)
        size = math.prod(tensor.dims) * dtype.itemsize
        length = int(entries.get("length") or size)
    except ValueError:
        raise UnsupportedGraph(f"{what}: expected numbers as offset and length, got {entries}") from None
    if length != size or size > left:
        limit = f" of the {left} that are left" if size > left else ""
        raise UnsupportedGraph(f"{what}: expected {size} bytes{limit}, got {length} in {str(place)!r}")
    file_path = path.parent / place
    try:
        with open_regular(file_path, MAX_BYTES) as file:
            available = os.fstat(file.fileno()).st_size
            if start < 0 or start + size > available:
                raise UnsupportedGraph(
                    f"{what}: expected bytes {start} to {start + size} of {printable(file_path)}, which has "
                    f"{available}"
                )
            file.seek(start)
            tensor.raw_data = file.read(size)
    except UnsupportedGraph:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnsupportedGraph(f"{what}: expected its values in {printable(file_path)}: {reason}") from None
    tensor.data_location = tensor.DEFAULT
    del tensor.external_data[:]
    return size
