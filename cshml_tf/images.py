"""Read photographs in any common format into upright RGB pixels, and write images safely."""

import io
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, features

from cshml_tf.files import replacing

# Supported suffixes, in order of preference: aligned faces are PNG, most photographs JPEG.
READ_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif", ".gif"),
    *(".jpe", ".jfif"),
)
# Unsupported formats are listed too, so that a run reports these files instead of ignoring them.
IMAGE_SUFFIXES = frozenset((*READ_SUFFIXES, ".jp2", ".jxl", ".ppm", ".pgm"))
# The longest side that OpenCV's warps accept, in pixels.
LONGEST_SIDE = 32766
# Pillow refuses images with more than twice this many pixels. Its own default is below the 200 million of a
# phone's largest photograph.
Image.MAX_IMAGE_PIXELS = 2**28

_FORMATS = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF8": "GIF",
}
_END_MARKERS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_UNREAD_FORMATS = {
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"P5": "PGM",
    b"P6": "PPM",
    b"%PDF": "PDF",
}
# In other formats, further frames are other pictures, not motion: the first frame is the photograph.
_ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")


class UnreadableImage(ValueError):
    """A file contains no picture that can be trusted; the message is the reason, without the path."""


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC, whatever the file's suffix claims.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; the EXIF orientation is applied; transparent areas
    become white. HEIC needs the package pillow-heif (the extra `heic`).

    Args:
        path: the file; any name that the file system allows.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        UnreadableImage: the file is empty, not a picture, cut short, animated or too large, or cannot be
            opened; the message says which.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImage(f"cannot open: {error.strerror}") from None
    return decode_image(data)


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
        raise ValueError(f"{path}: {error}") from error


def decode_image(data: bytes) -> np.ndarray:
    """Decode the content of an image file as `read_image` does.

    Args:
        data: the whole content of the file.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        UnreadableImage: it is empty, not a picture, cut short, animated or too large; the message says which.
    """
    name = _format_of(data)
    try:
        image = _open(data, name)
        # OpenCV decodes a plain JPEG to the same values in two thirds of Pillow's time.
        plain = image.format == "JPEG" and image.mode in ("L", "RGB")
        return _decode_plain(data) if plain else _decode(image, data)
    except UnreadableImage:
        raise
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise UnreadableImage(f"the {name} file has more pixels than the limit of {limit}") from None
    except MemoryError:
        raise UnreadableImage(f"the {name} file cannot be decoded: out of memory") from None
    except Exception:  # damaged files make the decoders raise errors of nearly every type
        raise UnreadableImage(f"the {name} file is cut short or damaged: it cannot be decoded") from None


def write_image(path: str | os.PathLike[str], pixels: np.ndarray) -> None:
    """Write an image file that appears whole or not at all.

    Args:
        path: the file to write; the suffix chooses the format. Its folder must exist.
        pixels: (H, W, 3) uint8 RGB.

    Raises:
        ValueError: `pixels` has the wrong shape or type.
        OSError: the file cannot be written.
    """
    path = Path(path)
    check_pixels(pixels)
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
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
    """Return the folders above `parent`, up to `folder`."""
    parts = Path(parent).relative_to(folder).parts
    return [folder.joinpath(*parts[:depth]) for depth in range(len(parts))]


def check_pixels(pixels: Any, name: str = "pixels") -> None:
    """Check for a non-empty (H, W, 3) uint8 array.

    Args:
        pixels: what to check.
        name: its name in the error message.

    Raises:
        ValueError: wrong type, shape or dtype.
    """
    if not isinstance(pixels, np.ndarray):
        raise ValueError(f"{name}: expected an (H, W, 3) uint8 array, got {type(pixels).__name__}")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"{name}: expected an (H, W, 3) uint8 array, got {pixels.shape} {pixels.dtype}")


def _format_of(data):
    """Return the name of the format, by the first bytes; Pillow would also try formats that we do not read."""
    if not data:
        raise UnreadableImage("the file is empty")
    for signature, name in _FORMATS.items():
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        brands = data[8:64]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in brands for brand in (b"hei", b"hev", b"mif1", b"msf1")):
            return "HEIC"
    for signature, name in _UNREAD_FORMATS.items():
        if data.startswith(signature):
            raise UnreadableImage(f"{name} is not supported: convert it to PNG or JPEG")
    raise UnreadableImage("not a JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC image")


def _open(data, name):
    """Open without decoding, and refuse a file that its header shows to be unfit."""
    if name == "HEIC":
        _register_heic()
    if name == "AVIF" and not features.check("avif"):
        raise UnreadableImage("this build of Pillow does not support AVIF: convert it to PNG or JPEG")
    stream = io.BytesIO(data)
    image = Image.open(stream, formats=("HEIF" if name == "HEIC" else name,))
    width, height = image.size
    if max(image.size) > LONGEST_SIDE:
        raise UnreadableImage(f"{width} x {height}: a side is longer than {LONGEST_SIDE} pixels")
    if image.format in _ANIMATED_FORMATS and getattr(image, "is_animated", False):
        raise UnreadableImage(f"an animated {name}: expected one picture")
    # The decoders accept a file that lacks its end. Pillow stops reading after a JPEG's headers, and thus after
    # any thumbnail with an end marker of its own: the search starts there.
    if name in _END_MARKERS and data.find(_END_MARKERS[name], stream.tell()) < 0:
        raise UnreadableImage(f"the {name} file is cut short: no end marker")
    return image


def _register_heic():
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise UnreadableImage("reading HEIC needs pillow-heif: pip install 'cshml_tf[heic]'") from None
    register_heif_opener()


def _decode_plain(data):
    # In this mode OpenCV applies the EXIF orientation too.
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise UnreadableImage("the JPEG file is cut short or damaged: it cannot be decoded")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode(image, data):
    """Decode an opened image to upright (H, W, 3) uint8 RGB."""
    deep = image.format in ("PNG", "TIFF") and any(";16" in str(tile[3]) for tile in image.tile)
    image.load()
    if deep:
        pixels = _decode_deep(data)
    elif image.mode in ("I", "F"):
        raise UnreadableImage("expected 8 or 16 bits per channel, got 32")
    elif image.has_transparency_data:
        pixels = _over_white(np.asarray(image.convert("RGBA")))
    else:
        pixels = np.array(image.convert("RGB"))
    orientation = _orientation(image)
    return pixels if orientation == 1 else _turn_upright(pixels, orientation)


def _decode_deep(data):
    """Decode 16 bits per channel, which Pillow would truncate to 8 without rounding."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    pixels = np.rint(np.atleast_3d(pixels) / np.float32(257)).astype(np.uint8)
    if pixels.shape[2] == 1:
        return pixels.repeat(3, axis=2)
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return _over_white(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA))


def _over_white(pixels):
    """Lay (H, W, 4) uint8 RGBA over white: (H, W, 3) uint8 RGB."""
    opacity = pixels[..., 3:] / np.float32(255)
    return np.rint(pixels[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)


def _orientation(image):
    """Return the EXIF orientation that decoding has left to apply: TIFF and HEIC come upright."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged table says nothing about the picture
        return 1


def _turn_upright(pixels, orientation):
    # A new image carries only this tag, because Pillow rewrites the others and fails on damaged ones.
    image = Image.fromarray(pixels)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return np.array(ImageOps.exif_transpose(image))
