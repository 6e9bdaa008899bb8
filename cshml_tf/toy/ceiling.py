"""The upper limit for small digits: a classifier trained directly on their nine pixels.

An LR network of the toy experiment sees a 3 x 3 digit enlarged to 28 x 28, which adds no information to its nine
grey levels. A classifier trained directly on those nine values shows how much information they contain.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from cshml_tf.degradation.bicubic import resize
from cshml_tf.toy.digits import Digits

_WIDTH, _DEPTH, _DROPOUT, _RATE, _BATCH = 256, 3, 0.1, 0.003, 256


def ceiling(train: Digits, test: Digits, resolution: int, epochs: int, seed: int) -> float:
    """Train dense layers on the few pixels of degraded digits and measure their accuracy on other digits.

    Args:
        train: digits to train on.
        test: digits to measure on.
        resolution: r, for digits of r x r pixels.
        epochs: number of passes over `train`.
        seed: seed of the weights and of the order of the digits.

    Returns:
        float, 0..1.
    """
    keras.utils.set_random_seed(seed)
    pixels, test_pixels = few_pixels(train, resolution), few_pixels(test, resolution)
    stack = [keras.Input((resolution**2,)), layers.BatchNormalization()]
    for _ in range(_DEPTH):
        stack += [layers.Dense(_WIDTH, use_bias=False), layers.BatchNormalization()]
        stack += [layers.ReLU(), layers.Dropout(_DROPOUT)]
    classifier = keras.Sequential([*stack, layers.Dense(10)])
    rate = keras.optimizers.schedules.CosineDecay(_RATE, epochs * -(-len(pixels) // _BATCH))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Keras infers the types from its defaults: a float rate, "auto" for verbose.
    optimizer = keras.optimizers.Adam(rate)  # pyright: ignore[reportArgumentType]
    silent: Any = 0
    classifier.compile(optimizer, loss)
    classifier.fit(pixels, train.labels, batch_size=_BATCH, epochs=epochs, verbose=silent)
    predicted = classifier.predict(test_pixels, batch_size=2000, verbose=silent).argmax(axis=1)
    return float(np.mean(predicted == test.labels))


def few_pixels(digits: Digits, resolution: int) -> np.ndarray:
    """Reduce digits to r x r pixels, as those of the LR networks are before they are enlarged again.

    Returns:
        (digits, r * r) float32, 0..1.
    """
    grey = np.asarray(resize(digits.pixels[..., :1], resolution, resolution))
    return grey.reshape(len(grey), -1) / np.float32(255)
