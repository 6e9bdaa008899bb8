"""What a camera's sensor and its electronics do to a picture: sampling, noise, colour and JPEG."""

import cv2
import numpy as np
from PIL import Image

# How the light of several pixels becomes that of one: from a box to the sharpest kernel in use.
KERNELS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
# Side of the square that JPEG's colours share, when they are stored at half the resolution.
JPEG_BLOCK = 16


def sample(pixels: np.ndarray, size: tuple[int, int], kernel: Image.Resampling) -> np.ndarray:
    """Reduce a picture.

    Args:
        pixels: (H, W, 3) float32.
        size: (h, w) of the result.
        kernel: one of `KERNELS`, stretched as for PIL's resizing.

    Returns:
        (h, w, 3) float32.
    """
    height, width = size
    planes = (Image.fromarray(np.ascontiguousarray(pixels[..., index])) for index in range(3))
    return np.stack([np.asarray(plane.resize((width, height), kernel)) for plane in planes], axis=-1)


def add_noise(light: np.ndarray, shot: float, read: float, generator: np.random.Generator) -> np.ndarray:
    """Add the noise of a sensor: that of counting photons, and that of reading them out.

    Args:
        light: (h, w, 3) float32, linear, 0..1.
        shot: variance of the shot noise at full brightness: 1 / the number of photons counted there.
        read: standard deviation of the read noise.
        generator: what to draw from.

    Returns:
        (h, w, 3) float32, not clipped.
    """
    deviation = np.sqrt(shot * np.clip(light, 0, None) + read**2)
    return light + deviation * generator.standard_normal(light.shape).astype(np.float32)


def to_light(pixels: np.ndarray) -> np.ndarray:
    """Convert pixels to linear light by sRGB's curve.

    Args:
        pixels: float32, 0..255.

    Returns:
        The same shape, float32, 0..1.
    """
    values = np.clip(pixels / 255, 0, 1)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_pixels(light: np.ndarray, gamma: float) -> np.ndarray:
    """Convert linear light to 8-bit pixels: sRGB's curve, and a camera's own departure from it.

    Args:
        light: float32, linear; values beyond 0..1 are clipped.
        gamma: 1 for sRGB; above 1 for darker middle tones.

    Returns:
        The same shape, uint8.
    """
    values = np.clip(light, 0, 1)
    curved = np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
    return np.rint(255 * np.clip(curved, 0, 1) ** gamma).astype(np.uint8)


def compress(pixels: np.ndarray, quality: int, down: int, across: int) -> np.ndarray:
    """Compress a picture as a part of a larger JPEG, and decompress it.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        quality: JPEG's, 1..100.
        down: 0 to JPEG_BLOCK - 1, where the picture begins in the grid of JPEG's blocks; what surrounds it repeats
            its edge.
        across: likewise, along a row.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    height, width = pixels.shape[:2]
    margins = ((down, -(down + height) % JPEG_BLOCK), (across, -(across + width) % JPEG_BLOCK), (0, 0))
    bgr = np.pad(pixels, margins, mode="edge")[..., ::-1]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(bgr), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return decoded[down : down + height, across : across + width, ::-1]
