"""Draw the frames of a synthetic clip, and say who is where in each."""

import dataclasses
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from cshml_tf.data.clip_truth import KnownFace
from cshml_tf.data.synthetic import head
from cshml_tf.data.synthetic.person import person
from cshml_tf.data.synthetic.photograph import draw_head, lay_over
from cshml_tf.data.synthetic.street import FRAME_SIZE, draw_hall, draw_walking_body, pixels_per_millimetre, spot
from cshml_tf.data.synthetic.walkers import Walker

FRAMES_PER_SECOND = 10
# Pixels per millimetre at which heads are drawn, at least, before they are reduced to their size in the frame.
_DRAWN_SCALE = 0.8
# Millimetres around the eyes in which a head is drawn.
_REACH = 175.0
# A face that is hidden further than this, or partly outside the frame, is not listed.
_MOST_HIDDEN = 0.3
_FOREHEAD = -55.0
_BLUR = 0.45
_NOISE = 0.008


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of a clip.

    Attributes:
        time: seconds from the beginning.
        pixels: (360, 640, 3) uint8 RGB.
        faces: the faces that can be seen.
    """

    time: float
    pixels: np.ndarray
    faces: Sequence[KnownFace]


def draw_frames(walkers: Sequence[Walker], seconds: float, seed: int) -> Iterator[Frame]:
    """Draw a clip, frame by frame.

    Args:
        walkers: who walks where.
        seconds: length of the clip.
        seed: decides the place and the camera's noise.

    Yields:
        `FRAMES_PER_SECOND` frames per second.
    """
    hall = draw_hall(seed)
    for number in range(round(seconds * FRAMES_PER_SECOND)):
        time = number / FRAMES_PER_SECOND
        pixels = hall.copy()
        faces: list[KnownFace] = []
        placed = [(walker, place) for walker in walkers if (place := walker.place(time))]
        for walker, (x, z) in sorted(placed, key=lambda pair: -pair[1][1]):
            layer, face = _draw_walker(walker, time, x, z)
            faces = [earlier for earlier in faces if _hidden(layer, earlier) < _MOST_HIDDEN]
            if _is_inside(face):
                faces.append(dataclasses.replace(face, frame=number))
            lay_over(pixels, layer)
        yield Frame(time, _expose(pixels, np.random.default_rng([0xC13, seed, number])), faces)


def _draw_walker(walker: Walker, time: float, x: float, z: float) -> tuple[np.ndarray, KnownFace]:
    """Draw one person into a layer of the frame, premultiplied RGB and coverage."""
    layer = np.zeros((*FRAME_SIZE, 4), np.float32)
    stride = walker.stride(time)
    eye_level = walker.eye_level + 12 * np.cos(2 * stride)
    view = walker.pose(time, x, z)
    draw_walking_body(layer, view, x, z, eye_level, stride)
    scale, (column, row) = pixels_per_millimetre(z), spot(x, eye_level, z)
    # The head is drawn several times as large, in a square that begins at whole pixels of the frame.
    times, side = int(np.ceil(_DRAWN_SCALE / scale)), int(np.ceil(2 * _REACH * scale)) + 1
    left, top = int(column - side / 2), int(row - side / 2)
    middle = np.array((column - left, row - top + 25 * scale))
    view = dataclasses.replace(
        view,
        scale=times * scale / head.pixels_per_millimetre(times * side),
        shift=tuple((middle / side - 0.5).tolist()),
    )
    drawn = np.zeros((times * side, times * side, 4), np.float32)
    draw_head(drawn, person(walker.identity_seed), view, head.Projection(view, times * side))
    _lay_at(layer, cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA), left, top)
    identity = person(walker.identity_seed).identity
    half, low, high = identity.cheek_half_width * scale, _FOREHEAD * scale, identity.chin_y * scale
    return layer, KnownFace(0, time, walker.name, (column - half, row + low, 2 * half, high - low))


def _lay_at(layer: np.ndarray, patch: np.ndarray, left: int, top: int) -> None:
    """Lay a patch over a layer, as far as it is inside."""
    height, width = layer.shape[:2]
    rows = slice(max(top, 0), min(top + len(patch), height))
    columns = slice(max(left, 0), min(left + len(patch), width))
    if rows.start < rows.stop and columns.start < columns.stop:
        inside = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        part = layer[rows, columns].copy()
        lay_over(part, np.ascontiguousarray(inside))
        layer[rows, columns] = part


def _hidden(layer: np.ndarray, face: KnownFace) -> float:
    """Return which part of a face a nearer person's layer covers."""
    left, top, width, height = (round(value) for value in face.box)
    return float(layer[top : top + max(height, 1), left : left + max(width, 1), 3].mean())


def _is_inside(face: KnownFace) -> bool:
    left, top, width, height = face.box
    return left >= 0 and top >= 0 and left + width <= FRAME_SIZE[1] and top + height <= FRAME_SIZE[0]


def _expose(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Apply the camera: blur, noise, 8 bits."""
    pixels = cv2.GaussianBlur(pixels, (0, 0), _BLUR)
    pixels += np.float32(_NOISE) * rng.standard_normal((*pixels.shape[:2], 1), np.float32)
    return cv2.convertScaleAbs(np.maximum(pixels, 0), alpha=255)
