"""ONNX recognisers as trainable Keras networks.

Source: ONNX's specification, https://onnx.ai/onnx/.
"""

from cshml_tf.pretrained.onnx.comparison import largest_difference
from cshml_tf.pretrained.onnx.graph import UnsupportedGraph, read_graph
from cshml_tf.pretrained.onnx.network import build_backbone

__all__ = ["UnsupportedGraph", "build_backbone", "largest_difference", "read_graph"]
