"""Write the files keras_*.onnx and tf2onnx_*.onnx next to this script.

Run with keras 3.15.1, tensorflow 2.21.0, tf2onnx 1.17.0 and Python 3.11. The weights are random.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers, ops

HERE = Path(__file__).parent
SIZE = (32, 28, 3)


def mobile():
    """Return depthwise blocks with PReLU, hard swish and squeeze-and-excite."""
    image = keras.Input(SIZE, name="image")
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False)(image)
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer=random(0.1, 0.4))(norm()(x))
    x = layers.DepthwiseConv2D(3, 2, "same")(layers.ZeroPadding2D(((0, 1), (1, 0)))(x))
    x = layers.Activation("hard_silu")(norm()(x))
    squeezed = layers.Dense(4, "relu")(layers.GlobalAveragePooling2D()(x))
    scale = layers.Reshape((1, 1, 8))(layers.Dense(8, "hard_sigmoid")(squeezed))
    x = layers.PReLU(shared_axes=[1, 2], alpha_initializer=random(0.1, 0.4))(layers.Conv2D(16, 1)(x * scale))
    x = layers.DepthwiseConv2D(x.shape[1:3])(x)
    return keras.Model(image, norm()(layers.Dense(8)(layers.Flatten()(x))))


def lightcnn():
    """Return max-feature-maps by slices, and pooling."""
    image = keras.Input(SIZE, name="image")
    x = layers.Conv2D(12, 5, padding="same")(image)
    x = layers.MaxPooling2D(2, padding="same")(layers.maximum([x[..., :6], x[..., 6:]]))
    one, other = ops.split(layers.Conv2D(16, 3, padding="same")(x), 2, axis=-1)
    x = layers.AveragePooling2D(3, 2, padding="same")(ops.maximum(one, other))
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(8)(x))


def residual():
    """Return residual blocks with a unit vector at the end."""
    image = keras.Input(SIZE, name="image")
    x = layers.Rescaling(0.9, 0.1)(image)
    x = layers.Activation("silu")(norm()(layers.Conv2D(8, 3, padding="same")(x)))
    y = layers.Conv2D(8, 3, 2, "same")(layers.LeakyReLU(0.2)(norm()(x)))
    x = layers.add([ops.gelu(y, approximate=True), layers.MaxPooling2D(1, 2)(x)])
    y = layers.SeparableConv2D(8, 3, padding="same", activation="elu")(x)
    x = layers.concatenate([layers.Activation("softplus")(y), ops.abs(x), layers.ReLU(6.0)(x)])
    x = layers.Dense(8, use_bias=False)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.UnitNormalization()(norm()(x)))


def random(low, high):
    """Return an initialiser of uniform random numbers."""
    return keras.initializers.RandomUniform(low, high)


def norm():
    """Return a batch norm with random averages."""
    return layers.BatchNormalization(
        moving_mean_initializer=random(-0.3, 0.3),
        moving_variance_initializer=random(0.5, 1.5),
        gamma_initializer=random(0.5, 1.5),
        beta_initializer=random(-0.3, 0.3),
    )


def main():
    """Export every network with both exporters."""
    keras.utils.set_random_seed(0)
    for build in (mobile, lightcnn, residual):
        network, name = build(), build.__name__
        network(np.zeros((1, *SIZE), np.float32))
        network.export(HERE / f"keras_{name}.onnx", format="onnx", verbose=False)
        signature = [tf.TensorSpec((None, *SIZE), tf.float32, name="input_1")]

        @tf.function(input_signature=signature)
        def run(image, network=network):
            return tf.math.l2_normalize(network(image), axis=1)

        tf2onnx.convert.from_function(run, signature, opset=13, output_path=str(HERE / f"tf2onnx_{name}.onnx"))


if __name__ == "__main__":
    main()
