"""Draw the parts of a face that change with the expression (eyes, brows, mouth) on the frontal sheet."""

import numpy as np

from cshml_tf.data.synthetic.identity import Identity
from cshml_tf.data.synthetic.painter import Painter, Points, oval, smooth, turn
from cshml_tf.data.synthetic.sheets import shade
from cshml_tf.data.synthetic.view import View


def landmarks_on_face(identity: Identity, view: View) -> np.ndarray:
    """Return the five landmarks on the frontal face for the expression of a view.

    Returns:
        (5, 2) float64 millimetres: image-left eye, image-right eye, nose tip, image-left and
        image-right corner of the mouth. An eye's landmark is its centre.
    """
    corner_x, corner_y = _mouth_corner(identity, view)
    return np.array(
        (
            (-identity.eye_x, 0),
            (identity.eye_x, 0),
            (0, identity.nose_y),
            (-corner_x, corner_y),
            (corner_x, corner_y),
        )
    )


def draw_features(paint: Painter, identity: Identity, view: View) -> None:
    """Draw eyes, brows and mouth with `paint`, a painter in millimetres."""
    for side in (-1, 1):
        _draw_eye(paint, identity, view, side)
        _draw_brow(paint, identity, view, side)
    _draw_mouth(paint, identity, view)


def _draw_eye(paint: Painter, identity: Identity, view: View, side: int) -> None:
    centre = np.array((side * identity.eye_x, 0.0))
    half, opening = identity.eye_half_length, identity.eye_half_opening * view.eye_opening
    # From the outer corner along the upper lid to the inner corner, for the image-right eye.
    upper = [
        (half, 0),
        (half * 0.55, -opening * 0.9),
        (0, -opening * 1.15),
        (-half * 0.6, -opening * 0.7),
        (-half, 1),
    ]
    lower = [(-half, 1), (-half * 0.4, opening * 0.75), (half * 0.3, opening * 0.85), (half, 0)]

    def placed(points: Points) -> np.ndarray:
        return smooth(turn(points, -identity.eye_tilt) * (side, 1) + centre)

    lid, rim = placed(upper), placed(lower)
    almond = np.concatenate((lid, rim[1:-1]))
    crease = placed([(half * 0.95, -3), (0, -opening * 1.15 - 4), (-half * 0.8, -opening - 1)])
    paint.line(crease, shade(identity.skin, 0.55), 1.6, 0.6)
    paint.shape(almond, (0.9, 0.88, 0.86))
    _draw_iris(paint, identity, centre + view.gaze, almond)
    paint.line(lid, (0.10, 0.07, 0.06), 2.2, 0.9)
    paint.line(rim, shade(identity.skin, 0.5), 1.2, 0.6)


def _draw_iris(paint: Painter, identity: Identity, centre: np.ndarray, almond: np.ndarray) -> None:
    """Draw the iris and the pupil, clipped where the lids cover them."""
    low, high = almond[:, 1].min(), almond[:, 1].max()

    def disc(radius: float) -> np.ndarray:
        ring = oval(centre, (radius, radius))
        ring[:, 1] = np.clip(ring[:, 1], low, high)
        return ring

    radius = identity.iris_radius
    paint.shape(disc(radius), shade(identity.iris, 0.6))
    paint.shape(disc(radius * 0.8), identity.iris, 0.9)
    paint.shape(disc(radius * 0.48), (0.02, 0.02, 0.02))
    paint.oval(centre + (1.6, -1.8), (1.1, 1.1), (1, 1, 1), 0.8)


def _draw_brow(paint: Painter, identity: Identity, view: View, side: int) -> None:
    half, thick = identity.brow_half_length, identity.brow_thickness / 2
    arch = identity.brow_arch
    outline = [
        (-half, -thick * 0.8),
        (-half * 0.2, -arch - thick),
        (half * 0.5, -arch - thick * 0.8),
        (half, 1),
        (half * 0.5, -arch + thick * 0.7),
        (-half * 0.2, -arch + thick),
        (-half, thick),
    ]
    outline = turn(outline, identity.brow_tilt) * (side, 1)
    place = (
        side * (identity.eye_x + identity.brow_gap),
        identity.brow_y + arch / 2 - view.brow_raise,
    )
    colour = np.asarray(identity.hair) * 0.65 + np.asarray(identity.skin) * 0.08
    paint.shape(smooth(outline + place, closed=True, steps=4), colour, 0.9, 1.0)


def _mouth_corner(identity: Identity, view: View) -> tuple[float, float]:
    """Return (x, y) of the image-right corner of the mouth, millimetres."""
    width = identity.mouth_half_width * (1 + 0.14 * view.smile - 0.07 * view.mouth_open)
    return width, identity.mouth_y - 4.0 * view.smile + 1.5 * view.mouth_open


def _draw_mouth(paint: Painter, identity: Identity, view: View) -> None:
    corner_x, corner_y = _mouth_corner(identity, view)
    y, upper, lower = identity.mouth_y, identity.upper_lip, identity.lower_lip
    drop = 13 * view.mouth_open
    bow = [
        (-corner_x, corner_y),
        (-corner_x * 0.55, y - upper * 0.75),
        (-4.5, y - upper * 1.15),
        (0, y - upper * 0.85),
        (4.5, y - upper * 1.15),
        (corner_x * 0.55, y - upper * 0.75),
        (corner_x, corner_y),
    ]
    bottom = [
        (corner_x, corner_y),
        (corner_x * 0.55, y + lower * 0.8 + drop * 0.9),
        (0, y + lower + drop),
        (-corner_x * 0.55, y + lower * 0.8 + drop * 0.9),
        (-corner_x, corner_y),
    ]
    paint.shape(np.concatenate((smooth(bow), smooth(bottom)[1:-1])), identity.lip, 0.85)
    seam = [
        (-corner_x, corner_y),
        (-corner_x * 0.5, y),
        (0, y + 0.6),
        (corner_x * 0.5, y),
        (corner_x, corner_y),
    ]
    floor = [
        (corner_x, corner_y),
        (corner_x * 0.5, y + drop),
        (0, y + 0.6 + drop),
        (-corner_x * 0.5, y + drop),
        (-corner_x, corner_y),
    ]
    if drop > 1:
        gap = np.concatenate((smooth(seam), smooth(floor)[1:-1]))
        paint.shape(gap, (0.2, 0.05, 0.05))
        teeth = np.minimum(gap, (np.inf, y + 0.6 + min(drop * 0.55, 5)))
        paint.shape(teeth * (0.86, 1), (0.9, 0.88, 0.83), 0.95)
    paint.line(smooth(seam), (0.22, 0.07, 0.06), 1.6, 0.75)
    paint.oval((0, y + lower * 0.55 + drop), (corner_x * 0.35, 1.6), shade(identity.lip, 1.3), 0.4, 1.5)
    for side in (-1, 1):
        paint.oval((side * corner_x, corner_y), (2, 1.8), shade(identity.skin, 0.4), 0.5, 1)
