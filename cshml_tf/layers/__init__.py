"""The layers around a backbone; importing this package registers every layer of a saved recogniser."""

from cshml_tf.layers.bank import Bank
from cshml_tf.layers.cosface import CosFace, UnitLength
from cshml_tf.layers.fused import FusedBatchNormalization, FusedPReLU
from cshml_tf.layers.imported import Elementwise, PadImage, Pointwise, ReverseChannels, Select, WithConstant
from cshml_tf.layers.imported_axes import (
    BroadcastAxes,
    ConstantPerImage,
    LpNormalise,
    PadAxes,
    Reduce,
    SliceAxis,
    TakeEntries,
)
from cshml_tf.layers.mean import MeanEmbedding
from cshml_tf.layers.preprocessing import STANDARDISATIONS, Degrade, FitToSize, Standardise, fit_to_size
from cshml_tf.layers.wide import WideEmbedding

__all__ = [
    "STANDARDISATIONS",
    "Bank",
    "BroadcastAxes",
    "ConstantPerImage",
    "CosFace",
    "Degrade",
    "Elementwise",
    "FitToSize",
    "FusedBatchNormalization",
    "FusedPReLU",
    "LpNormalise",
    "MeanEmbedding",
    "PadAxes",
    "PadImage",
    "Pointwise",
    "Reduce",
    "ReverseChannels",
    "Select",
    "SliceAxis",
    "Standardise",
    "TakeEntries",
    "UnitLength",
    "WideEmbedding",
    "WithConstant",
    "fit_to_size",
]
