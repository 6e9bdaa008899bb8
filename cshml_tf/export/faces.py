"""The faces on which exports are compared and int8 ranges are measured, as the network sees them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.packed.source import is_packed, read_packed
from cshml_tf.data.synthetic import draw_aligned
from cshml_tf.degradation.degrade import degrade
from cshml_tf.images import read_named
from cshml_tf.layers import fit_to_size

_DRAWN = 40


def faces_for(
    folder: str | Path | None, image_size: Sequence[int], card: dict[str, Any], most: int = 200
) -> np.ndarray:
    """Return faces of a network's size, reduced in turn to the resolutions that the network was trained for.

    Args:
        folder: aligned faces, class folders or packed, of which `most` are taken, evenly spaced over the sorted
            names; None draws synthetic faces.
        image_size: (height, width) of the network's input.
        card: the model folder's card, whose "resolutions" and "degradation" are used; may be empty.
        most: the largest number of faces.

    Returns:
        (N, height, width, 3) float32 RGB, whole numbers 0..255.

    Raises:
        ValueError: a face cannot be read, or there is none.
    """
    sharp = _drawn(min(most, _DRAWN)) if folder is None else _some_of(folder, most)
    faces = np.concatenate([np.asarray(fit_to_size(face[None], image_size)) for face in sharp])
    mode, resolutions = card.get("degradation", "antialias"), card.get("resolutions", [])
    for index, sides in enumerate(resolutions):
        resolution = sides if isinstance(sides, int) else tuple(sides)
        chosen = faces[index :: len(resolutions)]
        if len(chosen):
            faces[index :: len(resolutions)] = np.asarray(degrade(chosen, resolution, mode))
    return faces


def _drawn(count: int) -> list[np.ndarray]:
    return [draw_aligned(number, number) for number in range(count)]


def _some_of(folder: str | Path, most: int) -> list[np.ndarray]:
    if is_packed(folder):
        images = read_packed(folder).images
        return [np.asarray(images[index]) for index in _evenly(len(images), most)]
    paths = read_class_folders(folder).paths
    if not len(paths):
        raise ValueError(f"{folder}: expected aligned faces, got none")
    return [read_named(paths[index]) for index in _evenly(len(paths), most)]


def _evenly(count: int, most: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist()
