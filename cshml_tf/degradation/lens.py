"""What happens to a face before a camera's sensor: an inexact crop, and blur."""

import cv2
import numpy as np


def displace(pixels: np.ndarray, across: float, down: float, scale: float, degrees: float) -> np.ndarray:
    """Move a face in its crop, as landmarks that are not exact do; uncovered pixels repeat the edge.

    Args:
        pixels: (H, W, 3) float32.
        across: pixels to the right.
        down: pixels downwards.
        scale: enlargement about the centre.
        degrees: turn about the centre, anticlockwise.

    Returns:
        (H, W, 3) float32.
    """
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    matrix[:, 2] += across, down
    return cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def displace_at_random(pixels: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Move a face in its crop by errors that are drawn.

    Args:
        pixels: (H, W, 3) float32.
        share: standard deviation of the shift, as a share of the side, of the scale's logarithm, and of the turn
            in radians.
        generator: what to draw from.

    Returns:
        (H, W, 3) float32.
    """
    height, width = pixels.shape[:2]
    across, down, scale, turn = generator.normal(0, share, 4)
    return displace(pixels, across * width, down * height, float(np.exp(scale)), float(np.degrees(turn)))


def gaussian_blur(pixels: np.ndarray, sigmas: tuple[float, float]) -> np.ndarray:
    """Blur with a Gaussian.

    Args:
        pixels: (H, W, 3) float32.
        sigmas: standard deviations along rows and along columns, pixels.

    Returns:
        (H, W, 3) float32.
    """
    down, across = (max(sigma, 1e-3) for sigma in sigmas)
    return cv2.GaussianBlur(pixels, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REPLICATE)


def defocus_blur(pixels: np.ndarray, radii: tuple[float, float]) -> np.ndarray:
    """Blur with an evenly lit disc, as a lens out of focus does.

    Args:
        pixels: (H, W, 3) float32.
        radii: of the disc, along rows and along columns, pixels.

    Returns:
        (H, W, 3) float32.
    """
    return _filter(pixels, _disc(radii))


def motion_blur(pixels: np.ndarray, down: float, across: float) -> np.ndarray:
    """Blur along a straight line, as motion during the exposure does.

    Args:
        pixels: (H, W, 3) float32.
        down: length of the line downwards, pixels.
        across: its length to the right, pixels.

    Returns:
        (H, W, 3) float32.
    """
    reach = int(np.ceil(max(abs(down), abs(across)) / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    # The line passes through the centre; each of its points is shared between the four pixels around it.
    for share in np.linspace(-0.5, 0.5, 8 * reach + 1):
        row, column = reach + share * down, reach + share * across
        first_row, first_column = int(np.floor(row)), int(np.floor(column))
        below, right = row - first_row, column - first_column
        weights = np.outer((1 - below, below), (1 - right, right))
        kernel[first_row : first_row + 2, first_column : first_column + 2] += weights
    return _filter(pixels, kernel)


def _disc(radii: tuple[float, float]) -> np.ndarray:
    """Return how much of each pixel an ellipse covers, from 8 x 8 points per pixel."""
    reach = int(np.ceil(max(radii))) + 1
    side = 2 * reach + 1
    points = (np.arange(8 * side) + 0.5) / 8 - side / 2
    rows, columns = (points / max(radius, 0.5) for radius in radii)
    inside = rows[:, None] ** 2 + columns[None] ** 2 <= 1
    return inside.reshape(side, 8, side, 8).mean((1, 3))


def _filter(pixels: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    kernel = (kernel / kernel.sum()).astype(np.float32)
    return cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE)
