"""Draw what a person wears: a hat in some pictures, and glasses in most pictures of people who have them."""

import numpy as np

from cshml_tf.data.synthetic import head
from cshml_tf.data.synthetic.identity import Identity
from cshml_tf.data.synthetic.painter import Colour, Painter, Points, oval, smooth
from cshml_tf.data.synthetic.sheets import mirrored, shade


def draw_hat(paint: Painter, identity: Identity, colour: Colour) -> None:
    """Draw a knitted hat with `paint`, a painter on the frontal sheet in millimetres."""
    wide, top = identity.temple_half_width + 6, identity.crown_y - 14
    cap = [
        (0, top),
        (wide * 0.6, top + 10),
        (wide * 0.95, -84),
        (wide, -52),
        (wide * 0.6, -58),
        (0, -60),
    ]
    paint.shape(smooth(mirrored(cap), closed=True), colour)
    band = [(-wide, -58), (-wide * 0.5, -65), (0, -67), (wide * 0.5, -65), (wide, -58)]
    paint.line(smooth(band), shade(colour, 0.7), 16)


def draw_glasses(
    pixels: np.ndarray,
    identity: Identity,
    surface: np.ndarray,
    projection: head.Projection,
    brightness: float,
) -> None:
    """Draw a person's glasses into the photograph, at their depth in front of the face.

    Args:
        pixels: (size, size, 3) float32 RGB 0..1, drawn on in place.
        identity: the person who wears the glasses.
        surface: the head's height field.
        projection: the pose.
        brightness: brightness of surfaces that face the camera, a multiple of the frames' colour.
    """
    depth = float(head.on_surface(surface, [(0, 0)])[0, 2]) + 4
    wide, high = identity.glasses_half_width, identity.glasses_half_height
    colour = shade(identity.glasses, brightness)
    # The points are projected first: in pixels, with pixel centres at whole numbers.
    paint = Painter(pixels, 1.0, (0.5, 0.5))
    rim = identity.glasses_rim * projection.scale

    def projected(points: Points, z: float | tuple[float, ...] = depth) -> np.ndarray:
        return projection.points(np.column_stack((points, np.broadcast_to(z, len(points)))))

    for side in (-1, 1):
        lens = _lens(identity, side)
        paint.shape(projected(lens), (0.95, 0.97, 1.0), 0.06)
        paint.line(projected(np.concatenate((lens, lens[:1]))), colour, rim)
        if identity.glasses_shape == "browline":
            bar = [(side * 8, -high + 2), (side * (identity.eye_x + wide), -high + 1)]
            paint.line(projected(bar), colour, rim * 2.2)
        hinge = side * (identity.eye_x + wide * 0.95)
        temple = [(hinge, -4), (side * (identity.cheek_half_width + 4), -4)]
        paint.line(projected(temple, (depth, depth * 0.35)), colour, rim)
    gap = identity.eye_x - wide * 0.95
    paint.line(projected(smooth([(-gap, 0), (0, -3), (gap, 0)])), colour, rim)


def _lens(identity: Identity, side: int) -> np.ndarray:
    """Return the outline of one lens, (N, 2) millimetres."""
    wide, high = identity.glasses_half_width, identity.glasses_half_height
    centre = (side * identity.eye_x, 4)
    if identity.glasses_shape == "round":
        return oval(centre, (wide * 0.92, wide * 0.92))
    corners = [(-wide, -high), (wide, -high), (wide * 0.9, high), (-wide * 0.8, high)]
    return smooth(np.array(corners) * (side, 1) + centre, closed=True, steps=4)
