"""Figures of a face that may say how far to trust its embedding."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from cshml_tf.images import check_pixels


@dataclass(frozen=True)
class Quality:
    """The figures of one face.

    Attributes:
        width: width of the crop in pixels of the photograph.
        detector_score: 0..1; None for a crop in which no face was searched for.
        sharpness: variance of the Laplacian of the crop's grey levels, 0 or more.
        mirror_distance: distance between the unit embeddings of the face and of its mirror image, 0..2.
    """

    width: float
    detector_score: float | None
    sharpness: float
    mirror_distance: float


def quality_of(raw: np.ndarray) -> np.ndarray:
    """Return the quality of faces by which they are rejected: the length of the embedding before normalisation.

    A network whose loss compares directions is free to make the embeddings of faces it is unsure of shorter.

    Args:
        raw: (faces, E), not normalised.

    Returns:
        (faces,) float64, 0 or more, higher is better; the scale is the network's own.
    """
    return np.linalg.norm(raw.astype(np.float64), axis=1)


def sharpness_of(pixels: np.ndarray) -> float:
    """Return the variance of the Laplacian of a face's grey levels: little for a blurred face.

    Args:
        pixels: (H, W, 3) uint8 RGB.

    Raises:
        ValueError: `pixels` has the wrong shape or type.
    """
    check_pixels(pixels)
    return float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def mirror_distances(
    embed: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, embeddings: np.ndarray
) -> np.ndarray:
    """Return how far each face's embedding is from that of its mirror image.

    Args:
        embed: function of (faces, H, W, 3) pixels that returns (faces, E) of unit length.
        pixels: (faces, H, W, 3).
        embeddings: (faces, E), what `embed` returned for them.

    Returns:
        (faces,) float64, 0..2.
    """
    mirrored = embed(pixels[:, :, ::-1])
    return np.linalg.norm(embeddings.astype(np.float64) - mirrored, axis=1)
