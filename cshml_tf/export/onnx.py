"""ONNX files: the graph converted by tf2onnx, weights in float16, or static int8 by onnxruntime.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html.
"""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.export.format import Embed, Format, Source
from cshml_tf.export.served import EMBEDDINGS, INPUT, OUTPUT, PIXELS, ServedFaces

FILE = "recogniser.onnx"
OPSET = 17
# Smaller constants are limits, offsets and the like.
_FEWEST_HALVED = 64


def convert(source: Source) -> Any:
    """Convert a recogniser to ONNX in float32.

    Args:
        source: the recogniser.

    Returns:
        onnx.ModelProto, from `INPUT` (batch, height, width, 3) to `OUTPUT` (batch, E).
    """
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    served = ServedFaces(source.recogniser)
    model, _ = tf2onnx.convert.from_function(served.embed, input_signature=served.signature, opset=OPSET)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def _write(source: Source, folder: Path, precision: str) -> None:
    import onnx

    folder.mkdir(exist_ok=True)
    model = convert(source)
    if precision == "float16":
        _halve_weights(model)
    if precision == "int8":
        assert source.calibration is not None
        model = _quantised(model, source.calibration)
    onnx.save(model, str(folder / FILE))


def _halve_weights(model: Any) -> None:
    """Store weights in float16, each with a cast to float32, in which the runtime computes.

    onnxruntime's own converter also computes in float16, and casts to it even between the nodes that are to stay
    in float32: the squares of pixels lose their precision, and a black face gets NaN.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= _FEWEST_HALVED:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/float16"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], f"{name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _quantised(model: Any, faces: np.ndarray) -> Any:
    """Quantise the convolutions but those by channel: weights per channel, activations per tensor.

    The first convolution, those by channel and the last layer stay float32. They are a small part of the
    arithmetic, and of their rounding the embeddings would suffer most.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Faces(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._faces: Iterator[np.ndarray] = iter(faces)

        def get_next(self) -> Any:
            face = next(self._faces, None)
            return None if face is None else {INPUT: face[None]}

    with tempfile.TemporaryDirectory() as folder:
        given, prepared, quantised = (f"{folder}/{name}.onnx" for name in ("given", "prepared", "quantised"))
        onnx.save(model, given)
        # Batch norms are folded into convolutions, so that one rounding serves both.
        quant_pre_process(given, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            quantised,
            Faces(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_sensitive(onnx.load(prepared)),
            calibrate_method=quantization.CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.99},
        )
        return onnx.load(quantised)


def _sensitive(model: Any) -> list[str]:
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    by_channel = [
        node for node in convolutions if any(each.name == "group" and each.i > 1 for each in node.attribute)
    ]
    return [node.name for node in (convolutions[0], *by_channel)]


def _load(folder: Path, precision: str) -> Embed:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / FILE), providers=["CPUExecutionProvider"])
    return lambda faces: np.asarray(session.run([OUTPUT], {INPUT: faces})[0])


FORMAT = Format(
    write=_write,
    load=_load,
    file=FILE,
    described={"input": {INPUT: PIXELS}, "output": {OUTPUT: EMBEDDINGS}, "opset": OPSET},
    packages=("tf2onnx", "onnx", "onnxruntime"),
)
