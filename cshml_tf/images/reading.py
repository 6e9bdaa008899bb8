"""Read photographs in any common format into upright RGB pixels.

Limits, all checked before anything is decoded: a side of `LONGEST_SIDE` pixels, `MAX_PIXELS` pixels, and files of
4 GiB, or of 512 MiB in the formats whose decoders need the whole file in memory. At its peak, reading takes at
most 8 bytes per pixel plus the compressed file and a fixed part of 1 GiB; the result takes 3 of the 8. Only files
whose decoders hold the whole picture again use the fixed part: `limits` tells which they are, and how many pixels
each kind may have. The others need some 20 MB besides their 8 bytes per pixel.
"""

import io
import logging
import os
import warnings
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageFile, features

from cshml_tf.files import open_regular, printable
from cshml_tf.images.bitmaps import mend_grey_table
from cshml_tf.images.deep import decode_deep, is_deep
from cshml_tf.images.formats import HEAD_BYTES, MAX_PIXELS, ImageTooLarge, UnreadableImage, format_of
from cshml_tf.images.limits import check_size
from cshml_tf.images.native import silence_libtiff
from cshml_tf.images.pixels import from_bgr, from_bgra, orientation_of, to_rgb, turn_upright

_MAX_FILE_BYTES = 2**32
_MAX_BYTES_IN_MEMORY = 2**29
_DECODED_FROM_MEMORY = frozenset(("JPEG", "WebP", "AVIF", "HEIC", "GIF"))
_END_MARKERS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
# In other formats, further frames are other pictures, not motion: the first frame is the photograph.
_ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")
_SEARCHED_AT_ONCE = 2**20

# Pillow refuses images with more than twice this many pixels.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
# What Pillow finds odd in damaged tables of a file is not the user's to mend, and would be printed for each file.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())
silence_libtiff()


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC, whatever the file's suffix claims.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; the EXIF orientation is applied; transparent areas
    become white; gamma and colour profiles are ignored. HEIC needs the package pillow-heif (the extra `heic`).

    Args:
        path: the file; any name that the file system allows.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UnreadableImage: the file is empty, not a regular file, not a picture, cut short, animated or too large, or
            cannot be opened; the message says which.
    """
    try:
        with open_regular(path, _MAX_FILE_BYTES) as file:
            return _decode_stream(file)
    except UnreadableImage:
        raise
    except OSError as error:
        raise UnreadableImage(f"cannot open: {error.strerror}") from None
    except ValueError as error:
        raise UnreadableImage(str(error).removeprefix(f"{printable(path)}: ")) from None


def read_named(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an image as `read_image` does, with an error that names the file.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: it cannot be read; the message is the path and the reason.
    """
    try:
        return read_image(path)
    except UnreadableImage as error:
        raise ValueError(f"{printable(path)}: {error}") from error


def decode_image(data: bytes, most_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode the content of an image file as `read_image` does.

    Args:
        data: the whole content of the file.
        most_pixels: a picture with more pixels is refused before it is decoded; at most `MAX_PIXELS`.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        UnreadableImage: it is empty, not a picture, cut short, animated or too large (`ImageTooLarge`); the
            message says which.
    """
    return _decode_stream(io.BytesIO(data), most_pixels)


def _decode_stream(stream: BinaryIO, most_pixels: int = MAX_PIXELS) -> np.ndarray:
    name = format_of(stream.read(HEAD_BYTES))
    stream.seek(0)
    try:
        if name in _DECODED_FROM_MEMORY and not isinstance(stream, io.BytesIO):
            stream = io.BytesIO(_read_whole(stream, name))
        image = _open(stream, name, most_pixels)
        pixels, orientation = _decode(image, stream)
        if orientation == 1:
            return pixels
        # Pillow's copy is freed first: turning makes another.
        image.close()
        return turn_upright(pixels, orientation)
    except UnreadableImage:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge(f"the {name} file has more pixels than the limit of {MAX_PIXELS}") from None
    except MemoryError:
        raise UnreadableImage(f"the {name} file cannot be decoded: out of memory") from None
    except Exception:  # damaged files make the decoders raise errors of nearly every type
        raise UnreadableImage(f"the {name} file is cut short or damaged: it cannot be decoded") from None


def _read_whole(stream, name):
    size = os.fstat(stream.fileno()).st_size
    if size > _MAX_BYTES_IN_MEMORY:
        raise UnreadableImage(f"expected a {name} file of at most {_MAX_BYTES_IN_MEMORY} bytes, got {size} bytes")
    return stream.read()


def _open(stream, name, most_pixels):
    """Open without decoding, and refuse a file that its header shows to be unfit."""
    if name == "HEIC":
        _register_heic()
    if name == "AVIF" and not features.check("avif"):
        raise UnreadableImage("this build of Pillow does not support AVIF: convert it to PNG or JPEG")
    image = Image.open(stream, formats=("HEIF" if name == "HEIC" else name,))
    check_size(image, name, stream, most_pixels)
    if image.format in _ANIMATED_FORMATS and getattr(image, "is_animated", False):
        raise UnreadableImage(f"an animated {name}: expected one picture")
    # The decoders accept a file that lacks its end. Pillow stops reading after a JPEG's headers, and thus after
    # any thumbnail with an end marker of its own: the search starts there.
    if name in _END_MARKERS and not _contains(stream, _END_MARKERS[name]):
        raise UnreadableImage(f"the {name} file is cut short: no end marker")
    return image


def _contains(stream, marker):
    """Return whether a stream contains some bytes after its position, to which it returns."""
    start = stream.tell()
    block = stream.read(_SEARCHED_AT_ONCE)
    while block and marker not in block:
        following = stream.read(_SEARCHED_AT_ONCE)
        # The marker may lie across two blocks.
        block = following and block[1 - len(marker) :] + following
    stream.seek(start)
    return bool(block)


def _register_heic():
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise UnreadableImage("reading HEIC needs pillow-heif: pip install 'cshml_tf[heic]'") from None
    register_heif_opener()


def _decode(image: ImageFile.ImageFile, stream: BinaryIO) -> tuple[np.ndarray, int]:
    """Decode an opened image to (H, W, 3) uint8 RGB, and return the EXIF orientation that is left to apply."""
    if isinstance(stream, io.BytesIO):
        # OpenCV decodes a plain JPEG to the same values in two thirds of Pillow's time.
        if image.format == "JPEG" and image.mode in ("L", "RGB"):
            return _by_opencv(stream, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, "JPEG"), orientation_of(
                image
            )
        # Also the same values; Pillow would need 16 bytes per pixel.
        if image.format == "WEBP":
            return _by_opencv(stream, cv2.IMREAD_UNCHANGED, "WebP"), orientation_of(image)
    if image.format == "BMP":
        mend_grey_table(image, stream)
    if is_deep(image):
        return decode_deep(image, stream)
    if image.mode in ("I", "F"):
        raise UnreadableImage("expected 8 or 16 bits per channel, got 32")
    if image.mode == "LAB":
        raise UnreadableImage("expected grey, RGB or CMYK, got Lab colours")
    return to_rgb(image)


def _by_opencv(stream, flags, name):
    pixels = cv2.imdecode(np.frombuffer(stream.getbuffer(), np.uint8), flags)
    if pixels is None:
        raise UnreadableImage(f"the {name} file is cut short or damaged: it cannot be decoded")
    return from_bgr(pixels) if pixels.shape[2] == 3 else from_bgra(pixels)
