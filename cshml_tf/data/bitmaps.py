"""Decode BMP files inside a TensorFlow graph; TensorFlow's own operation reads indices as grey, and few depths."""

# pyright: reportOperatorIssue=false, reportArgumentType=false
# TensorFlow's annotations lack some operators of tensors, and the ellipsis in their slices.

from typing import NamedTuple

import tensorflow as tf

from cshml_tf.data.file_bytes import byte, number
from cshml_tf.data.refusals import refuse_unless

_OS2 = 12
_LONG_HEADERS = (40, 52, 56, 64, 108, 124)
_DEPTHS = (1, 4, 8, 16, 24, 32)
_FIELDS = 3
# Fields of red, green and blue: 5 bits each, 5, 6 and 5 bits, and a byte each in either order.
_FIVE, _SIX = (0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)
_BLUE_FIRST, _RED_FIRST = (0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000)
# The highest byte, as a number with a sign.
_ALPHA = -(2**24)


class Bitmap(NamedTuple):
    """The header of a BMP file: scalar int32 tensors, and (4,) int32 masks of red, green, blue and opacity."""

    width: tf.Tensor
    height: tf.Tensor
    top_down: tf.Tensor
    bits: tf.Tensor
    pixels_at: tf.Tensor
    table_at: tf.Tensor
    entry: tf.Tensor
    colours: tf.Tensor
    masks: tf.Tensor


def read_bitmap_header(codes: tf.Tensor) -> Bitmap:
    """Read the header of a BMP file, and refuse run lengths and unusual layouts.

    Args:
        codes: (bytes,) uint8, the file.

    Raises:
        tf.errors.InvalidArgumentError: (when the graph runs) the file cannot be decoded here.
    """

    def little(at: int, length: int) -> tf.Tensor:
        return number(codes, tf.constant(at), length, True)

    header = little(14, 4)
    old = header == _OS2
    height = tf.where(old, little(20, 2), little(22, 4))
    bits = tf.where(old, little(24, 2), little(28, 2))
    compression = tf.where(old, 0, little(30, 4))
    masks = number(codes, tf.constant([54, 58, 62, 66]), 4, True)
    fields = compression == _FIELDS
    # Headers of 40 and 52 bytes have no mask of opacity: what follows them is something else.
    masks = tf.where(fields & (tf.range(4) < tf.where(header >= 56, 4, 3)), masks, 0)
    most = tf.where(bits <= 8, _power_of_two(tf.clip_by_value(bits, 0, 8)), 0)
    listed = tf.where(old, 0, little(46, 4))
    bitmap = Bitmap(
        width=tf.where(old, little(18, 2), little(18, 4)),
        height=tf.abs(height),
        top_down=~old & (height < 0),
        bits=bits,
        pixels_at=little(10, 4),
        table_at=14 + header + tf.where(fields & (header == 40), 12, 0),
        entry=tf.where(old, 3, 4),
        colours=tf.where((listed > 0) & (listed < most), listed, most),
        masks=masks,
    )
    known = tf.reduce_any(header == tf.constant((_OS2, *_LONG_HEADERS)))
    depth = tf.reduce_any(bits == tf.constant(_DEPTHS))
    plain = (compression == 0) | (fields & _known_fields(bits, masks))
    return refuse_unless(
        known & depth & plain, "a BMP file of 1, 4, 8, 16, 24 or 32 bits without compression", bitmap
    )


def decode_bitmap(codes: tf.Tensor, bitmap: Bitmap) -> tf.Tensor:
    """Decode the pixels of a BMP file.

    Args:
        codes: (bytes,) uint8, the file.
        bitmap: its header.

    Returns:
        (H, W, 4) int32 RGBA, 0..255.
    """
    stride = (bitmap.width * bitmap.bits + 31) // 32 * 4
    end = bitmap.pixels_at + stride * bitmap.height
    codes = refuse_unless(
        (bitmap.pixels_at > 0) & (end <= tf.size(codes)), "a whole BMP file", codes, "one that is cut short"
    )
    rows = tf.reshape(codes[bitmap.pixels_at : end], (bitmap.height, stride))
    rows = tf.cast(tf.cond(bitmap.top_down, lambda: rows, lambda: tf.reverse(rows, [0])), tf.int32)
    return tf.case(
        [
            (bitmap.bits <= 8, lambda: _by_table(codes, bitmap, rows)),
            (tf.equal(bitmap.bits, 16), lambda: _by_fields(bitmap, rows)),
        ],
        lambda: _by_bytes(bitmap, rows),
        exclusive=True,
    )


def _by_table(codes: tf.Tensor, bitmap: Bitmap, rows: tf.Tensor) -> tf.Tensor:
    per_byte = 8 // bitmap.bits
    shifts = 8 - bitmap.bits * (1 + tf.range(per_byte))
    indices = tf.bitwise.right_shift(rows[:, :, None], shifts[None, None, :]) % _power_of_two(bitmap.bits)
    indices = tf.reshape(indices, (bitmap.height, -1))[:, : bitmap.width]
    places = bitmap.table_at + bitmap.entry * tf.range(256)[:, None] + tf.constant([[2, 1, 0]])
    # Entries that the table lacks are black.
    table = tf.where(tf.range(256)[:, None] < bitmap.colours, byte(codes, places), 0)
    return _opaque(tf.gather(table, indices))


def _by_fields(bitmap: Bitmap, rows: tf.Tensor) -> tf.Tensor:
    values = (rows[:, 0::2] + rows[:, 1::2] * 256)[:, : bitmap.width]
    six = bitmap.masks[1] == _SIX[1]
    red = tf.where(six, values // 2048, values // 1024 % 32) * 255 // 31
    green = tf.where(six, values // 32 % 64 * 255 // 63, values // 32 % 32 * 255 // 31)
    return _opaque(tf.stack([red, green, values % 32 * 255 // 31], axis=2))


def _by_bytes(bitmap: Bitmap, rows: tf.Tensor) -> tf.Tensor:
    per_pixel = bitmap.bits // 8
    stored = tf.reshape(rows[:, : bitmap.width * per_pixel], (bitmap.height, bitmap.width, per_pixel))
    red_first = bitmap.masks[0] == _RED_FIRST[0]
    colours = tf.where(red_first, stored[..., :3], stored[..., 2::-1])
    opacity = tf.where(bitmap.masks[3] == _ALPHA, stored[..., -1:], 255)
    return tf.concat([colours, opacity], axis=2)


def _opaque(colours: tf.Tensor) -> tf.Tensor:
    return tf.pad(colours, [[0, 0], [0, 0], [0, 1]], constant_values=255)


def _power_of_two(exponent: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.left_shift(1, exponent)


def _known_fields(bits: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    def among(depth: int, *layouts: tuple[int, ...]) -> tf.Tensor:
        expected = tf.constant(layouts)
        return (bits == depth) & tf.reduce_any(tf.reduce_all(masks[None] == expected, axis=1))

    return among(16, (*_FIVE, 0), (*_SIX, 0)) | among(
        32, (*_BLUE_FIRST, 0), (*_BLUE_FIRST, _ALPHA), (*_RED_FIRST, 0), (*_RED_FIRST, _ALPHA)
    )
