"""Draw the bare face of a person, with skin, marks, nose and beard, on the frontal sheet."""

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


def draw_skin(identity: Identity) -> np.ndarray:
    """Draw the face and skull without eyes, brows and mouth; return a sheet."""
    sheet = empty_sheet()
    paint = sheet_painter(sheet)
    cheek, temple = identity.cheek_half_width, identity.temple_half_width
    outline = mirrored(
        [
            (temple * 0.34, identity.crown_y),
            (temple * 0.76, identity.crown_y + 17),
            (temple * 0.98, -62),
            (temple * 1.01, -30),
            (cheek, 0),
            (identity.jaw_half_width + (cheek - identity.jaw_half_width) * 0.5, 48),
            (identity.jaw_half_width * 0.86, 82),
            (identity.chin_half_width, identity.chin_y - 6),
            (identity.chin_half_width * 0.4, identity.chin_y),
        ]
    )
    paint.shape(smooth(outline, closed=True), identity.skin)
    _colour_skin(paint, identity)
    _draw_marks(paint, identity)
    _draw_nose(paint, identity)
    _draw_beard(paint, identity)
    grain = 1 + 0.02 * noise(identity, 26, 34, 1) + 0.012 * noise(identity, 110, 150, 2)
    # Remove what was painted outside the outline.
    covered = np.zeros((*SHEET_SIZE, 3), np.float32)
    sheet_painter(covered).shape(smooth(outline, closed=True), (1, 1, 1))
    sheet[..., :3] *= grain[..., None]
    sheet *= covered[..., :1]
    return sheet


def _colour_skin(paint: Painter, identity: Identity) -> None:
    rosy = np.asarray(identity.skin) * (1.06, 0.8, 0.78)
    for side in (-1, 1):
        paint.oval((side * 40, 38), (19, 16), rosy, identity.blush, 9)
        socket = shade(identity.skin, 0.72)
        paint.oval((side * identity.eye_x, -2), (20, 11), socket, 0.4, 6)
        lines = [
            (side * (identity.eye_x - 12), 12),
            (side * identity.eye_x, 15),
            (side * (identity.eye_x + 11), 11),
        ]
        paint.line(smooth(lines), shade(identity.skin, 0.68), 2, 0.35 * identity.wrinkles, 1)
        fold = [
            (side * (identity.nose_half_width + 2), identity.nose_y - 2),
            (side * (identity.mouth_half_width + 4), identity.mouth_y - 12),
            (side * (identity.mouth_half_width + 8), identity.mouth_y + 6),
        ]
        paint.line(smooth(fold), shade(identity.skin, 0.66), 2.5, 0.15 + 0.45 * identity.wrinkles, 1.2)
    for row in range(3):
        level = identity.brow_y - 17 - 9 * row
        crease = [(-34, level + 1), (0, level - 2), (34, level + 1)]
        paint.line(smooth(crease), shade(identity.skin, 0.72), 1.6, 0.5 * identity.wrinkles, 1)
    paint.oval((0, identity.nose_y + 17), (4, 6), shade(identity.skin, 0.82), 0.4, 2)


def _draw_marks(paint: Painter, identity: Identity) -> None:
    rng = np.random.default_rng([identity.texture_seed, 3])
    brown = np.asarray(identity.skin) * (0.72, 0.55, 0.45)
    for _ in range(identity.freckles):
        spot = rng.normal((0, 22), (26, 13))
        paint.oval(spot, (0.9, 0.9), brown, rng.uniform(0.25, 0.6), 0.5)
    for x, y, radius in identity.moles:
        paint.oval((x, y), (radius, radius), shade(identity.skin, 0.35), 0.85, 0.4)


def _draw_nose(paint: Painter, identity: Identity) -> None:
    y, width = identity.nose_y, identity.nose_half_width
    dark = shade(identity.skin, 0.55)
    for side in (-1, 1):
        wing = [(side * width * 0.72, y - 8), (side * width, y + 1), (side * width * 0.72, y + 7)]
        paint.line(smooth(wing), dark, 2.2, 0.55, 0.9)
        paint.oval(
            (side * width * 0.42, y + 6.5),
            (4.6, 2.4),
            shade(identity.skin, 0.22),
            0.85,
            0.9,
            tilt=side * 14,
        )
        bridge = [
            (side * (identity.nose_bridge + 2), -8),
            (side * identity.nose_bridge, 10),
            (side * width * 0.7, y - 8),
        ]
        paint.line(smooth(bridge), dark, 2.5, 0.16, 2)
    paint.line(smooth([(-5, y + 8.5), (0, y + 10), (5, y + 8.5)]), dark, 2, 0.5, 0.9)
    paint.oval((0, y - 1), (5, 4.5), shade(identity.skin, 1.25), 0.35, 2.5)


def _draw_beard(paint: Painter, identity: Identity) -> None:
    style = identity.beard_style
    if style == "none":
        return
    opacity = identity.beard_density * (0.4 if style == "stubble" else 1)
    colour = shade(identity.hair, 0.85)
    mouth, chin = identity.mouth_y, identity.chin_y
    wide = identity.mouth_half_width
    if style in ("stubble", "full", "moustache", "goatee"):
        lip = mouth - identity.upper_lip
        outline = [
            (0, lip - 9),
            (wide * 0.7, lip - 7),
            (wide + 6, mouth + 4),
            (wide + 2, mouth + 6),
            (wide * 0.6, lip),
            (0, lip - 1),
        ]
        paint.shape(smooth(mirrored(outline), closed=True), colour, opacity, 1.8)
    if style == "goatee":
        outline = [
            (0, mouth + identity.lower_lip + 4),
            (14, mouth + 14),
            (wide, mouth + 16),
            (20, chin),
            (0, chin + 4),
        ]
        paint.shape(smooth(mirrored(outline), closed=True), colour, opacity, 2)
    if style in ("stubble", "full"):
        jaw = identity.jaw_half_width
        outline = [
            (0, mouth + identity.lower_lip + 3),
            (wide * 0.8, mouth + 10),
            (wide + 7, mouth),
            (jaw * 0.8, mouth - 25),
            (identity.cheek_half_width - 5, 15),
            (identity.cheek_half_width + 5, 20),
            (jaw, 88),
            (24, chin + 6),
            (0, chin + 6),
        ]
        paint.shape(smooth(mirrored(outline), closed=True), colour, opacity, 3)
