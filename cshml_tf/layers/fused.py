"""Layers that compute what Keras's own do in fewer passes over the maps, for training on TensorFlow.

Keras makes batch norm and PReLU of single operations, each of which reads and writes a whole map. In a network of
cheap convolutions, such as MobileFaceNet, doing without saves a third of a step (`benchmarks/training_step.py`).
"""

import keras
from keras import ops


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` as TensorFlow's one operation, with the same weights and figures.

    What is no map (batch, h, w, channels) goes Keras's way.
    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift", ICML 2015.
    """

    def call(self, inputs, training=None, mask=None):
        if mask is not None or len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            normalised, _, _ = self._fused(inputs, self.moving_mean.value, self.moving_variance.value)
            return normalised
        normalised, mean, unbiased = self._fused(inputs)
        values = ops.cast(ops.size(inputs) // inputs.shape[-1], "float32")
        variance = unbiased * ops.maximum(values - 1.0, 1.0) / values
        self.moving_mean.assign(self._moved(self.moving_mean, mean))
        self.moving_variance.assign(self._moved(self.moving_variance, variance))
        return normalised

    def _fused(self, inputs, mean=None, variance=None):
        from tensorflow.compat.v1.nn import fused_batch_norm

        channels = inputs.shape[-1]
        # Whatever the maps' precision, statistics and weights are float32.
        return fused_batch_norm(
            inputs,
            self.gamma.value if self.scale else ops.ones(channels),
            self.beta.value if self.center else ops.zeros(channels),
            mean,
            variance,
            self.epsilon,
            is_training=mean is None,
        )

    def _moved(self, average, value):
        return average * self.momentum + value * (1.0 - self.momentum)


class FusedPReLU(keras.layers.PReLU):
    """`keras.layers.PReLU` with half of the passes, forward and backward; the same weights and figures.

    At exactly 0 its gradient is 1, Keras's is 0. In bfloat16, where alpha - 1 would lose alpha's digits, it goes
    Keras's way.
    Source: He et al., "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", ICCV 2015.
    """

    def call(self, inputs):
        if keras.backend.standardize_dtype(inputs.dtype) != "float32":
            return super().call(inputs)
        import tensorflow as tf

        @tf.custom_gradient
        def prelu(x, alpha):
            negative = tf.minimum(x, 0)

            def gradient(dy):
                below = tf.raw_ops.ReluGrad(gradients=dy, features=-negative)
                shared = [axis for axis, size in enumerate((1, *alpha.shape)) if size == 1]
                summed = tf.reduce_sum(dy * negative, shared, keepdims=True)
                return dy + (alpha - 1) * below, tf.reshape(summed, alpha.shape)

            return x + (alpha - 1) * negative, gradient

        return prelu(inputs, self.alpha.value)


FASTER = {
    keras.layers.BatchNormalization: FusedBatchNormalization,
    keras.layers.PReLU: FusedPReLU,
}
PLAIN = {faster: plain for plain, faster in FASTER.items()}
