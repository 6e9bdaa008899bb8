"""Draw the hair, and the parts behind the face (back of the hair, neck, ears), on frontal sheets."""

import numpy as np

from cshml_tf.data.synthetic.identity import Identity
from cshml_tf.data.synthetic.painter import Painter, smooth
from cshml_tf.data.synthetic.sheets import (
    SHEET_SIZE,
    empty_sheet,
    mirrored,
    noise,
    shade,
    sheet_painter,
)


def draw_hair(identity: Identity) -> np.ndarray:
    """Draw the hair in front of the face; return a sheet."""
    sheet = empty_sheet()
    if identity.hair_style == "bald":
        return sheet
    # How far down the hair reaches at the sides of the face.
    low = {"cropped": -12, "long": 52, "curly": 2}.get(identity.hair_style, 6)
    outline = np.concatenate((_outer_line(identity, low), _hairline(identity, low)))
    sheet_painter(sheet).shape(outline, identity.hair, softness=0.8)
    _add_strands(sheet, identity)
    return sheet


def _outer_line(identity: Identity, low: float) -> np.ndarray:
    """Return the outer edge of the hair, from its image-left end over the crown to its image-right end."""
    volume = identity.hair_volume * {"cropped": 0.4, "curly": 1.6}.get(identity.hair_style, 1)
    wide, top = identity.temple_half_width + 2 + volume * 0.45, identity.crown_y - volume
    line = [
        (-wide, low),
        (-wide - 1, -40),
        (-wide * 0.93, -76),
        (-wide * 0.66, top + 14),
        (-wide * 0.3, top),
        (wide * 0.3, top),
        (wide * 0.66, top + 14),
        (wide * 0.93, -76),
        (wide + 1, -40),
        (wide, low),
    ]
    line = smooth(line)
    if identity.hair_style == "curly":
        around = np.arange(len(line))
        line = line * (1 + 0.025 * np.sin(around * 1.9 + identity.texture_seed % 7))[:, None]
    return line


def _hairline(identity: Identity, low: float) -> np.ndarray:
    """Return the edge between hair and face, from the image-right end back to the image-left end."""
    style, temple = identity.hair_style, identity.temple_half_width
    height = identity.hairline_y
    if style == "fringe":
        height = identity.brow_y - 12 + 0.3 * (height + 68)
    part = identity.parting_x if style in ("parted", "long") else 0
    lift = {"parted": 14, "long": 14, "fringe": -4}.get(style, 3)
    return smooth(
        [
            (temple - 4, low - 4),
            (temple - 8, -25),
            (temple - 13, -48),
            (temple * 0.55 + part * 0.2, height + lift * 0.6),
            (part, height),
            (-temple * 0.55 + part * 0.2, height + lift * 0.6),
            (-temple + 13, -48),
            (-temple + 8, -25),
            (-temple + 4, low - 4),
        ]
    )


def _add_strands(sheet: np.ndarray, identity: Identity) -> None:
    """Add light and dark strands along the hair, or curls."""
    if identity.hair_style == "curly":
        strands = noise(identity, 44, 60, 4)
    else:
        strands = noise(identity, 100, 12, 4) + 0.6 * noise(identity, 160, 26, 5)
    gloss = np.exp(-(((np.arange(SHEET_SIZE[0]) / SHEET_SIZE[0] - 0.22) / 0.06) ** 2))
    light = 1 + 0.16 * strands + 0.25 * gloss[:, None].astype(np.float32)
    sheet[..., :3] *= np.clip(light, 0.5, 1.8)[..., None]
    np.clip(sheet[..., :3], 0, 1, out=sheet[..., :3])


def draw_behind(identity: Identity) -> np.ndarray:
    """Draw the parts behind the face, at the depth of the neck; return a sheet."""
    sheet = empty_sheet()
    paint = sheet_painter(sheet)
    _draw_back_hair(paint, identity)
    if identity.hair_style in ("long", "curly"):
        _add_strands(sheet, identity)
    neck = identity.jaw_half_width * 0.78
    throat = [(neck, 40), (neck * 0.95, 100), (neck + 6, 140), (neck + 24, 170)]
    paint.shape(mirrored(throat), shade(identity.skin, 0.72))
    paint.oval((0, identity.chin_y + 4), (neck * 0.95, 16), shade(identity.skin, 0.45), 0.6, 7)
    if identity.hair_style != "long":
        # The sides of the head, which become visible when the face turns.
        wide = identity.cheek_half_width
        paint.oval((0, 0), (wide, 68), shade(identity.skin, 0.8))
        if identity.hair_style != "bald":
            paint.shape([(-wide, -10), (wide, -10), (wide * 0.8, -75), (-wide * 0.8, -75)], identity.hair)
        for side in (-1, 1):
            _draw_ear(paint, identity, side)
    return sheet


def _draw_back_hair(paint: Painter, identity: Identity) -> None:
    wide = identity.temple_half_width + 2 + identity.hair_volume * 0.5
    top = identity.crown_y
    outlines = {
        "long": [
            (0, top),
            (wide * 0.8, -80),
            (wide + 3, -20),
            (wide + 8, 60),
            (wide + 6, 140),
            (0, 150),
        ],
        "curly": [(0, top - 18), (wide * 0.9, -90), (wide + 14, -30), (wide + 8, 25), (0, 40)],
    }
    if identity.hair_style in outlines:
        outline = smooth(mirrored(outlines[identity.hair_style]), closed=True)
        paint.shape(outline, shade(identity.hair, 0.75), softness=1.5)


def _draw_ear(paint: Painter, identity: Identity, side: int) -> None:
    place = (side * (identity.cheek_half_width + 1), identity.ear_y)
    radii = (identity.ear_width, identity.ear_size)
    paint.oval(place, radii, shade(identity.skin, 0.9), softness=0.5, tilt=side * 8)
    inside = (0.5 * identity.ear_width, 0.62 * identity.ear_size)
    paint.oval(place, inside, shade(identity.skin, 0.62), 0.6, 2.5, tilt=side * 8)
