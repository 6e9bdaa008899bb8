"""Compare faces of any width: find each face, embed it with the network that suits its width, score, decide.

The width of a face is the width of its crop in pixels of the original picture, before any resizing. In a
photograph, it is the width of the part covered by the aligned crop (about 1.2 times the detector's box), so that a
width means the same as a resolution does in training. For a picture that is already a crop, it is the picture's
own width.

A face in a photograph is aligned to the networks' input size with bilinear interpolation. A picture that is
already a crop is resized by the network itself, with bicubic interpolation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.alignment.crops import align_image
from cshml_tf.alignment.detector import SMALLEST_FACE, Detector, Face
from cshml_tf.alignment.geometry import similarity, template
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.report import read_threshold
from cshml_tf.evaluation.served_images import embed_served
from cshml_tf.evaluation.serving import ServingNetworks


@dataclass(frozen=True)
class FoundFace:
    """The face by which a picture is compared.

    Attributes:
        pixels: (H, W, 3) uint8 RGB: the aligned crop, or the whole picture treated as a crop.
        width: width of the crop, in pixels of the picture.
        face: the detected face, in pixels of the picture; None if none was found or searched for.
        note: what the user should know about how the face was found; empty if there was nothing unusual.
    """

    pixels: np.ndarray
    width: float
    face: Face | None = None
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """The verdict on one pair of faces.

    Attributes:
        first: index of one face.
        second: index of the other, greater than `first`.
        kind: "HR", "12 HL" (one face embedded by the LR network for 12), "12 LL", or "8 LL, 12 LL".
        score: cosine similarity, -1..1.
        threshold: the lowest score that counts as the same person.
        same: whether the score reaches the threshold.
    """

    first: int
    second: int
    kind: str
    score: float
    threshold: float
    same: bool


def find_face(image: np.ndarray, image_size: tuple[int, int], detector: Detector | None = None) -> FoundFace:
    """Find the face by which a picture is compared.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: (height, width) of the networks' input, pixels.
        detector: the face detector; None if the picture is already a crop.

    Returns:
        A `FoundFace`. Of several faces, FaceNet's rule chooses a large and central one. The whole picture counts
        as the face if none is found, or if the picture is too small for the detector.
    """
    if detector is None:
        return FoundFace(image, image.shape[1])
    if min(image.shape[:2]) < SMALLEST_FACE:
        note = f"smaller than the {SMALLEST_FACE} pixels that the detector needs: treated as a crop"
        return FoundFace(image, image.shape[1], note=note)
    alignment = align_image(image, detector, image_size)
    aligned = alignment.faces[0] if alignment.faces else None
    if aligned is None or aligned.face is None:
        return FoundFace(image, image.shape[1], note="no face found: the whole picture is treated as a crop")
    several = alignment.detected > 1
    note = f"{alignment.detected} faces found: the largest, most central one is used" if several else ""
    return FoundFace(aligned.crop, _width_of_crop(aligned.face, image_size), aligned.face, note)


def embed_faces(
    faces: Sequence[FoundFace], networks: ServingNetworks
) -> tuple[np.ndarray, list[Resolution | None]]:
    """Embed each face with the network that suits its width.

    Args:
        faces: list of `FoundFace`.
        networks: the HR network and the LR networks.

    Returns:
        (embeddings, resolutions): (faces, E) float32, each of unit length; and for each face the resolution of
        the LR network that embedded it, None for the HR network.
    """
    pictures = ((face.pixels, face.width) for face in faces)
    embedded = embed_served(pictures, len(faces), networks)
    return embedded.served, embedded.resolutions


def score_matrix(embeddings: ArrayLike) -> np.ndarray:
    """Score every pair of faces: (faces, E) of unit length to (faces, faces) float64 cosine similarities."""
    rows = np.asarray(embeddings, np.float64)
    return np.clip(rows @ rows.T, -1.0, 1.0)


def pair_kind(first: Resolution | None, second: Resolution | None) -> list[tuple[str | None, str]]:
    """Return the kind of a comparison as reports name it.

    Args:
        first: resolution of the LR network that embedded one face, or None for the HR network.
        second: the same for the other face.

    Returns:
        A list of (resolution, mode) whose thresholds apply, such as [("12", "HL")]. The resolution for "HR" is
        None. If two LR networks are involved, both resolutions are listed.
    """
    low = [format_resolution(resolution) for resolution in (first, second) if resolution is not None]
    if not low:
        return [(None, "HR")]
    mode = "HL" if len(low) == 1 else "LL"
    return [(resolution, mode) for resolution in dict.fromkeys(low)]


def threshold_for(
    report: dict[str, Any], first: Resolution | None, second: Resolution | None, far: float = 1e-3
) -> float:
    """Look up the threshold for a pair of faces, the stricter one if two LR networks are involved.

    Args:
        report: an LFW report read from JSON.
        first: resolution of the LR network that embedded one face, or None for the HR network.
        second: the same for the other face.
        far: false accept rate, one for which the report has thresholds.

    Returns:
        float: the pair shows one person if its cosine similarity is at or above this.

    Raises:
        ValueError: the report has no such threshold.
    """
    kinds = pair_kind(first, second)
    return max(read_threshold(report, mode, resolution, far) for resolution, mode in kinds)


def decide(
    scores: np.ndarray,
    resolutions: Sequence[Resolution | None],
    threshold: Callable[[Resolution | None, Resolution | None], float],
) -> list[Decision]:
    """Decide for every pair of faces whether they show the same person.

    Args:
        scores: (faces, faces) cosine similarities.
        resolutions: for each face the resolution of the LR network that embedded it, or None for the HR network.
        threshold: function of two such resolutions that returns the threshold for their pair.

    Returns:
        One `Decision` per pair, in the order of the upper triangle of `scores`, row by row.
    """
    decisions = []
    for first, second in zip(*np.triu_indices(len(resolutions), 1), strict=True):
        pair = resolutions[int(first)], resolutions[int(second)]
        kind = ", ".join(" ".join(filter(None, part)) for part in pair_kind(*pair))
        score, least = float(scores[first, second]), float(threshold(*pair))
        decisions.append(Decision(int(first), int(second), kind, score, least, score >= least))
    return decisions


def _width_of_crop(face: Face, image_size: tuple[int, int]) -> float:
    """Return the width, in pixels of the picture, of the part covered by the aligned crop."""
    matrix = similarity(face.landmarks, template(image_size))
    return image_size[1] / math.hypot(matrix[0, 0], matrix[1, 0])
