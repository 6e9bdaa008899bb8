"""Reading photographs as people have them into upright RGB pixels, and writing pixels safely."""

import os
import struct
from pathlib import Path

import cv2
import numpy as np

from cshml_tf.files import replacing

_READ_SUFFIXES = ".jpg .jpeg .jpe .jfif .png .bmp .webp .tif .tiff"
# Listed all the same, so that a run reports these files instead of leaving them out unseen.
_REFUSED_SUFFIXES = ".gif .heic .heif .avif .jp2 .jxl .ppm .pgm"
IMAGE_SUFFIXES = frozenset(f"{_READ_SUFFIXES} {_REFUSED_SUFFIXES}".split())

_UNREAD_FORMATS = {
    b"GIF8": "GIF",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"P5": "PGM",
    b"P6": "PPM",
    b"%PDF": "PDF",
}
_JPEG_SIGNATURE = b"\xff\xd8"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION_TAG = 0x0112
# OpenCV's warps take no longer ones, in pixels.
LONGEST_SIDE = 32766


class UnreadableImage(ValueError):
    """A file holds no picture that can be trusted; the message is the reason, without the path."""


def read_image(path):
    """Read JPEG, PNG, BMP, WebP or TIFF, whatever its name's suffix claims.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; the EXIF orientation is applied; what is
    transparent shows white, as on a page.

    Args:
        path: the file; any name that the file system allows.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UnreadableImage: the file is empty, is no picture, is cut short, is animated, or cannot be
            opened; the message says which.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImage(f"cannot open: {error.strerror}") from None
    return decode_image(data)


def read_named(path):
    """Read an image as `read_image` does, with an error that names the file.

    Raises:
        ValueError: it can't be read; the message is the path and the reason.
    """
    try:
        return read_image(path)
    except UnreadableImage as error:
        raise ValueError(f"{path}: {error}") from error


def decode_image(data):
    """Decode the content of an image file as `read_image` does.

    Args:
        data: bytes.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UnreadableImage: they are none, no picture, cut short or animated; the message says which.
    """
    _check_content(data)
    pixels = _over_white(_eight_bits(_decode(data)))
    return cv2.cvtColor(_turn_upright(pixels, _orientation(data)), cv2.COLOR_BGR2RGB)


def write_image(path, pixels):
    """Write an image so that no half-written file ever carries the name `path`.

    Args:
        path: where to; the suffix chooses the format. Its folder must exist.
        pixels: (H, W, 3) uint8 RGB.

    Raises:
        ValueError: `pixels` are of another kind.
        OSError: the file cannot be written.
    """
    path = Path(path)
    check_pixels(pixels)
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())


def list_images(folder):
    """Find the image files below a folder by suffix, in any letter case.

    Hidden files and folders (names that begin with a dot) are left out; links to folders are followed.

    Returns:
        Sorted list of paths relative to `folder`.
    """
    folder = Path(folder)
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        above = {os.path.realpath(place) for place in (parent, *_between(folder, parent))}
        folders[:] = [
            # A link that leads back up would be followed for ever.
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(parent, name)) not in above
        ]
        found += [
            Path(parent, name).relative_to(folder)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES
        ]
    return sorted(found, key=lambda path: path.as_posix())


def _between(folder, parent):
    """Give the folders above `parent`, up to `folder`."""
    parts = Path(parent).relative_to(folder).parts
    return [folder.joinpath(*parts[:depth]) for depth in range(len(parts))]


def check_pixels(pixels, name="pixels"):
    """Raise ValueError unless `pixels` is an (H, W, 3) uint8 array that is not empty."""
    if not isinstance(pixels, np.ndarray):
        raise ValueError(f"{name}: expected an (H, W, 3) uint8 array, got {type(pixels).__name__}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"{name}: expected an (H, W, 3) uint8 array, got {pixels.shape} {pixels.dtype}")


def _check_content(data):
    """Find by the content itself what the decoder would hide: other formats, cut files, animation."""
    if not data:
        raise UnreadableImage("the file is empty")
    for signature, name in _UNREAD_FORMATS.items():
        if data.startswith(signature):
            raise UnreadableImage(f"{name} is not read: convert it to PNG or JPEG")
    if data[4:8] == b"ftyp":
        raise UnreadableImage("HEIC/AVIF is not read: convert it to PNG or JPEG")
    if data.startswith(_JPEG_SIGNATURE):
        _check_jpeg(data)
    elif data.startswith(_PNG_SIGNATURE):
        _check_png(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _check_webp(data)
    elif not data.startswith((b"BM", b"II*\0", b"MM\0*")):
        raise UnreadableImage("not a JPEG, PNG, BMP, WebP or TIFF image")


def _check_jpeg(data):
    """The end marker must follow the scan; an embedded thumbnail's own end marker does not count."""
    for marker, start, _ in _jpeg_segments(data):
        if marker == 0xDA and data.find(b"\xff\xd9", start) >= 0:
            return
    raise UnreadableImage("the JPEG file is cut short: no end marker")


def _jpeg_segments(data):
    """Yield (marker, start, end) of each segment's content, up to the first scan."""
    position = 2
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">xBH", data, position)
        if marker == 0xFF:  # filling
            position += 1
            continue
        yield marker, position + 4, position + 2 + length
        if marker == 0xDA:
            return
        position += 2 + length


def _check_png(data):
    if b"IEND" not in data:
        raise UnreadableImage("the PNG file is cut short: no end marker")
    if b"acTL" in data[: data.find(b"IDAT")]:
        raise UnreadableImage("an animated PNG: expected one picture")


def _check_webp(data):
    if len(data) < 8 + struct.unpack_from("<I", data, 4)[0]:
        raise UnreadableImage("the WebP file is cut short")
    if data[12:16] == b"VP8X" and data[20] & 0x02:
        raise UnreadableImage("an animated WebP: expected one picture")


def _decode(data):
    """Decode as stored: any depth, 1 to 4 channels, BGR order; only TIFF comes upright."""
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        reason = getattr(error, "err", None) or type(error).__name__
        raise UnreadableImage(f"cannot be decoded: {reason}") from None
    if pixels is None:
        raise UnreadableImage("cannot be decoded: damaged, cut short or of an unknown kind")
    if max(pixels.shape[:2]) > LONGEST_SIDE:
        height, width = pixels.shape[:2]
        raise UnreadableImage(f"{width} x {height}: a side is longer than {LONGEST_SIDE} pixels")
    return np.atleast_3d(pixels)


def _eight_bits(pixels):
    if pixels.dtype == np.uint16:
        return np.rint(pixels / np.float32(257)).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise UnreadableImage(f"expected 8 or 16 bits a channel, got {pixels.dtype}")
    return pixels


def _over_white(pixels):
    """(H, W, 1 to 4) uint8 to (H, W, 3); the last of two or four channels is opacity."""
    channels = pixels.shape[2]
    colour = pixels[..., :1].repeat(3, axis=2) if channels < 3 else pixels[..., :3]
    if channels in (1, 3):
        return colour
    opacity = pixels[..., -1:] / np.float32(255)
    return np.rint(colour * opacity + 255 * (1 - opacity)).astype(np.uint8)


def _orientation(data):
    """The EXIF orientation, 1 to 8, of a JPEG, PNG or WebP file; 1 where none is given."""
    exif = _exif(data)
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (table,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, table)
        for entry in range(entries):
            tag, value = struct.unpack_from(order + "H6xH", exif, table + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG and 1 <= value <= 8:
                return value
    except struct.error:  # a damaged table says nothing about the picture
        pass
    return 1


def _exif(data):
    """The EXIF block, from its byte-order mark on; empty where there is none."""
    block = b""
    if data.startswith(_JPEG_SIGNATURE):
        for marker, start, end in _jpeg_segments(data):
            if marker == 0xE1 and data.startswith(b"Exif\0\0", start):
                block = data[start:end]
                break
    elif data.startswith(_PNG_SIGNATURE) and b"eXIf" in data:
        block = data[data.find(b"eXIf") + 4 :]
    elif data.startswith(b"RIFF") and b"EXIF" in data:
        block = data[data.find(b"EXIF") + 8 :]
    return block.removeprefix(b"Exif\0\0")


def _turn_upright(pixels, orientation):
    """Undo the EXIF orientation: 5 to 8 are stored transposed, the rest mirrored or not."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
