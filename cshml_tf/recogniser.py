"""A recogniser: one graph from RGB pixels to unit embeddings, whatever its backbone.

The graph carries its own size, standardisation and normalisation, so that training, testing and serving
cannot disagree about them.
"""

import keras

from cshml_tf.layers import FitToSize, Standardise, UnitLength
from cshml_tf.layers.fused import FASTER, PLAIN
from cshml_tf.layers.imported import layer_name


def build_recogniser(backbone, standardisation="per_image"):
    """Put the preprocessing before a backbone, and the normalisation after it.

    Args:
        backbone: as `cshml_tf.backbones.build` gives, with any input size.
        standardisation: a mode of `cshml_tf.layers.Standardise`.

    Returns:
        keras.Model: RGB pixels (batch, H, W, 3), 0..255, of any size -> (batch, E) float32, unit length.
    """
    pixels = keras.Input((None, None, 3), name="pixels")
    x = FitToSize(backbone.input_shape[1:3], name="fit_to_size")(pixels)
    x = Standardise(standardisation, name="standardise")(x)
    embedding = UnitLength(name="unit_length")(backbone(x)["embedding"])
    return keras.Model(pixels, embedding, name="recogniser")


def backbone_of(recogniser):
    """Give the backbone inside a recogniser."""
    return recogniser.get_layer("backbone")


def image_size_of(recogniser):
    """Give (height, width) of the faces a recogniser sees after its own resizing."""
    return tuple(recogniser.get_layer("fit_to_size").image_size)


def standardisation_of(recogniser):
    """Give the mode of a recogniser's `cshml_tf.layers.Standardise`."""
    return recogniser.get_layer("standardise").mode


def default_tap_of(recogniser):
    """Give the name of the tap of equation 5 where no other is asked for: the last map before the embedding."""
    taps = backbone_of(recogniser).output
    return "block_c" if "block_c" in taps else "last_map"


def with_tap(recogniser, name):
    """Give a recogniser whose backbone has a tap more, sharing every layer with the original.

    Args:
        recogniser: as `build_recogniser` gives.
        name: a tap that the backbone has already, or one of its layers, whose output becomes the tap of that
            name; of an imported backbone also a node as its ONNX file names it.

    Returns:
        keras.Model.

    Raises:
        ValueError: there is no such tap or layer, or its output is no feature map.
    """
    original = backbone_of(recogniser)
    taps = dict(original.output)
    if name in taps and name != "embedding":
        return recogniser
    layers = {layer.name: layer for layer in original.layers}
    layer = layers.get(name, layers.get(layer_name(name)))
    if layer is None or name == "embedding" or len(getattr(layer.output, "shape", ())) != 4:
        named = ", ".join(tap for tap in taps if tap != "embedding")
        raise ValueError(f"tap: expected one of {named}, or a layer that gives feature maps, got {name!r}")
    backbone = keras.Model(original.input, taps | {name: layer.output}, name="backbone")
    return build_recogniser(backbone, standardisation_of(recogniser))


def settle_batch_norm(recogniser, steps):
    """Free batch norm's moving averages of the 0 and the 1 that they started from.

    After n steps of decay d an average still holds d^n of its start: with FaceNet's 0.995 that is 8 % after 500
    steps, and after five the network would be normalised by next to nothing that it has seen.

    Args:
        recogniser: trained from fresh weights; changed in place.
        steps: number of batches that the averages have seen, at least 1.
    """
    for layer in backbone_of(recogniser).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            start = layer.momentum**steps
            layer.moving_mean.assign(layer.moving_mean / (1 - start))
            variance = (layer.moving_variance - start) / (1 - start)
            layer.moving_variance.assign(keras.ops.maximum(variance, 0.0))


def features(recogniser, pixels, training=False):
    """Run a recogniser up to its backbone's outputs.

    Args:
        recogniser: as `build_recogniser` gives.
        pixels: (batch, H, W, 3), 0..255.
        training: whether dropout drops and batch norm uses, and learns, the statistics of the batch.

    Returns:
        dict of named taps (batch, h, w, channels) and "embedding" (batch, E), not normalised.
    """
    x = recogniser.get_layer("standardise")(recogniser.get_layer("fit_to_size")(pixels))
    return backbone_of(recogniser)(x, training=training)


def clone(recogniser, precision="float32", synchronised=False, dropout=None, to_train=False):
    """Copy a recogniser, weights included, with another precision, batch norm or dropout.

    Args:
        recogniser: as `build_recogniser` gives.
        precision: Keras dtype policy of the backbone's layers, such as "mixed_bfloat16"; weights are
            float32 in all of them.
        synchronised: whether batch norm takes its statistics over all replicas.
        dropout: a new rate for every dropout layer, 0..1; None keeps the rates.
        to_train: whether to take `cshml_tf.layers.fused` where there are; such a copy is not for saving.

    Returns:
        keras.Model with the same names and weights, all trainable, sharing nothing with the original.
    """
    faster = FASTER if to_train and keras.backend.backend() == "tensorflow" else {}

    def copy_layer(layer):
        config = layer.get_config() | {"dtype": precision, "trainable": True}
        kind = PLAIN.get(type(layer), type(layer))
        if kind is keras.layers.BatchNormalization:
            config["synchronized"] = synchronised
            # The one operation sees its own replica alone.
            return (kind if synchronised else faster.get(kind, kind)).from_config(config)
        if isinstance(layer, keras.layers.Dropout) and dropout is not None:
            config["rate"] = dropout
        return faster.get(kind, kind).from_config(config)

    original = backbone_of(recogniser)
    backbone = keras.models.clone_model(original, clone_function=copy_layer)
    backbone.set_weights(original.get_weights())
    return build_recogniser(backbone, standardisation_of(recogniser))
