"""Compare faces of any width: find each, embed it with the network that suits its width, score, decide.

A face's width is that of its crop in pixels of its own picture: what the camera gave, before any resizing. A
photograph's face counts with the part that the aligned crop covers (about 1.2 times the detector's box),
so that the width means what a resolution means in training; a picture that is a crop counts as wide as it is.

A photograph's face is aligned at the networks' input size, bilinearly. A picture that is a crop is resized by the
network itself, bicubically.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cshml_tf.alignment.crops import align_image
from cshml_tf.alignment.detector import SMALLEST_FACE
from cshml_tf.alignment.geometry import similarity, template
from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.report import read_threshold
from cshml_tf.evaluation.served_images import embed_served


@dataclass(frozen=True)
class FoundFace:
    """The face that a picture is compared by.

    Attributes:
        pixels: (H, W, 3) uint8 RGB: the aligned crop, or the whole picture taken as a crop.
        width: of the crop, in pixels of the picture.
        face: the `cshml_tf.alignment.detector.Face`, in pixels of the picture; None where none was looked for or
            found.
        note: what the user should know of how it was found; empty where nothing was doubtful.
    """

    pixels: np.ndarray
    width: float
    face: Any = None
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """One pair of faces.

    Attributes:
        first: index of a face.
        second: index of the other, greater than `first`.
        kind: "HR", "12 HL" (one face by the LR network of 12), "12 LL", or "8 LL, 12 LL".
        score: cosine similarity, -1..1.
        threshold: the least score of the same person.
        same: whether the score reaches it.
    """

    first: int
    second: int
    kind: str
    score: float
    threshold: float
    same: bool


def find_face(image, image_size, detector=None):
    """Find the face that a picture is compared by.

    Args:
        image: (H, W, 3) uint8 RGB.
        image_size: (height, width) of the networks' input, pixels.
        detector: a `cshml_tf.alignment.detector.Detector`, or anything with its `detect`; None where the
            picture is a crop already.

    Returns:
        A `FoundFace`: of several faces the one that FaceNet's rule chooses (large and central); the whole
        picture where there is none, or where it is too small for the detector.
    """
    if detector is None:
        return FoundFace(image, image.shape[1])
    if min(image.shape[:2]) < SMALLEST_FACE:
        note = f"smaller than the {SMALLEST_FACE} pixels that the detector needs: taken as a crop"
        return FoundFace(image, image.shape[1], note=note)
    alignment = align_image(image, detector, image_size)
    if not alignment.faces:
        return FoundFace(image, image.shape[1], note="no face found: the whole picture is taken as a crop")
    (aligned,) = alignment.faces
    several = alignment.detected > 1
    note = f"{alignment.detected} faces found: the largest, most central one is compared" if several else ""
    return FoundFace(aligned.crop, _width_of_crop(aligned.face, image_size), aligned.face, note)


def embed_faces(faces, networks):
    """Embed each face with the network that suits its width.

    Args:
        faces: list of `FoundFace`.
        networks: `cshml_tf.evaluation.serving.ServingNetworks`.

    Returns:
        (embeddings, resolutions): (faces, E) float32, each of unit length; and for each face the resolution of
        the LR network that served it, None where it was the HR network.
    """
    pictures = ((face.pixels, face.width) for face in faces)
    embedded = embed_served(pictures, len(faces), networks)
    return embedded.served, embedded.resolutions


def score_matrix(embeddings):
    """Score every pair of faces: (faces, E) of unit length to (faces, faces) float64 cosine similarities."""
    embeddings = np.asarray(embeddings, np.float64)
    return np.clip(embeddings @ embeddings.T, -1.0, 1.0)


def pair_kind(first, second):
    """Name the kind of a comparison as reports do.

    Args:
        first: resolution of the LR network that served a face, or None for the HR network.
        second: likewise of the other face.

    Returns:
        A list of (resolution, mode) whose thresholds apply, such as [("12", "HL")]; the resolution of "HR"
        is None. Two LR networks give both of theirs.
    """
    low = [format_resolution(resolution) for resolution in (first, second) if resolution is not None]
    if not low:
        return [(None, "HR")]
    mode = "HL" if len(low) == 1 else "LL"
    return [(resolution, mode) for resolution in dict.fromkeys(low)]


def threshold_for(report, first, second, far=1e-3):
    """Look up the threshold for a pair of faces; the stricter one where two LR networks served.

    Args:
        report: dict, a report of LFW read back from JSON.
        first: resolution of the LR network that served a face, or None for the HR network.
        second: likewise of the other face.
        far: the false accept rate, one of those that the report states.

    Returns:
        float: accept the pair where its cosine similarity is at or above it.

    Raises:
        ValueError: the report has no such threshold.
    """
    kinds = pair_kind(first, second)
    return max(read_threshold(report, mode, resolution, far) for resolution, mode in kinds)


def decide(scores, resolutions, threshold):
    """Decide for every pair of faces whether they show one person.

    Args:
        scores: (faces, faces) cosine similarities.
        resolutions: for each face the resolution of the LR network that served it, or None.
        threshold: function of two such resolutions giving the threshold of their pair.

    Returns:
        List of `Decision`, in the order of the matrix's upper triangle, row by row.
    """
    decisions = []
    for first, second in zip(*np.triu_indices(len(resolutions), 1), strict=True):
        pair = resolutions[first], resolutions[second]
        kind = ", ".join(" ".join(filter(None, part)) for part in pair_kind(*pair))
        score, least = float(scores[first, second]), float(threshold(*pair))
        decisions.append(Decision(int(first), int(second), kind, score, least, score >= least))
    return decisions


def _width_of_crop(face, image_size):
    """Give the width, in pixels of the picture, of the part that the aligned crop shows."""
    matrix = similarity(face.landmarks, template(image_size))
    return image_size[1] / math.hypot(matrix[0, 0], matrix[1, 0])
