"""A recogniser: one graph from RGB pixels to unit embeddings, whatever its backbone.

The graph includes its own resizing, standardisation and normalisation, so training, testing and serving cannot
disagree about them.
"""

from typing import Any

import keras
import numpy as np

from cshml_tf.layers import FitToSize, Standardise, UnitLength
from cshml_tf.layers.fused import FASTER, PLAIN, is_slow_in_bfloat16
from cshml_tf.layers.imported import layer_name


def build_recogniser(backbone: keras.Model, standardisation: str = "per_image") -> keras.Model:
    """Wrap a backbone in preprocessing and normalisation.

    Args:
        backbone: as returned by `cshml_tf.backbones.build`, of any input size.
        standardisation: a mode of `cshml_tf.layers.Standardise`.

    Returns:
        keras.Model: RGB pixels (batch, H, W, 3), 0..255, of any size -> (batch, E) float32, unit length.
    """
    pixels = keras.Input((None, None, 3), name="pixels")
    x = FitToSize(backbone.input_shape[1:3], name="fit_to_size")(pixels)
    x = Standardise(standardisation, name="standardise")(x)
    embedding = UnitLength(name="unit_length")(backbone(x)["embedding"])
    return keras.Model(pixels, embedding, name="recogniser")


@keras.saving.register_keras_serializable("cshml_tf")
class CheckedRecogniser(keras.Model):
    """A recogniser that refuses pictures whose pixels cannot be RGB of 0..255, such as floats of 0..1.

    Arrays and concrete tensors are checked where they are passed in: calls, `predict` and `predict_on_batch`.
    Inside a graph that is traced or compiled nothing is checked, so that training stays as fast as without; nor
    are data sets and generators.
    """

    def __call__(self, pixels: Any, *args: Any, **kwargs: Any) -> Any:
        """Check the pixels, and embed them."""
        check_range(pixels)
        return super().__call__(pixels, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Check the pixels, and embed them in batches."""
        check_range(x)
        return super().predict(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Check the pixels, and embed them as one batch."""
        check_range(x)
        return super().predict_on_batch(x)


def checked(recogniser: keras.Model) -> CheckedRecogniser:
    """Return a recogniser that checks its pictures; it shares all layers with the original."""
    return CheckedRecogniser(recogniser.input, recogniser.output, name=recogniser.name)


def unchecked(recogniser: keras.Model) -> keras.Model:
    """Return a recogniser without the check of its pictures, as model folders store it."""
    if not isinstance(recogniser, CheckedRecogniser):
        return recogniser
    return keras.Model(recogniser.input, recogniser.output, name=recogniser.name)


def check_range(pixels: Any) -> None:
    """Refuse pictures that are not RGB of 0..255.

    uint8 needs no check. A batch of floats may be black, or contain black pictures; but if no value is above 1,
    the pixels have been divided by 255.

    Args:
        pixels: array or tensor; symbolic ones, data sets and generators pass.

    Raises:
        ValueError: a value is below 0, above 255 or not a number, or the values are those of 0..1.
    """
    if not is_concrete(pixels):
        return
    values = np.asarray(pixels)
    if values.dtype == np.uint8 or not values.size:
        return
    values = values if values.dtype.kind in "biuf" else values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 255):
        raise ValueError(f"pixels: expected RGB of 0..255, got values of {low:g}..{high:g}")
    if 0 < high <= 1:
        raise ValueError(
            f"pixels: expected RGB of 0..255, got values of {low:g}..{high:g}: multiply pixels of 0..1 by 255"
        )


def is_concrete(pixels: Any) -> bool:
    """Return whether pixels are an array, a list or a tensor with values, not one of a graph that is traced."""
    if isinstance(pixels, np.ndarray | list | tuple):
        return True
    if not keras.ops.is_tensor(pixels):
        return False
    if keras.backend.backend() == "jax":
        from jax.core import Tracer

        return not isinstance(pixels, Tracer)
    # Tensors of a graph have no values.
    return hasattr(pixels, "numpy")


def backbone_of(recogniser: keras.Model) -> keras.Model:
    """Return the backbone inside a recogniser."""
    return recogniser.get_layer("backbone")


def image_size_of(recogniser: keras.Model) -> tuple[int, int]:
    """Return the (height, width) to which a recogniser resizes faces."""
    height, width = recogniser.get_layer("fit_to_size").image_size
    return height, width


def standardisation_of(recogniser: keras.Model) -> str:
    """Return the mode of a recogniser's `cshml_tf.layers.Standardise`."""
    return recogniser.get_layer("standardise").mode


def default_tap_of(recogniser: keras.Model) -> str:
    """Return the name of the default tap of equation 5: the last feature map before the embedding."""
    taps = backbone_of(recogniser).output
    return "block_c" if "block_c" in taps else "last_map"


def with_tap(recogniser: keras.Model, name: str) -> keras.Model:
    """Return a recogniser whose backbone has one more tap, sharing every layer with the original.

    Args:
        recogniser: as returned by `build_recogniser`.
        name: an existing tap of the backbone, or one of its layers, whose output becomes a tap of that name. For
            an imported backbone, a node name from its ONNX file works too.

    Returns:
        keras.Model.

    Raises:
        ValueError: there is no such tap or layer, or its output is not a feature map.
    """
    original = backbone_of(recogniser)
    taps = dict(original.output)
    if name in taps and name != "embedding":
        return recogniser
    layers = {layer.name: layer for layer in original.layers}
    layer = layers.get(name, layers.get(layer_name(name)))
    if layer is None or name == "embedding" or len(getattr(layer.output, "shape", ())) != 4:
        named = ", ".join(tap for tap in taps if tap != "embedding")
        raise ValueError(f"tap: expected one of {named}, or a layer that outputs feature maps, got {name!r}")
    backbone = keras.Model(original.input, taps | {name: layer.output}, name="backbone")
    return build_recogniser(backbone, standardisation_of(recogniser))


def settle_batch_norm(recogniser: keras.Model, steps: int) -> None:
    """Remove the initial values, 0 and 1, from batch norm's moving averages, in place.

    After n steps with decay d, an average still contains d^n of its initial value. With FaceNet's decay of 0.995
    that is 8 % after 500 steps; after five steps, the averages hardly reflect the data at all.

    Args:
        recogniser: trained from fresh weights.
        steps: number of batches that have entered the averages, at least 1.
    """
    for layer in backbone_of(recogniser).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            start = layer.momentum**steps
            mean, variance = layer.moving_mean, layer.moving_variance
            # Keras types the variables as None, which they are only before the layer is built.
            mean.assign(mean / (1 - start))  # pyright: ignore[reportOptionalMemberAccess, reportOptionalOperand]
            settled = (variance - start) / (1 - start)  # pyright: ignore[reportOptionalOperand]
            variance.assign(keras.ops.maximum(settled, 0.0))  # pyright: ignore[reportOptionalMemberAccess]


def features(
    recogniser: keras.Model, pixels: np.ndarray | keras.KerasTensor, training: bool = False
) -> dict[str, Any]:
    """Run a recogniser up to the outputs of its backbone.

    Args:
        recogniser: as returned by `build_recogniser`.
        pixels: array or tensor (batch, H, W, 3), 0..255.
        training: whether dropout is active and batch norm uses, and updates from, the statistics of the batch.

    Returns:
        dict of tensors: the named taps (batch, h, w, channels) and "embedding" (batch, E), not normalised.
    """
    x = recogniser.get_layer("standardise")(recogniser.get_layer("fit_to_size")(pixels))
    return backbone_of(recogniser)(x, training=training)


def clone(
    recogniser: keras.Model,
    precision: str = "float32",
    synchronised: bool = False,
    dropout: float | None = None,
    to_train: bool = False,
) -> keras.Model:
    """Copy a recogniser with its weights, changing precision, batch norm or dropout.

    Args:
        recogniser: as returned by `build_recogniser`.
        precision: Keras dtype policy of the backbone's layers, such as "mixed_bfloat16"; the weights stay float32
            under every policy.
        synchronised: whether batch norm computes its statistics over all replicas.
        dropout: new rate for every dropout layer, 0..1; None keeps the rates.
        to_train: whether to use the faster layers of `cshml_tf.layers.fused` where they exist. Do not save such a
            copy.

    Returns:
        keras.Model with the same names and weights, all of them trainable, sharing nothing with the original.
    """
    faster = FASTER if to_train and keras.backend.backend() == "tensorflow" else {}

    def copy_layer(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.Model):
            return keras.models.clone_model(layer, clone_function=copy_layer)
        if not isinstance(layer, keras.Layer):
            # An operation of Keras, such as the addition of `x + y`, computes in its inputs' precision.
            return type(layer).from_config(layer.get_config())
        config = layer.get_config() | {"dtype": precision, "trainable": True}
        kind = PLAIN.get(type(layer), type(layer))
        if to_train and is_slow_in_bfloat16(kind):
            config["dtype"] = "float32"
        if kind is keras.layers.BatchNormalization:
            config["synchronized"] = synchronised
            # The fused operation sees only its own replica.
            return (kind if synchronised else faster.get(kind, kind)).from_config(config)
        if isinstance(layer, keras.layers.Dropout) and dropout is not None:
            config["rate"] = dropout
        return faster.get(kind, kind).from_config(config)

    original = backbone_of(recogniser)
    backbone = keras.models.clone_model(original, clone_function=copy_layer)
    backbone.set_weights(original.get_weights())
    return build_recogniser(backbone, standardisation_of(recogniser))
