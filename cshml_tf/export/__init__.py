"""Recognisers for other runtimes: a SavedModel, ONNX, OpenVINO and LiteRT, each compared with the Keras model."""

from cshml_tf.export.exporting import UnlikeKeras, export
from cshml_tf.export.faces import faces_for
from cshml_tf.export.format import Source, load_format
from cshml_tf.export.saved_model import SIGNATURES, export_saved_model, largest_difference

__all__ = [
    "SIGNATURES",
    "Source",
    "UnlikeKeras",
    "export",
    "export_saved_model",
    "faces_for",
    "largest_difference",
    "load_format",
]
