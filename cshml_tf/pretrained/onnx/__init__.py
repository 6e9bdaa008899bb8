"""ONNX recognisers as trainable Keras networks.

Source: ONNX's specification, https://onnx.ai/onnx/.
"""

from cshml_tf.pretrained.onnx.comparison import largest_difference
from cshml_tf.pretrained.onnx.graph import Graph, read_graph
from cshml_tf.pretrained.onnx.network import build_backbone, embedding_tensor
from cshml_tf.pretrained.onnx.reading import UnsupportedGraph

__all__ = ["Graph", "UnsupportedGraph", "build_backbone", "embedding_tensor", "largest_difference", "read_graph"]
