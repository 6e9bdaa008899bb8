"""The picture itself: background, body, head, light and camera, and the aligned crop of it."""

from typing import NamedTuple

import cv2
import numpy as np

from cshml_tf.alignment.geometry import check_image_size, similarity, template, warp
from cshml_tf.data.synthetic import head
from cshml_tf.data.synthetic.accessories import draw_glasses, draw_hat
from cshml_tf.data.synthetic.features import draw_features, landmarks_on_face
from cshml_tf.data.synthetic.painter import Painter, oval, smooth
from cshml_tf.data.synthetic.person import person
from cshml_tf.data.synthetic.sheets import mirrored, shade, sheet_painter
from cshml_tf.data.synthetic.view import draw_view

# The standard deviation of a detector's error, as a fraction of the distance between the eyes.
_LANDMARK_JITTER = 0.02
_SIZE_LIMITS = 64, 1024
# Side of the photograph drawn for a crop, in crop heights: the eyes are then about as far apart in both.
_PHOTOGRAPH_PER_CROP = 1.7


class Photograph(NamedTuple):
    """A drawn photograph.

    Attributes:
        pixels: (size, size, 3) uint8 RGB.
        landmarks: (5, 2) float64 x, y in pixels, whole numbers at pixel centres: image-left eye,
            image-right eye, nose tip, image-left and image-right corner of the mouth.
    """

    pixels: np.ndarray
    landmarks: np.ndarray


def draw_photograph(identity_seed, picture_seed, size=250):
    """Draw one photograph of one synthetic person, the face in the middle.

    The same seeds give the same picture, byte for byte on one machine; other releases of NumPy or
    OpenCV may round a few pixels differently.

    Args:
        identity_seed: whole number of at least 0, one for each person.
        picture_seed: whole number of at least 0, one for each of the person's pictures.
        size: side of the photograph in pixels, 64..1024; the face is about 44 % of it wide.

    Returns:
        A `Photograph`.

    Raises:
        ValueError: a seed or the size is out of range.
    """
    someone, view = _scene(identity_seed, picture_seed, size)
    return _render(someone, view, size)


def draw_aligned(identity_seed, picture_seed, image_size=(112, 96)):
    """Draw one photograph and cut out the aligned face, as a detector's landmarks would.

    The landmarks carry a small error of their own, 2 % of the distance between the eyes.

    Args:
        identity_seed: as for `draw_photograph`.
        picture_seed: as for `draw_photograph`.
        image_size: (height, width) of the crop, pixels.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        ValueError: a seed or the size is out of range.
    """
    height, width = check_image_size(image_size)
    size = int(np.clip(round(_PHOTOGRAPH_PER_CROP * max(height, width)), *_SIZE_LIMITS))
    photograph = draw_photograph(identity_seed, picture_seed, size)
    rng = np.random.default_rng([0xA1, identity_seed, picture_seed])
    eyes = np.linalg.norm(photograph.landmarks[1] - photograph.landmarks[0])
    found = photograph.landmarks + rng.normal(0, _LANDMARK_JITTER * eyes, (5, 2))
    matrix = similarity(found, template((height, width)))
    return warp(photograph.pixels, matrix, (height, width))


def landmarks_in_photograph(identity_seed, picture_seed, size=250):
    """The landmarks of `draw_photograph`, without its drawing: (5, 2) float64 x, y in pixels."""
    someone, view = _scene(identity_seed, picture_seed, size)
    return _landmarks(someone, view, head.Projection(view, size))


def _scene(identity_seed, picture_seed, size):
    _check_whole("identity_seed", identity_seed, 0, None)
    _check_whole("picture_seed", picture_seed, 0, None)
    _check_whole("size", size, *_SIZE_LIMITS)
    return person(int(identity_seed)), draw_view(identity_seed, picture_seed)


def _landmarks(someone, view, projection):
    flat = landmarks_on_face(someone.identity, view)
    return projection.points(head.on_surface(someone.surface, flat))


def _check_whole(name, value, low, high):
    if not isinstance(value, int | np.integer) or value < low or (high and value > high):
        limits = f"{low}..{high}" if high else f"{low} or more"
        raise ValueError(f"{name}: expected a whole number, {limits}, got {value!r}")


def _render(someone, view, size):
    """Draw a `Person` under a `View`, back to front."""
    projection = head.Projection(view, size)
    pixels = _background(view, size)
    _draw_body(pixels, view, projection)
    light = _light(someone, view, projection)
    behind = cv2.warpAffine(someone.behind, projection.plane(0.0), (size, size))
    _lay_over(pixels, behind, light.flat)
    places = projection.sheet_positions(someone.surface)
    face = head.sample(_dress(someone, view), *places, head.DRAWING_SCALE)
    _lay_over(pixels, face, head.sample(light.surface, *places, head.SURFACE_SCALE))
    if view.glasses_on and someone.identity.glasses_shape != "none":
        draw_glasses(pixels, someone.identity, someone.surface, projection, light.flat)
    return Photograph(_take(pixels, view), _landmarks(someone, view, projection))


class _Light(NamedTuple):
    surface: np.ndarray
    flat: float


def _light(someone, view, projection):
    """Brightness of the head's surface, and of what faces the camera."""
    azimuth, elevation = np.radians((view.light_azimuth, view.light_elevation))
    towards = np.array(
        (
            np.sin(azimuth) * np.cos(elevation),
            -np.sin(elevation),
            np.cos(azimuth) * np.cos(elevation),
        )
    )
    # The light stays where it is when the head turns.
    in_head = (projection.rotation.T @ towards).astype(np.float32)
    direct = someone.normals @ in_head
    np.maximum(direct, 0, out=direct)
    surface = view.ambient * someone.hollows + view.light_strength * direct
    return _Light(surface, 0.9 * (view.ambient + 0.8 * view.light_strength * max(towards[2], 0)))


def _dress(someone, view):
    """The frontal sheet of one picture: skin, expression, hair."""
    sheet = someone.skin.copy()
    draw_features(sheet_painter(sheet), someone.identity, view)
    if someone.identity.hair_style != "bald":
        lift = round(view.hair_lift * head.DRAWING_SCALE)
        rows = len(sheet) - abs(lift)
        up, down = max(lift, 0), max(-lift, 0)
        _lay_over(sheet[down : down + rows], someone.hair[up : up + rows])
    if view.hat:
        draw_hat(sheet_painter(sheet), someone.identity, view.hat)
    return sheet


def _lay_over(under, over, light=1.0):
    """Lay a premultiplied RGBA picture, lit by `light`, over an RGB or RGBA one, in place."""
    # One grey picture a channel: NumPy is slow at broadcasting over an innermost axis of 3 or 4.
    channels = under.shape[2]
    under *= cv2.merge([1 - over[..., 3]] * channels)
    if channels == 3:
        over = cv2.cvtColor(over, cv2.COLOR_RGBA2RGB)
        over *= cv2.merge([light] * 3) if np.ndim(light) else np.float32(light)
    under += over


def _background(view, size):
    """A blurred room: a gradient and a few soft shapes."""
    rng = np.random.default_rng([view.scene_seed])
    small = np.empty((48, 48, 3), np.float32)
    top, bottom = rng.uniform(0.1, 0.9, (2, 3)) * 0.5 + rng.uniform(0.05, 0.5, (2, 1))
    small[:] = np.linspace(top, bottom, 48)[:, None]
    paint = Painter(small, 1.0, (0, 0))
    for _ in range(rng.integers(2, 7)):
        centre, radii = rng.uniform(0, 48, 2), rng.uniform(3, 18, 2)
        corners = int(rng.choice((4, 24)))
        shape = oval(centre, radii, rng.uniform(0, 90), corners)
        paint.shape(shape, rng.uniform(0, 1, 3), rng.uniform(0.3, 0.9), 0.8)
    return cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)


def _draw_body(pixels, view, projection):
    """Shoulders: they stay below the head and do not turn with it."""
    size = projection.size
    outline = [(0, 118), (45, 124), (100, 142), (150, 175), (170, 260), (0, 300)]
    spots = smooth(mirrored(outline), closed=True)
    middle = (0.5 + np.asarray(view.shift)) * size / projection.scale
    paint = Painter(pixels, projection.scale, middle - (0, 25))
    paint.shape(spots, shade(view.clothes, view.ambient + 0.4 * view.light_strength), softness=1)


def _take(pixels, view):
    """What the camera makes of the scene: colour, contrast, blur, noise, 8 bits."""
    rng = np.random.default_rng([view.scene_seed, 1])
    gains = view.exposure * np.array((1 + view.warmth, 1 + view.tint, 1 - view.warmth), np.float32)
    pixels = pixels * (view.contrast * gains).astype(np.float32)
    pixels += np.float32(0.45 * (1 - view.contrast))
    pixels = cv2.GaussianBlur(pixels, (0, 0), view.blur * len(pixels) / 250)
    noise = rng.standard_normal(pixels.shape[:2], np.float32)
    pixels += cv2.merge([np.float32(view.noise) * noise] * 3)
    # Rounds to whole numbers and keeps to 0..255.
    return cv2.convertScaleAbs(np.maximum(pixels, 0), alpha=255)
