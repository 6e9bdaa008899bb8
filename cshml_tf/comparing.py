"""Compare faces of any width: find each face, embed it with the network that suits its width, score, decide.

The width of a face is the width of its crop in pixels of the original picture, before any resizing. In a
photograph, it is the width of the part covered by the aligned crop (about 1.2 times the detector's box), so that a
width means the same as a resolution does in training. For a picture that is already a crop, it is the picture's
own width.

A face in a photograph is aligned to the networks' input size with bilinear interpolation; one too small for the
detector is searched for in an enlarged copy. A picture that is already a crop is resized by the network itself,
with bicubic interpolation.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.alignment.crops import align_face
from cshml_tf.alignment.detector import Face, FaceDetector
from cshml_tf.alignment.geometry import similarity, template
from cshml_tf.alignment.small_faces import find_faces
from cshml_tf.degradation.degrade import degrade, portrait_mode
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.embedding import check_embeddings, embed_pixels
from cshml_tf.evaluation.report import FUSED, read_threshold
from cshml_tf.evaluation.second_score import default_weight, join_scores
from cshml_tf.evaluation.served_images import embed_served
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.layers import fit_to_size
from cshml_tf.recogniser import image_size_of


@dataclass(frozen=True)
class FoundFace:
    """The face by which a picture is compared.

    Attributes:
        pixels: (H, W, 3) uint8 RGB: the aligned crop, or the whole picture if it is a crop already.
        width: width of the crop, in pixels of the picture.
        face: the detected face, in pixels of the picture; None if none was searched for.
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
        kind: "HR", "12 HL" (one face embedded by the LR network for 12), "12 HL_fused" (the same by the second
            score), "12 LL", or "8 LL, 12 LL".
        score: cosine similarity or second score, -1..1.
        threshold: the lowest score that counts as the same person.
        same: whether the score reaches the threshold.
    """

    first: int
    second: int
    kind: str
    score: float
    threshold: float
    same: bool


def find_face(
    image: np.ndarray, image_size: tuple[int, int], detector: FaceDetector | None = None
) -> FoundFace | None:
    """Find the face by which a picture is compared.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: (height, width) of the networks' input, pixels.
        detector: the face detector; None if the picture is already a crop.

    Returns:
        A `FoundFace`. Of several faces, FaceNet's rule chooses a large and central one. None if no face is found,
        neither in the picture nor in an enlarged copy of it.
    """
    if detector is None:
        return FoundFace(image, image.shape[1])
    faces, enlarged = find_faces(image, detector)
    if not faces:
        return None
    notes = [f"{len(faces)} faces found: the largest, most central one is used"] if len(faces) > 1 else []
    notes += ["found in an enlarged copy of the picture"] if enlarged else []
    face = faces[0]
    crop = align_face(image, face.landmarks, image_size)
    return FoundFace(crop, _width_of_crop(face, image_size), face, "; ".join(notes))


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


def score_faces(
    faces: Sequence[FoundFace | None], networks: ServingNetworks
) -> tuple[np.ndarray, list[Resolution | None]]:
    """Embed the faces that were found, and score every pair of them.

    Args:
        faces: the face of each picture, None where none was found.
        networks: the HR network and the LR networks.

    Returns:
        (scores, resolutions): (faces, faces) float64 cosine similarities, NaN where a picture has no face; and for
        each face the resolution of the LR network that embedded it, None for the HR network and for no face.
    """
    embeddings, resolutions = embed_found(faces, networks)
    return score_matrix(embeddings), resolutions


def embed_found(
    faces: Sequence[FoundFace | None], networks: ServingNetworks
) -> tuple[np.ndarray, list[Resolution | None]]:
    """Embed the faces that were found, as `embed_faces` does; the row of a picture without a face is NaN."""
    found = [index for index, face in enumerate(faces) if face is not None]
    rows = np.full((len(faces), networks.hr.output_shape[-1]), np.nan, np.float32)
    resolutions: list[Resolution | None] = [None] * len(faces)
    if found:
        rows[found], embedded_by = embed_faces([face for face in faces if face is not None], networks)
        for index, resolution in zip(found, embedded_by, strict=True):
            resolutions[index] = resolution
    return rows, resolutions


def second_scores(
    faces: Sequence[FoundFace | None],
    embeddings: np.ndarray,
    resolutions: Sequence[Resolution | None],
    networks: ServingNetworks,
    degradation: Mapping[Resolution, str],
    weights: Mapping[str, float],
) -> np.ndarray:
    """Score each pair of a sharp and a small face by the second score, see `cshml_tf.evaluation.second_score`.

    Args:
        faces: the face of each picture, None where none was found.
        embeddings: (faces, E), and
        resolutions: as `embed_found` returns them.
        networks: the HR network and the LR networks.
        degradation: how each LR network's training faces were reduced.
        weights: weight of LL by resolution, such as {"12": 0.5}; others have the default.

    Returns:
        (faces, faces) float64, symmetric; NaN for other pairs.
    """
    scores = np.full((len(faces), len(faces)), np.nan)
    sharp = [i for i, face in enumerate(faces) if face is not None and resolutions[i] is None]
    if not sharp:
        return scores
    size = image_size_of(networks.hr)
    pixels = np.concatenate(
        [np.asarray(fit_to_size(face.pixels[None], size)) for face in [faces[i] for i in sharp] if face]
    )
    for resolution in {each for each in resolutions if each is not None}:
        small = [i for i, each in enumerate(resolutions) if each == resolution]
        reduced = np.asarray(degrade(pixels, resolution, portrait_mode(degradation[resolution])))
        portraits = embed_pixels(networks.lr[resolution], reduced, compiled=False)
        check_embeddings(portraits, lambda index: f"picture {sharp[index] + 1}", "LR network")
        hl, ll = (rows.astype(np.float64) @ embeddings[small].T for rows in (embeddings[sharp], portraits))
        weight = weights.get(format_resolution(resolution), default_weight(resolution))
        joined = np.clip(join_scores(hl, ll, weight), -1, 1)
        scores[np.ix_(sharp, small)], scores[np.ix_(small, sharp)] = joined, joined.T
    return scores


def pair_kind(
    first: Resolution | None, second: Resolution | None, fused: bool = False
) -> list[tuple[str | None, str]]:
    """Return the kind of a comparison as reports name it.

    Args:
        first: resolution of the LR network that embedded one face, or None for the HR network.
        second: the same for the other face.
        fused: whether the second score is used where there is one.

    Returns:
        A list of (resolution, mode) whose thresholds apply, such as [("12", "HL")]. The resolution for "HR" is
        None. If two LR networks are involved, both resolutions are listed.
    """
    low = [format_resolution(resolution) for resolution in (first, second) if resolution is not None]
    if not low:
        return [(None, "HR")]
    mode = "LL" if len(low) > 1 else FUSED if fused else "HL"
    return [(resolution, mode) for resolution in dict.fromkeys(low)]


def threshold_for(
    report: dict[str, Any],
    first: Resolution | None,
    second: Resolution | None,
    far: float = 1e-3,
    fused: bool = False,
) -> float:
    """Look up the threshold for a pair of faces, the stricter one if two LR networks are involved.

    Args:
        report: an LFW report read from JSON.
        first: resolution of the LR network that embedded one face, or None for the HR network.
        second: the same for the other face.
        far: false accept rate, one for which the report has thresholds.
        fused: whether a sharp and a small face are compared by the second score.

    Returns:
        float: the pair shows one person if its cosine similarity is at or above this.

    Raises:
        ValueError: the report has no such threshold.
    """
    kinds = pair_kind(first, second, fused)
    return max(read_threshold(report, mode, resolution, far) for resolution, mode in kinds)


def choose_far(
    report: dict[str, Any], faces: Sequence[Resolution | None], far: float | None = None, fused: bool = False
) -> float:
    """Choose the false accept rate at which pairs of faces can be decided.

    Args:
        report: an LFW report read from JSON.
        faces: for each face the resolution of the LR network that will embed it, or None for the HR network.
        far: the rate asked for; None for the strictest at which the report has a threshold for every pair.
        fused: whether a sharp and a small face are compared by the second score.

    Returns:
        float: the rate.

    Raises:
        ValueError: the report lacks a threshold, for some pair, at the rate asked for or at every rate.
    """
    pairs = list(dict.fromkeys(itertools.combinations(faces, 2)))
    rates = sorted(map(float, report["HR"]["thresholds"])) if far is None else [far]
    problem = ValueError("report: expected thresholds at one false accept rate or more, got none")
    for rate in rates:
        try:
            for first, second in pairs:
                threshold_for(report, first, second, rate, fused)
            return rate
        except ValueError as error:
            problem = error
    raise problem


def decide(
    scores: np.ndarray,
    resolutions: Sequence[Resolution | None],
    threshold: Callable[[Resolution | None, Resolution | None], float],
    fused: bool = False,
) -> list[Decision]:
    """Decide for every pair of faces whether they show the same person.

    Args:
        scores: (faces, faces) cosine similarities or second scores, NaN where a picture has no face.
        resolutions: for each face the resolution of the LR network that embedded it, or None for the HR network.
        threshold: function of two such resolutions that returns the threshold for their pair.
        fused: whether the scores of sharp and small faces are second scores.

    Returns:
        One `Decision` per pair that has a score, in the order of the upper triangle of `scores`, row by row.
    """
    decisions = []
    for first, second in zip(*np.triu_indices(len(resolutions), 1), strict=True):
        if np.isnan(scores[first, second]):
            continue
        pair = resolutions[int(first)], resolutions[int(second)]
        kind = ", ".join(" ".join(filter(None, part)) for part in pair_kind(*pair, fused))
        score, least = float(scores[first, second]), float(threshold(*pair))
        decisions.append(Decision(int(first), int(second), kind, score, least, score >= least))
    return decisions


def _width_of_crop(face: Face, image_size: tuple[int, int]) -> float:
    """Return the width, in pixels of the picture, of the part covered by the aligned crop."""
    matrix = similarity(face.landmarks, template(image_size))
    return image_size[1] / math.hypot(matrix[0, 0], matrix[1, 0])
