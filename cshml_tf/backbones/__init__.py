"""Backbones: standardised pictures in, named feature maps and an embedding out."""

import inspect

from cshml_tf.alignment.geometry import check_image_size
from cshml_tf.backbones.digit_cnn import digit_cnn
from cshml_tf.backbones.face_resnet import face_resnet
from cshml_tf.backbones.inception_resnet_v1 import inception_resnet_v1
from cshml_tf.backbones.lightcnn import lightcnn
from cshml_tf.backbones.mobilefacenet import mobilefacenet
from cshml_tf.backbones.small_resnet import small_resnet
from cshml_tf.backbones.squeezenet import squeezenet

BACKBONES = {
    "inception_resnet_v1": inception_resnet_v1,
    "squeezenet": squeezenet,
    "lightcnn": lightcnn,
    "resnet": face_resnet,
    "mobilefacenet": mobilefacenet,
    "small_resnet": small_resnet,
    "digit_cnn": digit_cnn,
}


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
    if name not in BACKBONES:
        raise ValueError(f"backbone: expected one of {', '.join(BACKBONES)}, got {name!r}")
    height, width = check_image_size(image_size)
    if embedding_size < 1:
        raise ValueError(f"embedding_size: expected at least 1, got {embedding_size}")
    builder = BACKBONES[name]
    known = list(inspect.signature(builder).parameters)[2:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{name}: expected options among {', '.join(known)}, got {', '.join(unknown)}")
    return builder((height, width), embedding_size, **options)
