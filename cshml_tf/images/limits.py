"""How large a picture may be, told from its header: decoding takes at most 8 bytes per pixel, and 1 GiB more.

Most decoders hand over a picture row by row, and stay below 8 bytes per pixel. Some hold all of it again in
another form: libavif and libheif the planes and a copy in RGB, libjpeg the coefficients of a file of several
scans, libtiff a compressed strip or tile as large as the picture. Pictures of these kinds may have as many pixels
as keep what they take above 8 bytes per pixel within `FIXED_BYTES`.
"""

import io
from typing import BinaryIO

from PIL import ImageFile

from cshml_tf.images.formats import LONGEST_SIDE, MAX_PIXELS, ImageTooLarge

BYTES_PER_PIXEL = 8
# What decoding may take besides.
FIXED_BYTES = 2**30
# The most bytes per pixel that decoders were seen to take, by the kind of the file.
HELD = {
    "AVIF file": 15,
    "HEIC file": 12,
    "HEIC file of more than 8 bits": 20,
    "progressive JPEG file": 10,
    "progressive JPEG file in CMYK": 13,
    "TIFF file of few large parts": 10,
    "TIFF file of few large parts of 16 bits": 17,
}

_BITS_PER_SAMPLE = 258
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
# A strip or tile with this part of the picture does not add much.
_SMALL_PART = 16
# JPEG's markers that stand alone, without a length.
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_START_OF_SCAN = 0xDA


def check_size(image: ImageFile.ImageFile, name: str, stream: BinaryIO, most_pixels: int) -> None:
    """Refuse an opened image that is too large for what its decoder needs.

    Args:
        image: as opened by Pillow, not loaded; Pillow has refused more than `MAX_PIXELS`.
        name: the format, as `format_of` names it.
        stream: the file.
        most_pixels: the caller's limit.

    Raises:
        ImageTooLarge: a side is longer than `LONGEST_SIDE`, or there are more than `most_pixels` pixels, or more
            than `most_pixels_of` the kind of file.
    """
    width, height = image.size
    if max(width, height) > LONGEST_SIDE:
        raise ImageTooLarge(f"{width} x {height}: a side is longer than {LONGEST_SIDE} pixels")
    if width * height > most_pixels:
        raise ImageTooLarge(f"{width} x {height}: more pixels than the limit of {most_pixels}")
    if width * height <= min(map(most_pixels_of, HELD)):
        return
    kind = _held_whole(image, name, stream)
    if kind and width * height > (limit := most_pixels_of(kind)):
        raise ImageTooLarge(
            f"{width} x {height}: the {kind} has more pixels than the limit of {limit} for its kind"
        )


def most_pixels_of(kind: str) -> int:
    """Return how many pixels a file of a kind in `HELD` may have."""
    return min(FIXED_BYTES // (HELD[kind] - BYTES_PER_PIXEL), MAX_PIXELS)


def _held_whole(image: ImageFile.ImageFile, name: str, stream: BinaryIO) -> str | None:
    """Return the kind, in `HELD`, of a file whose decoder holds the whole picture; None for others."""
    if name == "AVIF":
        return "AVIF file"
    if name == "HEIC":
        return "HEIC file" if image.info.get("bit_depth", 16) <= 8 else "HEIC file of more than 8 bits"
    components = len(image.getbands())
    if name == "JPEG" and (image.info.get("progressive") or _has_several_scans(stream, components)):
        return "progressive JPEG file" if components < 4 else "progressive JPEG file in CMYK"
    if name == "TIFF" and _has_large_parts(image):
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 16)
        eight = max(bits if isinstance(bits, tuple) else (bits,)) <= 8
        return "TIFF file of few large parts" if eight else "TIFF file of few large parts of 16 bits"
    return None


def _has_several_scans(stream: BinaryIO, components: int) -> bool:
    """Return whether a JPEG's first scan lacks components, as in files that store one colour after the other."""
    assert isinstance(stream, io.BytesIO), "JPEG is decoded from memory"
    data, place = stream.getbuffer(), 0
    while place + 4 < len(data):
        if data[place] != 0xFF or data[place + 1] == 0xFF:
            place += 1
        elif data[place + 1] in _ALONE:
            place += 2
        elif data[place + 1] == _START_OF_SCAN:
            return data[place + 4] < components
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return False


def _has_large_parts(image: ImageFile.ImageFile) -> bool:
    """Return whether a compressed TIFF has strips or tiles that are not small beside the picture."""
    if not image.tile or image.tile[0][0] == "raw":
        return False
    tags, (width, height) = getattr(image, "tag_v2", {}), image.size
    if _TILE_HEIGHT in tags:
        part = tags[_TILE_HEIGHT] * tags.get(_TILE_WIDTH, width)
    else:
        part = min(tags.get(_ROWS_PER_STRIP, height), height) * width
    return part * _SMALL_PART > width * height
