"""Decode image files inside a TensorFlow graph, to the pixels that `cshml_tf.images.read_image` returns."""

import tensorflow as tf


def decode_image(data: tf.Tensor) -> tf.Tensor:
    """Decode an image file, grey or colour; transparency shows white.

    EXIF orientation is not applied: aligned faces have none.

    Args:
        data: scalar string, a JPEG, PNG or BMP file.

    Returns:
        (H, W, 3) float32, RGB, whole numbers 0..255.
    """
    # By default TensorFlow trades accuracy for speed in JPEG: up to 5 grey levels on photographs.
    stored = tf.cond(
        tf.io.is_jpeg(data),
        lambda: tf.io.decode_jpeg(data, channels=0, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(data, channels=0, expand_animations=False),
    )
    stored = tf.cast(tf.ensure_shape(stored, (None, None, None)), tf.float32)
    channels = tf.shape(stored)[2]
    # Of two or four channels the last is opacity; one or two are grey.
    colours = channels - tf.cast(tf.equal(tf.math.floormod(channels, 2), 0), tf.int32)
    colour = tf.gather(stored, [0, colours // 2, colours - 1], axis=2)
    opacity = tf.where(colours < channels, stored[..., -1:] / 255.0, 1.0)
    return tf.round(colour * opacity + 255.0 * (1.0 - opacity))
