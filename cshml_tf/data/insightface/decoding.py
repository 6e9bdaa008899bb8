"""Encoded faces to pixels, cut to a network's width where that is narrower."""

import numpy as np

from cshml_tf.images import UnreadableImage, decode_image


def decode_face(data, name, image_size=None):
    """Decode an image file that is in memory.

    Args:
        data: bytes, a JPEG, PNG, BMP or WebP file.
        name: what the image is called in an error.
        image_size: (height, width) to keep of its middle; None keeps it all. Of InsightFace's 112 x 112 faces,
            (112, 96) keeps what the five points of the 112 x 96 template would have cut out.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: it cannot be decoded, is cut short, or is smaller than `image_size`.
    """
    try:
        pixels = decode_image(data)
    except UnreadableImage as error:
        raise ValueError(f"{name}: expected an encoded image, got {len(data)} bytes: {error}") from error
    return pixels if image_size is None else _middle(pixels, name, *image_size)


def decode_for_network(data, name, image_size):
    """Decode a face for a network: as it is where the sizes agree, and without its sides where it is wider.

    Args:
        data: as `decode_face`.
        name: likewise.
        image_size: (height, width) of the network; None keeps the face whole.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: as `decode_face`; or the face is of another height, or narrower: the middle of a higher one
            would show less of it than the network was trained on.
    """
    pixels = decode_face(data, name)
    if image_size is None:
        return pixels
    height, width = image_size
    if pixels.shape[0] != height or pixels.shape[1] < width:
        raise ValueError(
            f"{name}: expected a face {height} high, as the network's, and at least {width} wide, "
            f"got {pixels.shape[0]} x {pixels.shape[1]}"
        )
    return _middle(pixels, name, height, width)


def _middle(pixels, name, height, width):
    full_height, full_width, _ = pixels.shape
    if full_height < height or full_width < width:
        raise ValueError(
            f"{name}: expected an image of at least {height} x {width}, got {full_height} x {full_width}"
        )
    top, left = (full_height - height) // 2, (full_width - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])
