"""OpenVINO's files (.xml, .bin), read from the ONNX graph; weights in float16, or int8 by NNCF.

Source: https://docs.openvino.ai and https://github.com/openvinotoolkit/nncf.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.export.format import Embed, Format, Source
from cshml_tf.export.onnx import convert
from cshml_tf.export.served import EMBEDDINGS, IN_FLOAT32, INPUT, OUTPUT, PIXELS
from cshml_tf.runtimes.signal_stack import kept_signal_stack

FILE = "recogniser.xml"
# On processors with bfloat16, OpenVINO would compute in it unless told otherwise.
OPTIONS = {"INFERENCE_PRECISION_HINT": "f32"}


@kept_signal_stack()
def _write(source: Source, folder: Path, precision: str) -> None:
    import openvino

    folder.mkdir(exist_ok=True)
    # Its readers take bytes, which pass through no file and no telemetry of the converter.
    model = openvino.Core().read_model(model=convert(source).SerializeToString())
    if precision == "int8":
        assert source.calibration is not None
        model = _quantised(model, source.calibration)
    openvino.save_model(model, str(folder / FILE), compress_to_fp16=precision == "float16")


def _quantised(model: Any, faces: np.ndarray) -> Any:
    """Quantise all layers that NNCF knows: weights per channel, activations per tensor."""
    # Nothing is to be reported to its makers.
    os.environ.setdefault("NNCF_CI", "1")
    import nncf

    nncf.set_log_level(40)
    names = [operation.get_friendly_name() for operation in model.get_ordered_ops()]
    kept = nncf.IgnoredScope(names=[name for name in names if any(part in name for part in IN_FLOAT32)])
    batches = nncf.Dataset([face[None] for face in faces])
    return nncf.quantize(model, batches, subset_size=len(faces), ignored_scope=kept)


@kept_signal_stack()
def _load(folder: Path, precision: str) -> Embed:
    import openvino

    compiled = openvino.Core().compile_model(folder / FILE, "CPU", OPTIONS)
    return lambda faces: np.array(compiled(faces)[0])


FORMAT = Format(
    write=_write,
    load=_load,
    file=FILE,
    described={
        "input": {INPUT: PIXELS},
        "output": {OUTPUT: EMBEDDINGS},
        "runtime_options": OPTIONS,
    },
    packages=("tf2onnx", "onnx", "openvino"),
    quantiser=("nncf",),
)
