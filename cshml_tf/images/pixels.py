"""Turn what Pillow or OpenCV has decoded into upright 8-bit RGB, some rows at a time to save memory."""

from collections.abc import Iterator

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageFile

# Pixels converted together: their copies fit into the processor's cache.
_PIXELS_AT_ONCE = 2**16
# PNG's transparent grey level is stored as it was before Pillow spreads 2 or 4 bits over 0..255.
_SPREAD = {"L;2": 85, "L;4": 17}
_EXIF_ENTRIES = frozenset(("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"))


def bands(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that cover a picture, each of few pixels."""
    rows = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def rows_of(image: Image.Image, band: slice) -> Image.Image:
    """Return some rows of a decoded image; the image itself if they are all of them."""
    if band.stop - band.start == image.height:
        return image
    return image.crop((0, band.start, image.width, band.stop))


def to_rgb(image: ImageFile.ImageFile) -> tuple[np.ndarray, int]:
    """Decode an opened image of 8 bits per channel.

    Returns:
        (H, W, 3) uint8 RGB, transparent areas white; and the EXIF orientation that is left to apply.
    """
    spread = _SPREAD.get(str(image.tile[0][3]), 1) if image.tile else 1
    image.load()
    if isinstance(image.info.get("transparency"), int):
        image.info["transparency"] *= spread
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    transparent = image.has_transparency_data
    for band in bands(image.height, image.width):
        part = rows_of(image, band)
        if transparent:
            pixels[band] = over_white(np.asarray(part.convert("RGBA")))
        else:
            pixels[band] = np.asarray(part.convert("RGB"))
    return pixels, orientation_of(image)


def over_white(pixels: np.ndarray) -> np.ndarray:
    """Lay (h, w, 4) uint8 RGBA over white: (h, w, 3) uint8 RGB."""
    opacity = pixels[..., 3:] / np.float32(255)
    return np.rint(pixels[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)


def from_bgr(pixels: np.ndarray) -> np.ndarray:
    """Return the RGB of (H, W, 3) uint8 BGR, in its place where a copy would be large."""
    height, width, _ = pixels.shape
    if height * width <= _PIXELS_AT_ONCE:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    for band in bands(height, width):
        pixels[band] = cv2.cvtColor(pixels[band], cv2.COLOR_BGR2RGB)
    return pixels


def from_bgra(pixels: np.ndarray) -> np.ndarray:
    """Lay (H, W, 4) uint8 BGRA over white: (H, W, 3) uint8 RGB."""
    height, width, _ = pixels.shape
    laid = np.empty((height, width, 3), np.uint8)
    for band in bands(height, width):
        laid[band] = over_white(cv2.cvtColor(pixels[band], cv2.COLOR_BGRA2RGBA))
    return laid


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1..8, that decoding has left to apply: TIFF and HEIC come upright."""
    if _EXIF_ENTRIES.isdisjoint(image.info):
        return 1
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged table says nothing about the picture
        return 1
    return orientation if orientation in range(1, 9) else 1


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror (H, W, 3) pixels as a viewer does for an EXIF orientation of 1..8."""
    if orientation == 1:
        return pixels
    if orientation in (2, 4):
        return cv2.flip(pixels, 1 if orientation == 2 else 0)
    if orientation in (3, 6, 8):
        codes = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
        return cv2.rotate(pixels, codes[orientation])
    turned = cv2.transpose(pixels)
    return turned if orientation == 5 else cv2.flip(turned, -1, dst=turned)
