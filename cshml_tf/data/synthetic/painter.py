"""Anti-aliased shapes and lines, blended into a floating-point picture in the drawer's own units."""

import functools
import math

import cv2
import numpy as np

# OpenCV takes polygon corners as whole numbers of 1/256 pixel.
_FRACTION_BITS = 8


class Painter:
    """Blends shapes into a picture.

    Attributes:
        pixels: (H, W, 3) RGB or (H, W, 4) RGB and coverage, premultiplied; float32, 0..1; drawn on in
            place.
    """

    def __init__(self, pixels, scale, origin):
        """Set the picture and its units.

        Args:
            pixels: The picture to draw on, see the class.
            scale: Pixels a unit.
            origin: (x, y) of the drawer's origin in units, counted from the picture's top left edge.
        """
        self.pixels = pixels
        self._scale = scale
        self._origin = np.asarray(origin, np.float64)

    def shape(self, points, colour, opacity=1.0, softness=0.0):
        """Fill the polygon `points`, (N, 2) x and y in units; `softness` blurs its edge, in units."""
        self._blend(points, colour, opacity, softness, None)

    def line(self, points, colour, thickness, opacity=1.0, softness=0.0):
        """Draw an open line through `points`, (N, 2), `thickness` units wide."""
        self._blend(points, colour, opacity, softness, thickness)

    def oval(self, centre, radii, colour, opacity=1.0, softness=0.0, tilt=0.0):
        """Fill an ellipse: `centre` (x, y) and `radii` (x, y) in units, `tilt` clockwise in degrees."""
        self.shape(oval(centre, radii, tilt), colour, opacity, softness)

    def _blend(self, points, colour, opacity, softness, thickness):
        spots = (np.asarray(points) + self._origin) * self._scale - 0.5
        corners = np.rint(spots * (1 << _FRACTION_BITS)).astype(np.int32)
        blur, width = softness * self._scale, 0
        if thickness is not None:
            # A line below one pixel is drawn one pixel wide and fainter.
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

    def _region(self, corners, margin):
        """Left, top, right, bottom of the pixels that a shape may touch."""
        x, y, width, height = cv2.boundingRect(corners)
        return (
            max((x >> _FRACTION_BITS) - margin, 0),
            max((y >> _FRACTION_BITS) - margin, 0),
            min(((x + width) >> _FRACTION_BITS) + margin, self.pixels.shape[1]),
            min(((y + height) >> _FRACTION_BITS) + margin, self.pixels.shape[0]),
        )


def oval(centre, radii, tilt=0.0, corners=24):
    """The outline of an ellipse, (corners, 2) float64; `tilt` clockwise in degrees."""
    outline = _circle(corners) * radii
    return (turn(outline, tilt) if tilt else outline) + centre


def turn(points, degrees):
    """Turn `points` (N, 2) clockwise about the origin (y points down)."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.asarray(points) @ np.array(((cosine, sine), (-sine, cosine)))


def smooth(points, closed=False, steps=6):
    """A Catmull-Rom curve through `points` (N, 2): (N x steps, 2), or one span fewer when open."""
    points = np.asarray(points, np.float64)
    if closed:
        padded = np.concatenate((points[-1:], points, points[:2]))
    else:
        padded = np.concatenate((points[:1], points, points[-1:]))
    spans = np.stack((padded[:-3], padded[1:-2], padded[2:-1], padded[3:]), 1)
    curve = (_catmull_rom(steps) @ spans).reshape(-1, 2)
    return curve if closed else np.concatenate((curve, points[-1:]))


@functools.cache
def _circle(corners):
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack((np.cos(angles), np.sin(angles)), 1)


@functools.cache
def _catmull_rom(steps):
    """Weights (steps, 4) of the four points around a span, at evenly spaced places on it."""
    t = np.arange(steps)[:, None] / steps
    powers = np.concatenate((t**0, t, t**2, t**3), 1)
    return powers @ (np.array(((0, 2, 0, 0), (-1, 0, 1, 0), (2, -5, 4, -1), (-1, 3, -3, 1))) / 2)
