"""Layers equivalent to Keras's own that need fewer passes over the maps, for training on TensorFlow.

Keras composes batch norm and PReLU from elementary operations, each of which reads and writes a whole map. In a
network of cheap convolutions, such as MobileFaceNet, the fused layers save a third of a training step
(`benchmarks/training_step.py`).
"""

# pyright: reportOptionalMemberAccess=false, reportOptionalOperand=false
# keras.ops and keras.layers have no annotations, and pyright infers None for variables that `build` creates.

import functools
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
    """`keras.layers.PReLU` with a third of the passes, forward and backward, and the same weights and results.

    At exactly 0 its gradient is 1, while Keras's is 0.
    Source: He et al., "Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
    Classification", ICCV 2015.
    """

    def call(self, inputs: Tensor) -> Tensor:
        import tensorflow as tf

        sloped, below = _loops()

        @tf.custom_gradient
        def prelu(x: tf.Tensor, alpha: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                # TensorFlow adds up maps several times faster than it adds up over all axes at once.
                over_batch = tf.reduce_sum(below(dy, x), 0)
                shared = [axis for axis, size in enumerate(alpha.shape) if size == 1]
                summed = tf.reduce_sum(over_batch, shared, keepdims=True)
                return sloped(dy, x, alpha), tf.cast(summed, alpha.dtype)

            return sloped(x, x, alpha), gradient

        return prelu(inputs, ops.cast(self.alpha, inputs.dtype))  # pyright: ignore[reportArgumentType]


@functools.cache
def _loops() -> tuple[Callable, Callable]:
    """Return two functions of whole maps, each of which is one loop.

    The first multiplies values by alpha where a map is negative. The second multiplies values by a map where that
    is negative, and by 0 elsewhere, and returns float32, in which they can be added up.

    XLA makes the loops; on GPUs, where XLA may be incomplete, TensorFlow's own operations are fast enough.
    """
    import tensorflow as tf

    def sloped(values: tf.Tensor, x: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
        return tf.where(x < 0, alpha * values, values)

    def below(values: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return tf.cast(values, "float32") * tf.cast(tf.minimum(x, 0), "float32")

    if _has_gpu():
        return sloped, below
    return tf.function(sloped, jit_compile=True), tf.function(below, jit_compile=True)


FASTER = {
    keras.layers.BatchNormalization: FusedBatchNormalization,
    keras.layers.PReLU: FusedPReLU,
}
PLAIN = {faster: plain for plain, faster in FASTER.items()}


def is_slow_in_bfloat16(kind: type[keras.layers.Layer]) -> bool:
    """Return whether layers of a class take longer in bfloat16 than in float32 here, with casting.

    On CPUs, TensorFlow's gradients of depthwise convolutions take three times as long.
    """
    if keras.backend.backend() != "tensorflow" or _has_gpu():
        return False
    return issubclass(kind, keras.layers.DepthwiseConv2D)


def _has_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
