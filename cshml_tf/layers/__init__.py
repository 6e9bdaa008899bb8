"""The layers around a backbone; importing this package registers every layer of a saved recogniser."""

from cshml_tf.layers.cosface import CosFace, UnitLength
from cshml_tf.layers.fused import FusedBatchNormalization, FusedPReLU
from cshml_tf.layers.imported import Elementwise, PadImage, ReverseChannels, WithConstant
from cshml_tf.layers.preprocessing import STANDARDISATIONS, Degrade, FitToSize, Standardise, fit_to_size

__all__ = [
    "STANDARDISATIONS",
    "CosFace",
    "Degrade",
    "Elementwise",
    "FitToSize",
    "FusedBatchNormalization",
    "FusedPReLU",
    "PadImage",
    "ReverseChannels",
    "Standardise",
    "UnitLength",
    "WithConstant",
    "fit_to_size",
]
