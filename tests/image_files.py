"""Image files of every kind, drawn for tests: one picture in many formats, some of which no library writes."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

Y, X = np.mgrid[:38, :45]
# (38, 45, 3) of smooth colour, no two corners alike; the sides are no multiples of 8.
PICTURE = np.stack([4 * X + 10, 5 * Y + 20, 255 - 2 * X - 2 * Y], axis=-1).astype(np.uint8)
OPACITY = (5 * X + Y).clip(0, 255).astype(np.uint8)
IMAGE = Image.fromarray(PICTURE)
FADING = np.dstack([PICTURE, OPACITY])


def encode(image, file_format, **options):
    """Return an image as a file's bytes, written by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def exif(orientation):
    """Return an EXIF block with one tag, the orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def packed_rows(values, bits):
    """Pack (h, w) integers of 1, 2, 4 or 8 bits into bytes, the first pixel in the highest bits: one per row."""
    spread = np.unpackbits(values.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
    return [row.tobytes() for row in np.packbits(spread.reshape(len(values), -1), axis=1)]


# --- PNG

ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(samples, depth, colour, *chunks, interlaced=False):
    """Return a PNG file.

    Args:
        samples: (h, w, channels) integers, below 2 ** depth.
        depth: bits per sample.
        colour: the colour type: 0 grey, 2 RGB, 3 palette, 4 grey and opacity, 6 RGB and opacity.
        *chunks: further chunks, in front of the pixels.
        interlaced: whether the pixels are stored in seven passes.
    """
    height, width, _ = samples.shape
    passes = [samples[a::b, c::d] for a, b, c, d in ADAM7] if interlaced else [samples]
    data = b""
    for part in passes:
        if part.size:
            if depth == 16:
                rows = [row.astype(">u2").tobytes() for row in part]
            elif depth == 8:
                rows = [row.astype(np.uint8).tobytes() for row in part]
            else:
                rows = packed_rows(part[..., 0], depth)
            data += b"".join(b"\0" + row for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_files():
    """Return PNG files of every depth and colour type, with the pixels that they show where those are exact."""
    files = {}
    grey = PICTURE[..., :1].astype(int)
    deep = FADING.astype(int) * 257 - 77 * (FADING > 0)
    palette = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)
    for depth in (1, 2, 4, 8):
        samples = grey >> (8 - depth)
        shown = samples * (255 // (2**depth - 1))
        key = samples[7, 9, 0]
        trns = chunk(b"tRNS", struct.pack(">H", key))
        files[f"png grey {depth}"] = png(samples, depth, 0), shown
        files[f"png grey {depth} interlaced"] = png(samples, depth, 0, interlaced=True), shown
        files[f"png grey {depth} key"] = png(samples, depth, 0, trns), np.where(samples == key, 255, shown)
        colours = palette[: 2**depth]
        table = chunk(b"PLTE", colours.tobytes())
        files[f"png palette {depth}"] = png(samples, depth, 3, table), colours[samples[..., 0]]
        opacity = chunk(b"tRNS", bytes([0, 90][: 2**depth]))
        levels = np.full(2**depth, 255)
        levels[:2] = 0, 90
        rgba = np.dstack([colours[samples[..., 0]], levels[samples[..., 0]]])
        files[f"png palette {depth} transparent"] = png(samples, depth, 3, table, opacity), over_white(rgba)
    files |= {
        "png grey 16": (png(deep[..., :1], 16, 0), eight(deep[..., :1])),
        "png grey 16 key": (
            png(deep[..., :1], 16, 0, chunk(b"tRNS", struct.pack(">H", deep[3, 4, 0]))),
            np.where(deep[..., :1] == deep[3, 4, 0], 255, eight(deep[..., :1])),
        ),
        "png rgb 8": (png(PICTURE, 8, 2), PICTURE),
        "png rgb 8 key": (
            png(PICTURE, 8, 2, chunk(b"tRNS", struct.pack(">3H", *PICTURE[3, 4]))),
            np.where((PICTURE == PICTURE[3, 4]).all(axis=2, keepdims=True), 255, PICTURE),
        ),
        "png rgb 8 gamma": (png(PICTURE, 8, 2, chunk(b"gAMA", struct.pack(">I", 100000))), PICTURE),
        "png rgb 16": (png(deep[..., :3], 16, 2), eight(deep[..., :3])),
        "png rgb 16 key": (
            png(deep[..., :3], 16, 2, chunk(b"tRNS", struct.pack(">3H", *deep[3, 4, :3]))),
            np.where((deep[..., :3] == deep[3, 4, :3]).all(axis=2, keepdims=True), 255, eight(deep[..., :3])),
        ),
        "png grey alpha 8": (png(FADING[..., [0, 3]], 8, 4), over_white(FADING[..., [0, 0, 0, 3]])),
        "png grey alpha 16": (png(deep[..., [0, 3]], 16, 4), over_white(eight(deep[..., [0, 0, 0, 3]]))),
        "png grey alpha 16 interlaced": (
            png(deep[..., [0, 3]], 16, 4, interlaced=True),
            over_white(eight(deep[..., [0, 0, 0, 3]])),
        ),
        "png rgba 8": (png(FADING, 8, 6), over_white(FADING)),
        "png rgba 16": (png(deep, 16, 6), over_white(eight(deep))),
        "png rgba 16 interlaced": (png(deep, 16, 6, interlaced=True), over_white(eight(deep))),
        "png rgb 8 interlaced": (png(PICTURE, 8, 2, interlaced=True), PICTURE),
        "png turned": (encode(IMAGE, "PNG", exif=exif(6)), np.rot90(PICTURE, -1)),
        "png rgba turned": (
            encode(Image.fromarray(FADING), "PNG", exif=exif(5)),
            over_white(FADING).swapaxes(0, 1),
        ),
    }
    return files


# --- the rest


def jpeg_files():
    """Return JPEG files of every kind; the pixels that they show are not exact."""
    cmyk = encode(IMAGE.convert("CMYK"), "JPEG", quality=90)
    ycck = bytearray(cmyk)
    ycck[cmyk.index(b"Adobe") + 11] = 2
    files = {
        "jpeg grey": encode(IMAGE.convert("L"), "JPEG", quality=90),
        "jpeg cmyk": cmyk,
        "jpeg ycck": bytes(ycck),
        "jpeg rgb": encode(IMAGE, "JPEG", quality=90, keep_rgb=True),
        "jpeg progressive": encode(IMAGE, "JPEG", quality=90, progressive=True),
        "jpeg progressive grey": encode(IMAGE.convert("L"), "JPEG", progressive=True),
    }
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        files[f"jpeg {subsampling}"] = encode(IMAGE, "JPEG", quality=90, subsampling=subsampling)
    for orientation in range(1, 9):
        files[f"jpeg turned {orientation}"] = encode(IMAGE, "JPEG", quality=90, exif=exif(orientation))
    return {name: (data, None) for name, data in files.items()}


def other_files():
    """Return WebP, GIF, AVIF and HEIC files; None where the pixels that they show are not exact."""
    faded, palette = Image.fromarray(FADING), IMAGE.quantize(16)
    keyed = np.array(palette.convert("RGB"))
    keyed[np.asarray(palette) == 3] = 255
    return {
        "webp lossy": (encode(IMAGE, "WEBP", quality=90), None),
        "webp lossless": (encode(IMAGE, "WEBP", lossless=True), PICTURE),
        "webp alpha": (encode(faded, "WEBP", lossless=True, exact=True), over_white(FADING)),
        "webp turned": (encode(IMAGE, "WEBP", lossless=True, exif=exif(3)), PICTURE[::-1, ::-1]),
        "gif": (encode(palette, "GIF"), np.asarray(palette.convert("RGB"))),
        "gif transparent": (encode(palette, "GIF", transparency=3), keyed),
        "avif": (encode(IMAGE, "AVIF"), None),
        "avif alpha": (encode(faded, "AVIF"), None),
        "heic": (encode(IMAGE, "HEIF"), None),
    }


def eight(values):
    """Round 16 bits to 8."""
    return np.rint(np.asarray(values) / 257).astype(np.uint8)


def over_white(rgba):
    """Lay (h, w, 4) of 0..255 over white."""
    opacity = rgba[..., 3:] / np.float32(255)
    return np.rint(rgba[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
