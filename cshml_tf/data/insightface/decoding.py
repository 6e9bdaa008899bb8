"""Decode faces to pixels, and crop them to the width of a narrower network."""

from collections.abc import Sequence

import numpy as np

from cshml_tf.images import UnreadableImage, decode_image


def decode_face(data: bytes, name: str, image_size: Sequence[int] | None = None) -> np.ndarray:
    """Decode an image file held in memory.

    Args:
        data: a JPEG, PNG, BMP or WebP file.
        name: name of the image in error messages.
        image_size: (height, width) of the central part to keep; None keeps the whole image. For InsightFace's
            112 x 112 faces, (112, 96) yields the same crop as alignment to the 112 x 96 template.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the image cannot be decoded, is truncated, or is smaller than `image_size`.
    """
    try:
        pixels = decode_image(data)
    except UnreadableImage as error:
        raise ValueError(f"{name}: expected an encoded image, got {len(data)} bytes: {error}") from error
    if image_size is None:
        return pixels
    height, width = image_size
    return _middle(pixels, name, height, width)


def decode_for_network(data: bytes, name: str, image_size: Sequence[int] | None) -> np.ndarray:
    """Decode a face for a network, and crop the sides of a face that is wider than the network's input.

    Args:
        data: as for `decode_face`.
        name: as for `decode_face`.
        image_size: (height, width) of the network's input; None keeps the whole face.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: as `decode_face`; also if the face has another height, or is narrower. The middle of a taller
            face would show less of it than the network was trained on.
    """
    pixels = decode_face(data, name)
    if image_size is None:
        return pixels
    height, width = image_size
    if pixels.shape[0] != height or pixels.shape[1] < width:
        raise ValueError(
            f"{name}: expected a face {height} high, like the network's input, and at least {width} wide, "
            f"got {pixels.shape[0]} x {pixels.shape[1]}"
        )
    return _middle(pixels, name, height, width)


def _middle(pixels: np.ndarray, name: str, height: int, width: int) -> np.ndarray:
    full_height, full_width, _ = pixels.shape
    if full_height < height or full_width < width:
        raise ValueError(
            f"{name}: expected an image of at least {height} x {width}, got {full_height} x {full_width}"
        )
    top, left = (full_height - height) // 2, (full_width - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])
