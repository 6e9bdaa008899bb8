"""Which image formats are read, how a file's first bytes tell its format, and the limits on size."""

# Supported suffixes, in order of preference: aligned faces are PNG, most photographs JPEG.
READ_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif", ".gif"),
    *(".jpe", ".jfif"),
)
# Unsupported formats are listed too, so that a run reports these files instead of ignoring them.
IMAGE_SUFFIXES = frozenset((*READ_SUFFIXES, ".jp2", ".jxl", ".ppm", ".pgm"))
# The longest side that OpenCV's warps accept, in pixels.
LONGEST_SIDE = 32766
# A phone's largest photograph has 200 million pixels.
MAX_PIXELS = 2**29
# The first bytes that `format_of` needs.
HEAD_BYTES = 64

_FORMATS = {
    b"\xff\xd8": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF8": "GIF",
}
_UNREAD_FORMATS = {
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"P5": "PGM",
    b"P6": "PPM",
    b"%PDF": "PDF",
}
_HEIC_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1")
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
# How the major brands of MP4, QuickTime, M4V and 3GP files begin.
_VIDEO_BRANDS = (b"isom", b"iso", b"mp4", b"qt", b"M4", b"3g", b"avc", b"f4v", b"F4V", b"dash", b"MSNV", b"mmp4")
# The boxes with which QuickTime files from before these brands begin.
_VIDEO_BOXES = (b"moov", b"mdat", b"wide", b"skip", b"pnot")
_NONE_OF_OURS = "not a JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF or HEIC image"


class UnreadableImage(ValueError):
    """A file contains no picture that can be trusted; the message is the reason, without the path."""


class ImageTooLarge(UnreadableImage):
    """A picture has more pixels than the limit, or a side that is too long."""


def format_of(head: bytes) -> str:
    """Return the name of a file's format by its first bytes; Pillow would also try formats that we do not read.

    Args:
        head: the first `HEAD_BYTES` bytes of the file, or all of a shorter one.

    Raises:
        UnreadableImage: the file is empty, or is not an image of a format that is read.
    """
    if not head:
        raise UnreadableImage("the file is empty")
    for signature, name in _FORMATS.items():
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        name = _format_by_brands(head)
        if name:
            return name
    if head[4:8] in _VIDEO_BOXES or head[:4] == b"\x1aE\xdf\xa3" or (head[:4], head[8:12]) == (b"RIFF", b"AVI "):
        raise UnreadableImage(f"a video, {_NONE_OF_OURS}")
    for signature, name in _UNREAD_FORMATS.items():
        if head.startswith(signature):
            raise UnreadableImage(f"{name} is not supported: convert it to PNG or JPEG")
    raise UnreadableImage(_NONE_OF_OURS)


def _format_by_brands(head):
    """Tell apart the formats that share a container with video; None for an unknown one."""
    if head[8:12].startswith(_VIDEO_BRANDS):
        raise UnreadableImage(f"a video, {_NONE_OF_OURS}")
    end = min(int.from_bytes(head[:4], "big"), len(head))
    # The four bytes after the major brand are its version.
    brands = {head[start : start + 4] for start in (8, *range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else None
