"""Count the floating-point operations of a network: two for each multiplication of a convolution or dense layer.

Batch norm, activations, pools and additions are left out: a few per cent.
"""

import math

import keras

from cshml_tf.recogniser import backbone_of


def operations_per_face(recogniser: keras.Model) -> int:
    """Count the operations to embed one face.

    Args:
        recogniser: as `cshml_tf.recogniser.build_recogniser` returns.
    """
    return sum(2 * _multiplications(layer) for layer in backbone_of(recogniser).layers)


def operations_per_pair(recogniser: keras.Model, classes: int) -> int:
    """Count the operations to train on one pair.

    The teacher embeds the sharp face. The student embeds the other one and computes two gradients, of the weights
    and of the inputs, each as costly as the embedding. The classifier compares both embeddings with every class,
    and computes the gradients of W from both and of the student's embedding.

    Args:
        recogniser: of either branch.
        classes: columns of W.
    """
    embedding_size = recogniser.output_shape[-1]
    return 4 * operations_per_face(recogniser) + 5 * 2 * embedding_size * classes


def _multiplications(layer: keras.Layer) -> int:
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        # Height and width of the kernel; every output channel is of one input channel.
        return math.prod(layer.kernel.shape[:2]) * math.prod(layer.output.shape[1:])
    if isinstance(layer, keras.layers.Conv2D):
        # The kernel's first three sides: height, width, input channels of a group.
        return math.prod(layer.kernel.shape[:3]) * math.prod(layer.output.shape[1:])
    if isinstance(layer, keras.layers.Dense):
        return math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
    return 0
