"""Backbones: standardised pictures in, named feature maps and an embedding out."""

import importlib
import inspect

# The module of each network; its function has the same name. Modules are imported when a network is built, so
# that the names cost nothing.
BACKBONES = {
    "inception_resnet_v1": "inception_resnet_v1",
    "squeezenet": "squeezenet",
    "lightcnn": "lightcnn",
    "resnet": "face_resnet",
    "mobilefacenet": "mobilefacenet",
    "small_resnet": "small_resnet",
    "digit_cnn": "digit_cnn",
}


def builder(name):
    """Return the function that builds a network, and with it import the layers that its saved models need.

    Raises:
        ValueError: an unknown name.
    """
    if name not in BACKBONES:
        raise ValueError(f"backbone: expected one of {', '.join(BACKBONES)}, got {name!r}")
    module = importlib.import_module(f"cshml_tf.backbones.{BACKBONES[name]}")
    return getattr(module, BACKBONES[name])


def build(name, image_size=(112, 96), embedding_size=512, **options):
    """Build a backbone by name.

    Args:
        name: a key of `BACKBONES`.
        image_size: (height, width) of its input.
        embedding_size: E.
        **options: what the backbone's own function takes beside these.

    Returns:
        keras.Model named "backbone": standardised images (batch, height, width, 3) float32 -> dict of
        named taps, each (batch, h, w, channels), and "embedding" (batch, E), not normalised.

    Raises:
        ValueError: an unknown name or option, or a size that does not fit.
    """
    # OpenCV comes with it, which the names alone do not need.
    from cshml_tf.alignment.geometry import check_image_size

    network = builder(name)
    height, width = check_image_size(image_size)
    if embedding_size < 1:
        raise ValueError(f"embedding_size: expected at least 1, got {embedding_size}")
    known = list(inspect.signature(network).parameters)[2:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{name}: expected options among {', '.join(known)}, got {', '.join(unknown)}")
    return network((height, width), embedding_size, **options)
