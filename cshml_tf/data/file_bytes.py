"""Read numbers from the bytes of an image file inside a TensorFlow graph, and the EXIF orientation among them."""

# pyright: reportOperatorIssue=false, reportArgumentType=false
# TensorFlow's annotations lack some operators of tensors, and the ellipsis in their slices.

from collections.abc import Callable

import tensorflow as tf

_ORIENTATION = 0x0112
# The types of EXIF values that are whole numbers, by their bytes: with and without sign, and references.
_WHOLE_NUMBERS = {1: (6,), 2: (3, 8), 4: (4, 9, 13)}
_TURNS = "[2-8]"


def byte(codes: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Return the bytes at some places; 0 beyond the end of the file.

    Args:
        codes: (bytes,) uint8, the file.
        at: int32 of any shape.

    Returns:
        int32 of the shape of `at`.
    """
    last = tf.size(codes) - 1
    inside = (at >= 0) & (at <= last)
    return tf.where(inside, tf.cast(tf.gather(codes, tf.clip_by_value(at, 0, last)), tf.int32), 0)


def number(codes: tf.Tensor, at: tf.Tensor, length: int, little: bool | tf.Tensor = False) -> tf.Tensor:
    """Return whole numbers of 2 to 4 bytes; those of 4 bytes above 2**31 are negative.

    Args:
        codes: (bytes,) uint8, the file.
        at: int32 of any shape, the place of the first byte.
        length: bytes per number.
        little: whether the lowest byte comes first.

    Returns:
        int32 of the shape of `at`.
    """
    places = tf.range(length)
    digits = byte(codes, at[..., None] + places)
    # The place of each byte in the number, from the lowest.
    powers = tf.where(little, places, length - 1 - places)
    return tf.reduce_sum(tf.bitwise.left_shift(digits, 8 * powers), axis=-1)


def starts_of_parts(
    codes: tf.Tensor,
    start: int,
    length_of: Callable[[tf.Tensor], tf.Tensor],
    is_last: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Walk through a file that consists of parts, each of which states its length.

    Args:
        codes: (bytes,) uint8, the file.
        start: place of the first part.
        length_of: function of a part's place that returns its length.
        is_last: function of a part's place that returns whether it is the last to be visited.

    Returns:
        (parts,) int32, the place of each part, in order; empty if there are none.
    """

    def more(at: tf.Tensor, found: tf.TensorArray) -> tf.Tensor:
        return (at >= 0) & (at < tf.size(codes))

    def step(at: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        length = tf.clip_by_value(length_of(at), 1, tf.size(codes))
        return tf.where(is_last(at), -1, at + length), found.write(found.size(), at)

    found = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=())
    return tf.while_loop(more, step, (tf.constant(start), found))[1].stack()


def holds(codes: tf.Tensor, at: tf.Tensor, expected: bytes) -> tf.Tensor:
    """Return whether some bytes stand at each of some places: bool of the shape of `at`."""
    return tf.reduce_all(
        byte(codes, at[..., None] + tf.range(len(expected))) == tf.constant(list(expected)), axis=-1
    )


def first_of(places: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Return the first place for which a condition holds: scalar int32, -1 if there is none."""
    return tf.concat([tf.boolean_mask(places, wanted), [-1]], axis=0)[0]


def orientation_at(codes: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """Return the orientation in the EXIF table at a place: scalar int32, 1..8; 0 if the table has none.

    An orientation that the standard does not know counts as 1.

    Args:
        codes: (bytes,) uint8, the file.
        at: scalar int32, the place of the table; -1 for none.
    """
    return tf.cond(at >= 0, lambda: _orientation(codes, at), lambda: tf.constant(0))


def turned_by_xmp(header: tf.Tensor) -> tf.Tensor:
    """Return whether XMP text in a scalar string turns the picture: scalar bool."""
    return tf.strings.regex_full_match(header, rf"(?s)\C*tiff:Orientation(=\"|>){_TURNS}\C*")


def turn_upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn and mirror (H, W, 3) pixels as a viewer does for an EXIF orientation of 1..8."""
    across = tf.reverse(pixels, [1])
    turns = [
        lambda: pixels,
        lambda: across,
        lambda: tf.reverse(pixels, [0, 1]),
        lambda: tf.reverse(pixels, [0]),
        lambda: tf.transpose(pixels, (1, 0, 2)),
        lambda: tf.reverse(tf.transpose(pixels, (1, 0, 2)), [1]),
        lambda: tf.reverse(tf.transpose(pixels, (1, 0, 2)), [0, 1]),
        lambda: tf.reverse(tf.transpose(pixels, (1, 0, 2)), [0]),
    ]
    return tf.switch_case(orientation - 1, turns)


def _orientation(codes: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    little = holds(codes, at, b"II")
    known = little | holds(codes, at, b"MM")
    table = at + number(codes, at + 4, 4, little)
    entries = table + 2 + 12 * tf.range(number(codes, table, 2, little))
    entry = first_of(entries, number(codes, entries, 2, little) == _ORIENTATION)
    kind, count = number(codes, entry + 2, 2, little), number(codes, entry + 4, 4, little)
    value, valid = tf.constant(0), tf.constant(False)
    for length, kinds in _WHOLE_NUMBERS.items():
        is_one = tf.reduce_any(kind == tf.constant(kinds))
        value = tf.where(is_one, number(codes, entry + 8, length, little), value)
        # More values would stand elsewhere; of several, the first counts.
        valid = valid | (is_one & (count >= 1) & (count <= 4 // length))
    valid = valid & (value >= 1) & (value <= 8)
    return tf.where(known & (entry >= 0), tf.where(valid, value, 1), 0)
