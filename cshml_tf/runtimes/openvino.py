"""OpenVINO, which folds batch norm into convolutions, in float32 or, on processors that have it, bfloat16.

Source: https://docs.openvino.ai.
"""

import math
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cshml_tf.runtimes.runtime import BFLOAT16, FLOAT32, Run, Runtime
from cshml_tf.runtimes.signal_stack import kept_signal_stack

_HINTS = {FLOAT32: "f32", BFLOAT16: "bf16"}
# Small batches side by side, a core each, take a sixth to a third less of the processor's time than one batch on
# all cores, which wait for each other after every layer. Pinned threads of two processes would meet on the same
# cores.
_OPTIONS = {"PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": False}
# Faces per part. Weights that stay in the cache may be read again for each part; larger ones are worth more faces.
_FEW, _MANY = 2, 8
_CACHED_BYTES = 2**24


class _SideBySide:
    """A compiled network that embeds the parts of a batch at the same time.

    Args:
        compiled: an `openvino.CompiledModel`.
        most: faces per part, at most.
    """

    def __init__(self, compiled: Any, most: int) -> None:
        import openvino

        self._requests = openvino.AsyncInferQueue(compiled)
        self._most = most
        self._size = compiled.output(0).partial_shape[1].get_length()
        # The requests answer one caller at a time.
        self._lock = threading.Lock()

    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """Embed (N, height, width, 3) float32: (N, E) float32."""
        embedded = np.empty((len(faces), self._size), np.float32)
        at_once = min(self._most, -(-len(faces) // len(self._requests)))

        def keep(request: Any, start: int) -> None:
            embedded[start : start + at_once] = request.get_output_tensor().data

        with self._lock:
            self._requests.set_callback(keep)
            for start in range(0, len(faces), at_once):
                self._requests.start_async({0: faces[start : start + at_once]}, start)
            self._requests.wait_all()
        return embedded


@kept_signal_stack()
def _prepare(recogniser: keras.Model, number_format: str) -> Run:
    import openvino

    from cshml_tf.runtimes.graph import constant_function

    function, _ = constant_function(recogniser)
    traced = function.get_concrete_function()
    core = openvino.Core()
    with tempfile.TemporaryDirectory() as folder:
        # Its reader of TensorFlow's graphs takes a file. The converter that takes a function is four times slower.
        path = Path(folder) / "graph.pb"
        path.write_bytes(traced.graph.as_graph_def().SerializeToString())
        options = _OPTIONS | {"INFERENCE_PRECISION_HINT": _HINTS[number_format]}
        read = core.read_model(path)
        # Every node that no other reads is an output, such as a tap of the backbone; one of them is wanted.
        output = read.output(traced.outputs[0].name)
        # The stubs do not see that the class is a subclass of the native one.
        network = openvino.Model([output], read.get_parameters())  # pyright: ignore[reportGeneralTypeIssues]
        compiled = core.compile_model(network, "CPU", options)
    weights = 4 * sum(math.prod(variable.shape) for variable in recogniser.variables)
    return _SideBySide(compiled, _FEW if weights <= _CACHED_BYTES else _MANY)


@kept_signal_stack()
def _formats() -> Sequence[str]:
    import openvino

    has = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [FLOAT32, BFLOAT16] if "BF16" in has else [FLOAT32]


RUNTIME = Runtime(_prepare, _formats, ("openvino",))
