"""Sheets: the flat frontal drawings that are later wrapped on the head.

A sheet is the frontal view, 1.25 pixels a millimetre, (375, 275, 4) float32 0..1: RGB and coverage,
premultiplied.
"""

import cv2
import numpy as np

from cshml_tf.data.synthetic import head
from cshml_tf.data.synthetic.painter import Painter

SHEET_SIZE = (
    round(head.SHEET_HEIGHT * head.DRAWING_SCALE),
    round(head.SHEET_WIDTH * head.DRAWING_SCALE),
)


def empty_sheet():
    """A sheet that covers nothing."""
    return np.zeros((*SHEET_SIZE, 4), np.float32)


def sheet_painter(sheet):
    """A painter on a sheet, in millimetres of the frontal face."""
    return Painter(sheet, head.DRAWING_SCALE, (-head.SHEET_LEFT, -head.SHEET_TOP))


def shade(colour, level):
    """A colour made darker (level < 1) or lighter, RGB 0..1."""
    return tuple(np.clip(np.asarray(colour) * level, 0, 1))


def mirrored(half):
    """A closed outline from its image-right half, listed from top to bottom."""
    half = np.asarray(half, np.float64)
    return np.concatenate((half, half[::-1] * (-1, 1)))


def noise(identity, across, down, salt):
    """Smooth noise over the sheet, about -2..2, of the given numbers of grains each way."""
    rng = np.random.default_rng([identity.texture_seed, salt])
    grains = rng.standard_normal((down, across), np.float32)
    return cv2.resize(grains, SHEET_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
