"""MTCNN's three networks on onnxruntime, with the weights of the `mtcnn` package.

Source: Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multitask cascaded convolutional
networks", 2016, figure 2. Only the package's weight files are read: importing the package would import TensorFlow.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

# (images, 3, H, W) float32 in, what `Networks` states out.
Network = Callable[[np.ndarray], np.ndarray]

# Pools after the first convolutions, with a stride of 2: the window, and the padding at the right and the bottom.
_POOLS = {
    "pnet": ((2, 1),),
    "rnet": ((3, 1), (3, 0)),
    "onet": ((3, 1), (3, 0), (2, 0)),
}
_CONVOLUTIONS = {"pnet": 3, "rnet": 3, "onet": 4}
_SIDES = {"pnet": None, "rnet": 24, "onet": 48}
_VALUES = {"pnet": 5, "rnet": 5, "onet": 15}
# The oldest onnxruntime in use reads both.
_OPERATOR_SET, _FILE_VERSION = 17, 8


class Networks(NamedTuple):
    """The networks of the cascade; each takes pixels scaled by (x - 127.5) / 128, RGB.

    A box is given by corrections of its left, top, right and bottom edge, as fractions of its size. The last value
    is the logit of "face": the log of its odds.

    Attributes:
        propose: (1, 3, H, W) float32 to (1, 5, rows, columns): box and logit for each window of 12 x 12 pixels.
        refine: (n, 3, 24, 24) float32 to (n, 5): box and logit.
        locate: (n, 3, 48, 48) float32 to (n, 15): box, five x and five y of the landmarks as fractions, and logit.
    """

    propose: Network
    refine: Network
    locate: Network


def load_networks(threads: int | None = None) -> Networks:
    """Build the networks.

    The results do not depend on the number of threads.

    Args:
        threads: number of threads of each network; None takes one per core that this process may use.

    Returns:
        The `Networks`.

    Raises:
        ValueError: the package with the weights is not installed, or its files are not the expected ones.
    """
    return Networks(*(_start(name, threads or _cores()) for name in ("pnet", "rnet", "onet")))


def _start(name: str, threads: int) -> Network:
    # Imported here because most code that handles faces detects none.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # Waiting threads leave the core to other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph = _graph(name).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def network(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(["values"], {"pixels": pixels})[0])

    return network


def _read_weights(name: str) -> list[np.ndarray]:
    package = importlib.util.find_spec("mtcnn")
    if package is None or not package.submodule_search_locations:
        raise ValueError(
            "detector: expected the package mtcnn, whose weights it uses, got an environment without it"
        )
    path = Path(package.submodule_search_locations[0]) / "assets" / "weights" / f"{name}.lz4"
    import joblib

    try:
        return [np.asarray(each, np.float32) for each in joblib.load(path)]
    except OSError as error:
        raise ValueError(f"detector: expected mtcnn's weights in {path}: {error.strerror}") from error


class _Writer:
    """Writes the nodes of a graph one after the other; `last` is the name of the newest value."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.last = "pixels"

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        self.last = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [self.last], **attributes))
        return self.last

    def constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def convolve(self, kernel: np.ndarray, bias: np.ndarray, output: str | None = None) -> str:
        """Convolve with (rows, columns, inputs, outputs), without padding."""
        constants = self.constant(kernel.transpose(3, 2, 0, 1)), self.constant(bias)
        return self.node("Conv", self.last, *constants, output=output)

    def bend(self, slopes: np.ndarray) -> str:
        """Apply a parametric ReLU: slopes * x + (1 - slopes) * max(x, 0).

        onnxruntime's own operator takes several times as long, and does not know the layout of the convolutions.
        """
        bent, value = slopes.reshape(-1, 1, 1), self.last
        positive = self.node("Mul", self.node("Relu", value), self.constant(1 - bent))
        linear = self.node("Mul", value, self.constant(bent))
        return self.node("Add", linear, positive)


def _graph(name: str) -> "ModelProto":
    from onnx import TensorProto, helper

    weights = _read_weights(name)
    expected = 3 * _CONVOLUTIONS[name] + {"pnet": 4, "rnet": 7, "onet": 9}[name]
    if len(weights) != expected:
        raise ValueError(f"detector: expected {expected} arrays in mtcnn's {name}.lz4, got {len(weights)}")
    layers, writer = iter(weights), _Writer()
    channels = 0
    for number in range(_CONVOLUTIONS[name]):
        kernel, bias, slopes = next(layers), next(layers), next(layers)
        writer.convolve(kernel, bias)
        writer.bend(slopes)
        channels = kernel.shape[-1]
        if number < len(_POOLS[name]):
            window, padding = _POOLS[name][number]
            pads, shape = [0, 0, padding, padding], [window, window]
            writer.node("MaxPool", writer.last, kernel_shape=shape, strides=[2, 2], pads=pads)
    side, count = _SIDES[name], _VALUES[name]
    if side is None:
        writer.convolve(*_heads(layers), output="values")
        places = ["rows", "columns"]
    else:
        _connect(writer, layers, channels)
        places = []
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["images", 3, side or "H", side or "W"])],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["images", count, *places])],
        writer.constants,
    )
    operators = helper.make_opsetid("", _OPERATOR_SET)
    return helper.make_model(graph, opset_imports=[operators], ir_version=_FILE_VERSION)


def _connect(writer: _Writer, layers: Iterator[np.ndarray], channels: int) -> None:
    """Add the dense layers of the second and the third network."""
    kernel, bias, slopes = next(layers), next(layers), next(layers)
    # The package flattens columns, rows, channels; here the order is channels, rows, columns.
    side = round((len(kernel) / channels) ** 0.5)
    kernel = kernel.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(kernel.shape)
    writer.node("Flatten", writer.last)
    writer.node("Gemm", writer.last, writer.constant(kernel), writer.constant(bias))
    writer.node("PRelu", writer.last, writer.constant(slopes))
    kernel, bias = _heads(layers)
    writer.node("Gemm", writer.last, writer.constant(kernel), writer.constant(bias), output="values")


def _heads(layers: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Join the last layers to one; of "no face" and "face", the difference of the logits remains."""
    rest = list(layers)
    kernels, biases = rest[::2], rest[1::2]
    kernels[-1] = kernels[-1][..., 1:] - kernels[-1][..., :1]
    biases[-1] = biases[-1][1:] - biases[-1][:1]
    return np.concatenate(kernels, axis=-1), np.concatenate(biases)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
