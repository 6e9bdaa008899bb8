"""Check pixels, and write image files that appear whole or not at all."""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cshml_tf.files import replacing


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
    encoded = encode_image(pixels, path.suffix)
    with replacing(path) as partial:
        partial.write_bytes(encoded)


def encode_image(pixels: np.ndarray, suffix: str = ".png") -> bytes:
    """Return the content of an image file.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        suffix: chooses the format.
    """
    return cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


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
