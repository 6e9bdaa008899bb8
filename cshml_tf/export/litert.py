"""LiteRT files (.tflite) by TensorFlow's converter; static int8 by ai-edge-quantizer.

Source: https://ai.google.dev/edge/litert.
"""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from cshml_tf.export.format import Embed, Format, Source
from cshml_tf.export.served import EMBEDDINGS, INPUT, OUTPUT, PIXELS, ServedFaces

FILE = "recogniser.tflite"


def _write(source: Source, folder: Path, precision: str) -> None:
    folder.mkdir(exist_ok=True)
    served = ServedFaces(source.recogniser)
    functions = [served.embed.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, served)
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    content = converter.convert()
    if precision == "int8":
        assert source.calibration is not None
        content = _quantised(content, source.calibration)
    (folder / FILE).write_bytes(content)


def _quantised(content: bytes, faces: np.ndarray) -> bytes:
    """Quantise convolutions and the last layer: weights per channel, activations per tensor."""
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    quantizer = Quantizer(bytearray(content))
    for operation in (TFLOperationName.CONV_2D, TFLOperationName.FULLY_CONNECTED):
        quantizer.add_static_config(".*", operation, activation_num_bits=8, weight_num_bits=8)
    ranges = quantizer.calibrate({"serving_default": [{INPUT: face[None]} for face in faces]})
    quantised = quantizer.quantize(ranges).quantized_model
    assert quantised is not None
    return bytes(quantised)


def _load(folder: Path, precision: str) -> Embed:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / FILE), num_threads=os.cpu_count())
    (images,), (embeddings,) = interpreter.get_input_details(), interpreter.get_output_details()
    sizes: list[tuple[int, ...]] = []

    def embed(faces: np.ndarray) -> np.ndarray:
        if sizes != [faces.shape]:
            interpreter.resize_tensor_input(images["index"], faces.shape)
            interpreter.allocate_tensors()
            sizes[:] = [faces.shape]
        interpreter.set_tensor(images["index"], faces)
        interpreter.invoke()
        return interpreter.get_tensor(embeddings["index"])

    return embed


FORMAT = Format(
    write=_write,
    load=_load,
    file=FILE,
    described={"input": {INPUT: PIXELS}, "output": {OUTPUT: EMBEDDINGS}},
    packages=("ai-edge-litert",),
    quantiser=("ai-edge-quantizer",),
)
