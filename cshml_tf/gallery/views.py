"""The views of a gallery: a network, and the form in which it sees every portrait."""

import math
from dataclasses import dataclass

from cshml_tf.degradation.resolution import parse_resolution
from cshml_tf.gallery.schema import SHARP


@dataclass(frozen=True)
class View:
    """A network, and the form in which it sees every portrait.

    Attributes:
        kind: "HR" for the HR network and the sharp portrait, or the resolution, such as "12".
        digest: SHA-256 of the network's recogniser.keras, in hexadecimal.
        folder: model folder of the network.
        degradation: how the portrait is reduced; "" for the sharp one.
        weight: of the second score, 0 or more; 0 for the sharp portrait.
    """

    kind: str
    digest: str
    folder: str
    degradation: str
    weight: float


def parse_width(kind: str) -> float:
    """Return the width in pixels that a kind of view stands for; infinity for "HR"."""
    if kind == SHARP:
        return math.inf
    resolution = parse_resolution(kind)
    return resolution if isinstance(resolution, int) else resolution[1]
