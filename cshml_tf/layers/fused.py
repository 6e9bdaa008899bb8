"""Layers equivalent to Keras's own that need fewer passes over the maps, for training on TensorFlow.

Keras composes batch norm and PReLU from elementary operations, each of which reads and writes a whole map. In a
network of cheap convolutions, such as MobileFaceNet, the fused layers save a third of a training step
(`benchmarks/training_step.py`).
"""

# pyright: reportOptionalMemberAccess=false, reportOptionalOperand=false
# keras.ops and keras.layers have no annotations, and pyright infers None for variables that `build` creates.

from collections.abc import Callable

import keras
from keras import ops

from cshml_tf.losses import Tensor


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` as a single TensorFlow operation, with the same weights and results.

    Inputs other than maps (batch, h, w, channels) are left to Keras's own implementation.
    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift", ICML 2015.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        if mask is not None or len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            normalised, _, _ = self._fused(inputs, self.moving_mean.value, self.moving_variance.value)
            return normalised
        normalised, mean, unbiased = self._fused(inputs)
        values = ops.cast(ops.size(inputs) // inputs.shape[-1], "float32")
        variance = unbiased * ops.maximum(values - 1.0, 1.0) / values
        self.moving_mean.assign(self._moving_average(self.moving_mean, mean))
        self.moving_variance.assign(self._moving_average(self.moving_variance, variance))
        return normalised

    def _fused(
        self, inputs: Tensor, mean: Tensor | None = None, variance: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        import tensorflow as tf

        channels = inputs.shape[-1]
        # Statistics and weights are float32 regardless of the maps' precision.
        return tf.compat.v1.nn.fused_batch_norm(
            inputs,
            self.gamma.value if self.scale else ops.ones(channels),
            self.beta.value if self.center else ops.zeros(channels),
            mean,
            variance,
            self.epsilon,
            is_training=mean is None,
        )

    def _moving_average(self, average: Tensor, value: Tensor) -> Tensor:
        return average * self.momentum + value * (1.0 - self.momentum)


class FusedPReLU(keras.layers.PReLU):
    """`keras.layers.PReLU` with half the passes, forward and backward, and the same weights and results.

    At exactly 0 its gradient is 1, while Keras's is 0. Inputs in bfloat16, in which alpha - 1 would lose the
    digits of alpha, are left to Keras's own implementation.
    Source: He et al., "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", ICCV 2015.
    """

    def call(self, inputs: Tensor) -> Tensor:
        if keras.backend.standardize_dtype(inputs.dtype) != "float32":
            return super().call(inputs)
        import tensorflow as tf

        @tf.custom_gradient
        def prelu(x: tf.Tensor, alpha: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            negative = tf.minimum(x, 0)

            def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
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
