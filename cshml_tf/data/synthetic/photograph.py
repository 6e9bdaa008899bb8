"""Draw a photograph from background, body, head, light and camera, or the aligned crop of one."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from cshml_tf.alignment.geometry import check_image_size, similarity, template, warp
from cshml_tf.data.synthetic import head
from cshml_tf.data.synthetic.accessories import draw_glasses, draw_hat
from cshml_tf.data.synthetic.features import draw_features, landmarks_on_face
from cshml_tf.data.synthetic.painter import Painter, oval, smooth
from cshml_tf.data.synthetic.person import Person, person
from cshml_tf.data.synthetic.sheets import mirrored, shade, sheet_painter
from cshml_tf.data.synthetic.view import View, draw_view

# Standard deviation of a detector's error, as a fraction of the distance between the eyes.
_LANDMARK_JITTER = 0.02
_SIZE_LIMITS = 64, 1024
# Side of the photograph drawn for a crop, in crop heights: the eyes are then about equally far apart in both.
_PHOTOGRAPH_PER_CROP = 1.7


class Photograph(NamedTuple):
    """A drawn photograph.

    Attributes:
        pixels: (size, size, 3) uint8 RGB.
        landmarks: (5, 2) float64 x, y in pixels, with pixel centres at whole numbers: image-left eye,
            image-right eye, nose tip, image-left and image-right corner of the mouth.
    """

    pixels: np.ndarray
    landmarks: np.ndarray


def draw_photograph(identity_seed: int, picture_seed: int, size: int = 250) -> Photograph:
    """Draw one photograph of one synthetic person, with the face in the middle.

    The same seeds give the same picture, byte for byte on the same machine; other releases of NumPy or
    OpenCV may round a few pixels differently.

    Args:
        identity_seed: the person, a whole number of at least 0.
        picture_seed: the picture of this person, a whole number of at least 0.
        size: side of the photograph in pixels, 64..1024; the face is about 44 % as wide.

    Returns:
        A `Photograph`.

    Raises:
        ValueError: a seed or the size is out of range.
    """
    subject, view = _scene(identity_seed, picture_seed, size)
    return _render(subject, view, size)


def draw_aligned(identity_seed: int, picture_seed: int, image_size: Sequence[int] = (112, 96)) -> np.ndarray:
    """Draw one photograph and cut out the aligned face, as if by a detector's landmarks.

    The landmarks have a small random error, 2 % of the distance between the eyes.

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


def landmarks_in_photograph(identity_seed: int, picture_seed: int, size: int = 250) -> np.ndarray:
    """Return the landmarks of `draw_photograph`, but draw nothing: (5, 2) float64 x, y in pixels."""
    subject, view = _scene(identity_seed, picture_seed, size)
    return _landmarks(subject, view, head.Projection(view, size))


def _scene(identity_seed: int, picture_seed: int, size: int) -> tuple[Person, View]:
    _check_whole("identity_seed", identity_seed, 0, None)
    _check_whole("picture_seed", picture_seed, 0, None)
    _check_whole("size", size, *_SIZE_LIMITS)
    return person(int(identity_seed)), draw_view(identity_seed, picture_seed)


def _landmarks(subject: Person, view: View, projection: head.Projection) -> np.ndarray:
    flat = landmarks_on_face(subject.identity, view)
    return projection.points(head.on_surface(subject.surface, flat))


def _check_whole(name: str, value: int, low: int, high: int | None) -> None:
    if not isinstance(value, int | np.integer) or value < low or (high and value > high):
        limits = f"{low}..{high}" if high else f"{low} or more"
        raise ValueError(f"{name}: expected a whole number, {limits}, got {value!r}")


def draw_head(pixels: np.ndarray, subject: Person, view: View, projection: head.Projection) -> None:
    """Draw a person's head and neck over a picture, back to front.

    Args:
        pixels: (size, size, 3) RGB or (size, size, 4) RGB and coverage, premultiplied; float32, drawn on in place.
        subject: the person.
        view: the circumstances.
        projection: the pose and place of the head in `pixels`.
    """
    size = projection.size
    light = _light(subject, view, projection)
    behind = cv2.warpAffine(subject.behind, projection.plane(0.0), (size, size))
    lay_over(pixels, behind, light.flat)
    places = projection.sheet_positions(subject.surface)
    face = head.sample(_frontal_sheet(subject, view), *places, head.DRAWING_SCALE)
    lay_over(pixels, face, head.sample(light.surface, *places, head.SURFACE_SCALE))
    if view.glasses_on and subject.identity.glasses_shape != "none":
        draw_glasses(pixels, subject.identity, subject.surface, projection, light.flat)


def _render(subject: Person, view: View, size: int) -> Photograph:
    """Draw a `Person` under a `View`, back to front."""
    projection = head.Projection(view, size)
    pixels = _background(view, size)
    _draw_body(pixels, view, projection)
    draw_head(pixels, subject, view, projection)
    return Photograph(_expose(pixels, view), _landmarks(subject, view, projection))


class _Light(NamedTuple):
    """Brightness of the head's surface, and of surfaces that face the camera."""

    surface: np.ndarray
    flat: float


def _light(subject: Person, view: View, projection: head.Projection) -> _Light:
    azimuth, elevation = np.radians((view.light_azimuth, view.light_elevation))
    towards = np.array(
        (
            np.sin(azimuth) * np.cos(elevation),
            -np.sin(elevation),
            np.cos(azimuth) * np.cos(elevation),
        )
    )
    # The light does not turn with the head.
    in_head = (projection.rotation.T @ towards).astype(np.float32)
    direct = subject.normals @ in_head
    np.maximum(direct, 0, out=direct)
    surface = view.ambient * subject.hollows + view.light_strength * direct
    return _Light(surface, 0.9 * (view.ambient + 0.8 * view.light_strength * max(towards[2], 0)))


def _frontal_sheet(subject: Person, view: View) -> np.ndarray:
    """Draw the frontal sheet of one picture: skin, expression, hair, hat."""
    sheet = subject.skin.copy()
    draw_features(sheet_painter(sheet), subject.identity, view)
    if subject.identity.hair_style != "bald":
        lift = round(view.hair_lift * head.DRAWING_SCALE)
        rows = len(sheet) - abs(lift)
        up, down = max(lift, 0), max(-lift, 0)
        lay_over(sheet[down : down + rows], subject.hair[up : up + rows])
    if view.hat:
        draw_hat(sheet_painter(sheet), subject.identity, view.hat)
    return sheet


def lay_over(under: np.ndarray, over: np.ndarray, light: np.ndarray | float = 1.0) -> None:
    """Lay a premultiplied RGBA picture, lit by `light`, over an RGB or RGBA one, in place."""
    # The factor is repeated for each channel because NumPy broadcasts slowly over an innermost axis of 3 or 4.
    under *= cv2.merge([1 - over[..., 3]] * under.shape[2])
    colours = cv2.cvtColor(over, cv2.COLOR_RGBA2RGB)
    colours *= cv2.merge([light] * 3) if isinstance(light, np.ndarray) else np.float32(light)
    under[..., :3] += colours
    if under.shape[2] == 4:
        under[..., 3] += over[..., 3]


def _background(view: View, size: int) -> np.ndarray:
    """Draw a blurred room: a gradient and a few soft shapes."""
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


def _draw_body(pixels: np.ndarray, view: View, projection: head.Projection) -> None:
    """Draw the shoulders, which stay below the head and do not turn with it."""
    size = projection.size
    outline = [(0, 118), (45, 124), (100, 142), (150, 175), (170, 260), (0, 300)]
    spots = smooth(mirrored(outline), closed=True)
    middle = (0.5 + np.asarray(view.shift)) * size / projection.scale
    paint = Painter(pixels, projection.scale, middle - (0, 25))
    paint.shape(spots, shade(view.clothes, view.ambient + 0.4 * view.light_strength), softness=1)


def _expose(pixels: np.ndarray, view: View) -> np.ndarray:
    """Apply the camera to the scene: colour, contrast, blur, noise, 8 bits."""
    rng = np.random.default_rng([view.scene_seed, 1])
    gains = view.exposure * np.array((1 + view.warmth, 1 + view.tint, 1 - view.warmth), np.float32)
    pixels = pixels * (view.contrast * gains).astype(np.float32)
    pixels += np.float32(0.45 * (1 - view.contrast))
    pixels = cv2.GaussianBlur(pixels, (0, 0), view.blur * len(pixels) / 250)
    noise = rng.standard_normal(pixels.shape[:2], np.float32)
    pixels += cv2.merge([np.float32(view.noise) * noise] * 3)
    # This rounds to whole numbers and clips to 0..255.
    return cv2.convertScaleAbs(np.maximum(pixels, 0), alpha=255)
