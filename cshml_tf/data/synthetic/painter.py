"""Blend antialiased shapes and lines into a floating-point picture, in the caller's own units."""

import functools
import math
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np

# (x, y), (N, 2) x and y, and RGB 0..1.
Point: TypeAlias = np.ndarray | Sequence[float]
Points: TypeAlias = np.ndarray | Sequence[Sequence[float]]
Colour: TypeAlias = np.ndarray | Sequence[float]

# OpenCV takes polygon corners as integers, in units of 1/256 pixel.
_FRACTION_BITS = 8


class Painter:
    """Blends shapes into a picture.

    Attributes:
        pixels: (H, W, 3) RGB or (H, W, 4) RGB and coverage, premultiplied; float32, 0..1; drawn on in
            place.
    """

    def __init__(self, pixels: np.ndarray, scale: float, origin: Point) -> None:
        """Set the picture and its units.

        Args:
            pixels: the picture to draw on, see the class.
            scale: pixels per unit.
            origin: (x, y) of the caller's origin in units, measured from the picture's top left corner.
        """
        self.pixels = pixels
        self._scale = scale
        self._origin = np.asarray(origin, np.float64)

    def shape(self, points: Points, colour: Colour, opacity: float = 1.0, softness: float = 0.0) -> None:
        """Fill the polygon `points`, (N, 2) x and y in units; `softness` blurs its edge, in units."""
        self._blend(points, colour, opacity, softness, None)

    def line(
        self, points: Points, colour: Colour, thickness: float, opacity: float = 1.0, softness: float = 0.0
    ) -> None:
        """Draw an open line through `points`, (N, 2), `thickness` units wide."""
        self._blend(points, colour, opacity, softness, thickness)

    def oval(
        self,
        centre: Point,
        radii: Point,
        colour: Colour,
        opacity: float = 1.0,
        softness: float = 0.0,
        tilt: float = 0.0,
    ) -> None:
        """Fill an ellipse: `centre` (x, y) and `radii` (x, y) in units, `tilt` clockwise in degrees."""
        self.shape(oval(centre, radii, tilt), colour, opacity, softness)

    def _blend(
        self, points: Points, colour: Colour, opacity: float, softness: float, thickness: float | None
    ) -> None:
        spots = (np.asarray(points) + self._origin) * self._scale - 0.5
        corners = np.rint(spots * (1 << _FRACTION_BITS)).astype(np.int32)
        blur, width = softness * self._scale, 0
        if thickness is not None:
            # A line thinner than a pixel is drawn one pixel wide, but fainter.
            opacity *= min(1.0, thickness * self._scale)
            width = max(1, round(thickness * self._scale))
        left, top, right, bottom = self._region(corners, int(3 * blur + width) + 2)
        if left >= right or top >= bottom:
            return
        corners -= np.array((left, top), np.int32) << _FRACTION_BITS
        mask = np.zeros((bottom - top, right - left), np.uint8)
        if thickness is None:
            cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, _FRACTION_BITS)
        else:
            cv2.polylines(mask, [corners], False, 255, width, cv2.LINE_AA, _FRACTION_BITS)
        if blur:
            mask = cv2.GaussianBlur(mask, (0, 0), blur)
        ink = np.array((*colour, 1.0)[: self.pixels.shape[2]], np.float32)
        part = self.pixels[top:bottom, left:right]
        part += (mask * np.float32(opacity / 255))[..., None] * (ink - part)

    def _region(self, corners: np.ndarray, margin: int) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the pixels that a shape may touch."""
        x, y, width, height = cv2.boundingRect(corners)
        return (
            max((x >> _FRACTION_BITS) - margin, 0),
            max((y >> _FRACTION_BITS) - margin, 0),
            min(((x + width) >> _FRACTION_BITS) + margin, self.pixels.shape[1]),
            min(((y + height) >> _FRACTION_BITS) + margin, self.pixels.shape[0]),
        )


def oval(centre: Point, radii: Point, tilt: float = 0.0, corners: int = 24) -> np.ndarray:
    """Return the outline of an ellipse, (corners, 2) float64; `tilt` clockwise in degrees."""
    outline = _circle(corners) * np.asarray(radii)
    return (turn(outline, tilt) if tilt else outline) + centre


def turn(points: Points, degrees: float) -> np.ndarray:
    """Rotate `points` (N, 2) clockwise about the origin (y points down)."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.asarray(points) @ np.array(((cosine, sine), (-sine, cosine)))


def smooth(points: Points, closed: bool = False, steps: int = 6) -> np.ndarray:
    """Return a Catmull-Rom curve through `points` (N, 2): (N x steps, 2), or one span fewer if open."""
    points = np.asarray(points, np.float64)
    if closed:
        padded = np.concatenate((points[-1:], points, points[:2]))
    else:
        padded = np.concatenate((points[:1], points, points[-1:]))
    spans = np.stack((padded[:-3], padded[1:-2], padded[2:-1], padded[3:]), 1)
    curve = (_catmull_rom(steps) @ spans).reshape(-1, 2)
    return curve if closed else np.concatenate((curve, points[-1:]))


@functools.cache
def _circle(corners: int) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack((np.cos(angles), np.sin(angles)), 1)


@functools.cache
def _catmull_rom(steps: int) -> np.ndarray:
    """Return the weights (steps, 4) of the four points around a span, at evenly spaced positions on it."""
    t = np.arange(steps)[:, None] / steps
    powers = np.concatenate((t**0, t, t**2, t**3), 1)
    return powers @ (np.array(((0, 2, 0, 0), (-1, 0, 1, 0), (2, -5, 4, -1), (-1, 3, -3, 1))) / 2)
