"""Reading photographs as people have them into upright RGB pixels, and writing pixels safely."""

import os
import struct
import uuid
from pathlib import Path

import cv2
import numpy as np

# What a folder of photographs may hold. The last line cannot all be read; the files are listed all
# the same, so that a run reports them instead of leaving them out unseen.
IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .bmp .webp .tif .tiff .gif .heic .heif .avif .jp2 .jxl .ppm .pgm".split()
)
PARTIAL_PREFIX = ".partial-"

_UNREAD_FORMATS = {
    b"GIF8": "GIF",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"P5": "PGM",
    b"P6": "PPM",
    b"%PDF": "PDF",
}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION_TAG = 0x0112


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
    _check_content(data)
    may_have_alpha = not data.startswith((b"\xff\xd8", b"BM"))
    return _decode(np.frombuffer(data, np.uint8), may_have_alpha, _alpha_orientation(data))


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
    partial = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        partial.write_bytes(encoded.tobytes())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def list_images(folder):
    """Find the image files below a folder by suffix, in any letter case.

    Hidden files and folders (names that begin with a dot) are left out; links to folders are followed.

    Returns:
        Sorted list of paths relative to `folder`.
    """
    folder = Path(folder)
    found, visited = [], set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:  # a link that leads back up
            folders.clear()
            continue
        visited.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name).relative_to(folder)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES
        ]
    return sorted(found, key=lambda path: path.as_posix())


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
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data.startswith(_PNG_SIGNATURE):
        _check_png(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _check_webp(data)
    elif not data.startswith((b"BM", b"II*\0", b"MM\0*")):
        raise UnreadableImage("not a JPEG, PNG, BMP, WebP or TIFF image")


def _check_jpeg(data):
    """The end marker must follow the scan; an embedded thumbnail's own end marker does not count."""
    position = 2
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == 0xFFDA:
            if data.find(b"\xff\xd9", position) >= 0:
                return
            break
        position += 1 if marker == 0xFFFF else 2 + length  # 0xFF may be repeated as filling
    raise UnreadableImage("the JPEG file is cut short: no end marker")


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


def _decode(data, may_have_alpha, alpha_orientation):
    try:
        # Only the colour mode applies the EXIF orientation and reduces 16 bits to 8; it drops alpha.
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if may_have_alpha else None
        has_alpha = pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 4
        if not has_alpha:
            pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError) as error:
        reason = getattr(error, "err", None) or type(error).__name__
        raise UnreadableImage(f"cannot be decoded: {reason}") from None
    if pixels is None:
        raise UnreadableImage("cannot be decoded: damaged, cut short or of an unknown kind")
    if has_alpha:
        pixels = _turn_upright(_over_white(pixels), alpha_orientation)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _over_white(pixels):
    """(H, W, 4) of 8 or 16 bits to (H, W, 3) uint8."""
    white = np.float32(np.iinfo(pixels.dtype).max)
    alpha = pixels[..., 3:].astype(np.float32) / white
    colour = pixels[..., :3].astype(np.float32) * (255 / white)
    return np.rint(colour * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _alpha_orientation(data):
    """EXIF orientation 1..8 of a PNG or WebP file; the decoder ignores it where there is alpha."""
    if data.startswith(_PNG_SIGNATURE):
        start = data.find(b"eXIf") + 4
    elif data[:4] == b"RIFF":
        start = data.find(b"EXIF") + 8
    else:  # JPEG has no alpha, and libtiff turns TIFF itself
        return 1
    exif = data[start:].removeprefix(b"Exif\0\0") if start >= 8 else b""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (table,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, table)
        for entry in range(entries):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, table + 2 + 12 * entry)
            if tag == _ORIENTATION_TAG and 1 <= value <= 8:
                return value
    except struct.error:  # a damaged tag says nothing about the picture
        pass
    return 1


def _turn_upright(pixels, orientation):
    """Undo the EXIF orientation: 5 to 8 are stored transposed, the rest mirrored or not."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
