"""Sheets: the flat frontal drawings that are wrapped onto the head.

A sheet is the frontal view at 1.25 pixels per millimetre, (375, 275, 4) float32 0..1: RGB and coverage,
premultiplied.
"""

import cv2
import numpy as np

from cshml_tf.data.synthetic import head
from cshml_tf.data.synthetic.identity import Identity
from cshml_tf.data.synthetic.painter import Colour, Painter, Points

SHEET_SIZE = (
    round(head.SHEET_HEIGHT * head.DRAWING_SCALE),
    round(head.SHEET_WIDTH * head.DRAWING_SCALE),
)


def empty_sheet() -> np.ndarray:
    """Return a sheet that covers nothing."""
    return np.zeros((*SHEET_SIZE, 4), np.float32)


def sheet_painter(sheet: np.ndarray) -> Painter:
    """Return a painter that draws on a sheet in millimetres of the frontal face."""
    return Painter(sheet, head.DRAWING_SCALE, (-head.SHEET_LEFT, -head.SHEET_TOP))


def shade(colour: Colour, level: float) -> tuple[float, ...]:
    """Make a colour darker (level < 1) or lighter, RGB 0..1."""
    return tuple(np.clip(np.asarray(colour) * level, 0, 1))


def mirrored(half: Points) -> np.ndarray:
    """Return a closed outline, (2 N, 2), given its image-right half, (N, 2) from top to bottom."""
    half = np.asarray(half, np.float64)
    return np.concatenate((half, half[::-1] * (-1, 1)))


def noise(identity: Identity, across: int, down: int, salt: int) -> np.ndarray:
    """Return smooth noise over the sheet, about -2..2, with the given numbers of grains in each direction."""
    rng = np.random.default_rng([identity.texture_seed, salt])
    grains = rng.standard_normal((down, across), np.float32)
    return cv2.resize(grains, SHEET_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
