"""onnxruntime, over a graph that tf2onnx converts.

Source: https://onnxruntime.ai.
"""

import contextlib
import io
import logging

import keras
import numpy as np

from cshml_tf.runtimes.runtime import FLOAT32, Run, Runtime

OPSET = 17


def _prepare(recogniser: keras.Model, number_format: str) -> Run:
    import onnxruntime
    import tf2onnx

    from cshml_tf.runtimes.graph import INPUT, OUTPUT, constant_function

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function, signature = constant_function(recogniser)
    # The converter prints what it does.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        network, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda faces: np.asarray(session.run([OUTPUT], {INPUT: faces})[0], np.float32)


RUNTIME = Runtime(_prepare, lambda: [FLOAT32], ("onnxruntime", "onnx", "tf2onnx"))
