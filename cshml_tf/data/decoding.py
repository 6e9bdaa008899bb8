"""Decode image files inside a TensorFlow graph, to the pixels that `cshml_tf.images.read_image` returns.

A file either has exactly those pixels here too, or is refused with an InvalidArgumentError:

- JPEG: grey, RGB and CMYK, baseline and progressive, turned upright by EXIF. Decoders may round the cosine
  transform differently, though the tested versions agree on every pixel.
- PNG: every depth and colour type, interlaced or not, over white where transparent, turned upright by EXIF.
- BMP: 1, 4, 8, 16, 24 and 32 bits, with and without opacity.

Refused: compressed BMP, PNG animations, orientations that only XMP or ImageMagick's profiles state, pictures of
more than `MAX_PIXELS` pixels, and all other formats.
"""

# pyright: reportOperatorIssue=false, reportArgumentType=false
# TensorFlow's annotations lack some operators of tensors, and the ellipsis in their slices.

import tensorflow as tf

from cshml_tf.data.bitmaps import decode_bitmap, read_bitmap_header
from cshml_tf.data.file_bytes import (
    byte,
    first_of,
    holds,
    number,
    orientation_at,
    starts_of_parts,
    turn_upright,
    turned_by_xmp,
)
from cshml_tf.data.refusals import refuse_unless
from cshml_tf.images import LONGEST_SIDE

# Aligned faces are far smaller; larger photographs would need much memory in a server.
MAX_PIXELS = 2**24
_FORMATS = {b"\xff\xd8": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP"}
_OTHER_FORMATS = {b"GIF8": "GIF", b"RIFF": "WebP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_START_OF_SCAN, _END, _APP1, _APP14 = 0xDA, 0xD9, 0xE1, 0xEE
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)
_XMP = b"XML:com.adobe.xmp\0"


def decode_image(data: tf.Tensor) -> tf.Tensor:
    """Decode an image file.

    Args:
        data: scalar string, a JPEG, PNG or BMP file.

    Returns:
        (H, W, 3) uint8 RGB, upright; transparent areas are white.

    Raises:
        tf.errors.InvalidArgumentError: (when the graph runs) the file is damaged, or of a kind that is refused.
    """
    data = refuse_unless(tf.strings.length(data) > 0, "a JPEG, PNG or BMP file", data, "an empty one")
    codes = tf.io.decode_raw(data, tf.uint8)
    formats = [holds(codes, tf.constant(0), signature) for signature in _FORMATS]
    other = tf.constant("another one")
    for signature, name in _OTHER_FORMATS.items():
        other = tf.where(holds(codes, tf.constant(0), signature), name, other)
    codes = refuse_unless(
        tf.reduce_any(formats),
        "a JPEG, PNG or BMP file",
        codes,
        tf.strings.join([other, " (Unknown image file format)"]),
    )
    decoders = [lambda: _decode_jpeg(data, codes), lambda: _decode_png(data, codes), lambda: _decode_bmp(codes)]
    chosen = tf.argmax(tf.cast(tf.stack(formats), tf.int32), output_type=tf.int32)
    pixels, orientation = tf.switch_case(chosen, decoders)
    return turn_upright(pixels, orientation)


def _decode_jpeg(data: tf.Tensor, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    def length_of(at: tf.Tensor) -> tf.Tensor:
        # A marker may be preceded by any number of fill bytes.
        whole = (byte(codes, at) == 0xFF) & (byte(codes, at + 1) != 0xFF)
        return tf.where(whole, 2 + number(codes, at + 2, 2), 1)

    def is_last(at: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(byte(codes, at + 1) == tf.constant((_START_OF_SCAN, _END)))

    places = starts_of_parts(codes, 2, length_of, is_last)
    markers = byte(codes, places + 1)
    is_frame = (markers // 16 == 0xC) & tf.reduce_all(markers[:, None] != tf.constant(_NOT_FRAMES), axis=1)
    frame = first_of(places, is_frame)
    height, width = number(codes, frame + 5, 2), number(codes, frame + 7, 2)
    channels = byte(codes, frame + 9)
    exif = first_of(places, (markers == _APP1) & holds(codes, places + 4, b"Exif\0\0"))
    orientation = orientation_at(codes, tf.where(exif >= 0, exif + 10, -1))
    adobe = tf.reduce_any((markers == _APP14) & holds(codes, places + 4, b"Adobe"))
    data = refuse_unless(frame >= 0, "a whole JPEG file", data, "one without a frame")
    data = _checked_size(data, height, width)
    # Without that marker it is unknown whether 0 is no ink or full ink.
    data = refuse_unless((channels != 4) | adobe, "a CMYK JPEG file with an Adobe marker", data, "one without")
    xmp = turned_by_xmp(tf.strings.substr(data, 0, tf.reduce_max(tf.concat([[0], places], axis=0))))
    data = refuse_unless((orientation > 0) | ~xmp, "an orientation in EXIF", data, "one in XMP")
    # By default TensorFlow trades accuracy for speed: up to 5 grey levels on photographs.
    pixels = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    return pixels, tf.maximum(orientation, 1)


def _decode_png(data: tf.Tensor, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    places = starts_of_parts(
        codes, 8, lambda at: number(codes, at, 4) + 12, lambda at: holds(codes, at + 4, b"IEND")
    )

    def are(kind: bytes) -> tf.Tensor:
        return holds(codes, places + 4, kind)

    texts = are(b"tEXt") | are(b"zTXt") | are(b"iTXt")
    profile = tf.reduce_any(texts & holds(codes, places + 8, b"Raw profile type exif\0"))
    xmp = first_of(places, are(b"iTXt") & holds(codes, places + 8, _XMP))
    compressed = (xmp >= 0) & (byte(codes, xmp + 8 + len(_XMP)) != 0)
    text = tf.cond(xmp >= 0, lambda: tf.strings.substr(data, xmp, number(codes, xmp, 4)), lambda: tf.constant(""))
    xmp = compressed | turned_by_xmp(text)
    exif = first_of(places, are(b"eXIf"))
    orientation = orientation_at(codes, tf.where(exif >= 0, exif + 8, -1))
    moving, transparent = tf.reduce_any(are(b"acTL")), tf.reduce_any(are(b"tRNS"))
    data = _checked_size(data, number(codes, tf.constant(20), 4), number(codes, tf.constant(16), 4))
    data = refuse_unless(~moving, "a PNG file of one picture", data, "an animation")
    stated = (orientation > 0) | ~(profile | xmp)
    data = refuse_unless(stated, "an orientation in EXIF", data, "one in XMP or in another profile")
    # Colour types 4 and 6 have opacity. TensorFlow fills in a wrong one for pictures of less than 8 bits.
    transparent = transparent | (byte(codes, tf.constant(25)) >= 4)

    def with_opacity() -> tf.Tensor:
        return tf.cast(tf.io.decode_png(data, channels=4, dtype=tf.uint16), tf.int32)

    def opaque() -> tf.Tensor:
        stored = tf.cast(tf.io.decode_png(data, channels=3, dtype=tf.uint16), tf.int32)
        return tf.pad(stored, [[0, 0], [0, 0], [0, 1]], constant_values=65535)

    # 16 bits are 257 times 8 bits; no value lies midway between two of them.
    stored = (tf.cond(transparent, with_opacity, opaque) + 128) // 257
    return _over_white(stored), tf.maximum(orientation, 1)


def _decode_bmp(codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    bitmap = read_bitmap_header(codes)
    bitmap = _checked_size(bitmap, bitmap.height, bitmap.width)
    return _over_white(decode_bitmap(codes, bitmap)), tf.constant(1)


def _checked_size(passed, height: tf.Tensor, width: tf.Tensor):
    sides = tf.stack([height, width])
    fits = (height <= LONGEST_SIDE) & (width <= LONGEST_SIDE) & (height > 0) & (width > 0)
    # In float32, since a product of 32 bits could overflow.
    few = tf.reduce_prod(tf.cast(sides, tf.float32)) <= MAX_PIXELS
    got = tf.strings.join([tf.strings.as_string(width), " x ", tf.strings.as_string(height)])
    return refuse_unless(fits & few, f"a picture of at most {MAX_PIXELS} pixels", passed, got)


def _over_white(pixels: tf.Tensor) -> tf.Tensor:
    """Lay (H, W, 4) int32 RGBA, 0..255, over white: (H, W, 3) uint8 RGB."""
    pixels = tf.cast(pixels, tf.float32)
    opacity = pixels[..., 3:] / 255.0
    return tf.cast(tf.round(pixels[..., :3] * opacity + 255.0 * (1.0 - opacity)), tf.uint8)
