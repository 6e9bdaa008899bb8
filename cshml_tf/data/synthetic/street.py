"""Draw the place of a synthetic clip, and the bodies of those who walk there.

Places are in millimetres: x to the right of the camera's axis, y upwards from the ground, z away from the camera.
"""

from collections.abc import Sequence

import numpy as np

from cshml_tf.data.synthetic.painter import Colour, Painter, smooth
from cshml_tf.data.synthetic.sheets import mirrored, shade
from cshml_tf.data.synthetic.view import View

# Height and width of a frame, pixels.
FRAME_SIZE = 360, 640
# With this focal length, in pixels, a face of 136 mm is 60 pixels wide at 2 m.
FOCAL_LENGTH = 60 * 2000 / 136
_HORIZON = 120.0
_CAMERA_HEIGHT = 1750.0
# Half the width of the hall, its height and its length.
_HALL = 2300.0, 3000.0, 24000.0
_NEAREST = 1800.0
_SHOE_HEIGHT = 60.0


def pixels_per_millimetre(z: float) -> float:
    """Return the scale at a distance."""
    return FOCAL_LENGTH / z


def spot(x: float, y: float, z: float) -> tuple[float, float]:
    """Return where a place is seen: column and row, pixels from the frame's top left corner."""
    scale = pixels_per_millimetre(z)
    return FRAME_SIZE[1] / 2 + x * scale, _HORIZON + (_CAMERA_HEIGHT - y) * scale


def draw_hall(seed: int) -> np.ndarray:
    """Draw an empty hall with doors and lamps: `FRAME_SIZE` x 3, float32 RGB 0..1."""
    rng = np.random.default_rng([0xC12, seed])
    pixels = np.empty((*FRAME_SIZE, 3), np.float32)
    paint = Painter(pixels, 1.0, (0, 0))
    wall, floor = (shade(rng.uniform(0.85, 1.15, 3), level) for level in (0.62, 0.36))
    half, height, length = _HALL
    pixels[:] = shade(wall, 0.9)

    def surface(corners: Sequence[tuple[float, float, float]], colour: Colour, softness: float = 0.0) -> None:
        paint.shape([spot(*corner) for corner in corners], colour, softness=softness)

    near, far = _NEAREST / 2, length
    surface([(-half, 0, near), (half, 0, near), (half, 0, far), (-half, 0, far)], floor)
    surface([(-half, height, near), (half, height, near), (half, height, far), (-half, height, far)], (0.8,) * 3)
    for side in (-half, half):
        surface([(side, 0, near), (side, 0, far), (side, height, far), (side, height, near)], wall)
        for start in np.arange(3500, length - 2000, 2600):
            start += rng.uniform(-400, 400)
            door = [(side, 0, start), (side, 0, start + 1100), (side, 2100, start + 1100), (side, 2100, start)]
            surface(door, shade(rng.uniform(0.7, 1.3, 3), rng.uniform(0.25, 0.5)), 0.7)
    for start in np.arange(3000, length, 2500):
        lamp = [
            (-150, height, start),
            (150, height, start),
            (150, height, start + 900),
            (-150, height, start + 900),
        ]
        surface(lamp, (0.97, 0.97, 0.93), 0.5)
    # Light falls off towards the far end.
    return np.clip(pixels * np.linspace(1.05, 0.9, FRAME_SIZE[0], dtype=np.float32)[:, None, None], 0, 1)


def draw_walking_body(layer: np.ndarray, view: View, x: float, z: float, eye_level: float, stride: float) -> None:
    """Draw the body of a person who walks towards the camera, up to the neck.

    Args:
        layer: `FRAME_SIZE` x 4, float32 RGB and coverage, premultiplied; drawn on in place.
        view: the clothes and their light.
        x: place of the person.
        z: distance of the person.
        eye_level: height of the eyes.
        stride: angle of the walk's swing, radians.
    """
    column, row = spot(x, eye_level, z)
    scale = pixels_per_millimetre(z)
    paint = Painter(layer, scale, (column / scale, row / scale))
    coat = shade(view.clothes, view.ambient + 0.4 * view.light_strength)
    trousers = shade(np.asarray(view.clothes)[::-1] * 0.6 + 0.05, view.ambient + 0.3 * view.light_strength)
    swing = np.sin(stride)
    hip, ground = 0.47 * eye_level, eye_level
    for side in (-1, 1):
        # The leg that is lifted is seen shorter.
        foot = ground - max(side * swing, 0.0) * 130
        leg = [
            (side * 10, hip),
            (side * 145, hip),
            (side * 130, foot - _SHOE_HEIGHT),
            (side * 45, foot - _SHOE_HEIGHT),
        ]
        paint.shape(leg, trousers)
        paint.oval((side * 88, foot - _SHOE_HEIGHT / 2), (62, 45), (0.06, 0.05, 0.05))
        hand = hip + 90 - side * swing * 45
        paint.line(smooth([(side * 165, 195), (side * 205, 420), (side * 200, hand)]), shade(coat, 0.85), 82)
        paint.oval((side * 200, hand + 45), (38, 50), shade(view.clothes, 0.3))
    trunk = [
        (0, 118),
        (45, 124),
        (110, 142),
        (168, 175),
        (172, 300),
        (148, 0.36 * eye_level),
        (158, hip + 50),
        (0, hip + 60),
    ]
    paint.shape(smooth(mirrored(trunk), closed=True), coat, softness=1)
    paint.line([(0, 150), (0, hip + 50)], shade(coat, 0.7), 14)
