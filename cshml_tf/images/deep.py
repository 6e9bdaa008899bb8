"""Decode 16 bits per channel, of which Pillow keeps the upper 8: values are rounded, not cut.

Colour is decoded twice, once for the upper and once for the lower byte of each value, each time into Pillow's
8 bits per channel.
"""

import sys
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from cshml_tf.images.formats import UnreadableImage
from cshml_tf.images.pixels import bands, orientation_of, over_white, rows_of

_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
# Pillow would divide premultiplied colours by their opacity; they are wanted as stored.
_AS_STORED = {"RGBa": "RGBA"}
_WHITE_IS_ZERO = 0
_PHOTOMETRIC = 262


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Return whether an opened PNG or TIFF file has more than 8 and up to 16 bits per channel."""
    return image.format in ("PNG", "TIFF") and any(name in _rawmode(image) for name in (";16", ";12"))


def decode_deep(image: ImageFile.ImageFile, stream: BinaryIO) -> tuple[np.ndarray, int]:
    """Decode an opened file of more than 8 bits per channel.

    Args:
        image: as opened by Pillow, not loaded.
        stream: the file.

    Returns:
        (H, W, 3) uint8 RGB, transparent areas white; and the EXIF orientation that is left to apply.

    Raises:
        UnreadableImage: its values are signed.
    """
    rawmode = _rawmode(image)
    if rawmode.endswith("S"):
        raise UnreadableImage("expected whole numbers from 0, got signed ones")
    if rawmode == "LA;16B":
        # Pillow can only read the upper bytes; as four channels of 8 bits, both remain.
        image._mode = "RGBA"
        _set_rawmode(image, "RGBA")
        image.load()
        pixels = _converted(image, lambda band: _grey_and_opacity(rows_of(image, band)))
    elif image.mode.startswith("I"):
        image.load()
        pixels = _converted(image, lambda band: _grey(image, rows_of(image, band), rawmode))
    else:
        pixels = _colour(image, stream, rawmode)
    return pixels, orientation_of(image)


def _rawmode(image):
    if not image.tile:
        return ""
    arguments = image.tile[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _set_rawmode(image, rawmode):
    def replaced(arguments):
        return (rawmode, *arguments[1:]) if isinstance(arguments, tuple) else rawmode

    image.tile = [tile._replace(args=replaced(tile[3])) for tile in image.tile]


def _converted(image, convert):
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for band in bands(image.height, image.width):
        pixels[band] = convert(band)
    return pixels


def _eight(values, most=65535):
    """Round 0..most to 0..255."""
    return np.rint(values / np.float32(most / 255)).astype(np.uint8)


def _grey(image, part, rawmode):
    most = 4095 if ";12" in rawmode else 65535
    values = np.asarray(part).astype(np.uint16)
    # Pillow turns white and black round in 8 bits only.
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        values = most - values
    grey = _eight(values, most)
    if isinstance(key := image.info.get("transparency"), int):
        grey[values == key] = 255
    return grey[..., None]


def _grey_and_opacity(part):
    values = _eight(np.asarray(part).view(">u2"))
    return over_white(values[..., [0, 0, 0, 1]])


def _colour(image, stream, rawmode):
    mode, order = rawmode.split(";16")
    stored = f"{_AS_STORED.get(mode, mode)};16"
    _set_rawmode(image, stored + order)
    image.load()
    channels = len(image.getbands())
    upper = np.empty((image.height, image.width, 3), np.uint8)
    opacity = np.empty((image.height, image.width, channels - 3), np.uint8)
    for band in bands(image.height, image.width):
        values = np.asarray(rows_of(image, band))
        upper[band], opacity[band] = values[..., :3], values[..., 3:]
    frame, info, name = image.mode, image.info, image.format
    image.im = None
    stream.seek(0)
    with Image.open(stream, formats=(name,)) as again:
        _set_rawmode(again, stored + _OTHER_ORDER[order])
        again.load()
        for band in bands(*upper.shape[:2]):
            high = np.concatenate([upper[band], opacity[band]], axis=2).astype(np.uint16)
            values = high * 256 + np.asarray(rows_of(again, band))
            upper[band] = _rgb(values, frame, mode, info.get("transparency"))
    return upper


def _rgb(values, frame, mode, key):
    """Convert (h, w, 3 or 4) uint16 of one of Pillow's modes to 8-bit RGB."""
    eight = _eight(values)
    if frame == "CMYK":
        return np.asarray(Image.fromarray(eight, "CMYK").convert("RGB"))
    if mode == "RGBa":
        return np.minimum(eight[..., :3].astype(np.uint16) + 255 - eight[..., 3:], 255).astype(np.uint8)
    if values.shape[2] == 4:
        return over_white(eight)
    if isinstance(key, tuple):
        eight[(values == key).all(axis=2)] = 255
    return eight
