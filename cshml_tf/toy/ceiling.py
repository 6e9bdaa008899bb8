"""What the few pixels of a small digit can tell: a classifier of nothing but those nine.

An LR network of the toy sees a 3 x 3 digit enlarged to 28 x 28, which adds nothing to its nine grey levels. A
classifier that takes these as they are, trained for accuracy alone, shows how much they hold.
"""

import keras
import numpy as np
from keras import layers

from cshml_tf.degradation.bicubic import resize

_WIDTH, _DEPTH, _DROPOUT, _RATE, _BATCH = 256, 3, 0.1, 0.003, 256


def ceiling(train, test, resolution, epochs, seed):
    """Train dense layers on the few pixels of digits, and give the share of others that they tell right.

    Args:
        train: `cshml_tf.toy.digits.Digits`.
        test: the same.
        resolution: r of r x r pixels.
        epochs: how often each digit is seen.
        seed: of the weights and of the digits' order.

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
    classifier.compile(keras.optimizers.Adam(rate), loss)
    classifier.fit(pixels, train.labels, batch_size=_BATCH, epochs=epochs, verbose=0)
    told = classifier.predict(test_pixels, batch_size=2000, verbose=0).argmax(axis=1)
    return float(np.mean(told == test.labels))


def few_pixels(digits, resolution):
    """Reduce digits to r x r pixels, as the LR networks' are before they are enlarged.

    Returns:
        (digits, r * r) float32, 0..1.
    """
    grey = resize(digits.pixels[..., :1], resolution, resolution)
    return grey.reshape(len(grey), -1) / np.float32(255)
