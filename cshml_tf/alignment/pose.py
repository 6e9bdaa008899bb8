"""How far a face is turned, estimated from its five landmarks."""

import math
from dataclasses import dataclass

import numpy as np

from cshml_tf.alignment.geometry import template


@dataclass(frozen=True)
class Pose:
    """Which way a face looks; 0, 0, 0 for the frontal, upright face of the template.

    Attributes:
        yaw: how far the nose lies beside the middle of the face, in distances between the eyes, -1..1; positive if
            the face looks to the right of the picture.
        pitch: how far the nose lies below its place in the template, in distances between eyes and mouth, -1..1;
            positive if the face looks down.
        roll: turn of the head in the plane of the picture, -180..180 degrees; positive if clockwise.
    """

    yaw: float
    pitch: float
    roll: float


def pose_of(landmarks: np.ndarray) -> Pose:
    """Estimate the pose of a face.

    The nose's place is expressed by two axes, from eye to eye and from eyes to mouth, so that neither size nor
    roll matters to yaw and pitch. Where the axes coincide, as in a full profile, yaw is -1 or 1.

    Args:
        landmarks: (5, 2) x, y in pixels, as `cshml_tf.alignment.detector.Face` has them.

    Raises:
        ValueError: the shape is wrong, or a value is not finite.
    """
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.shape != (5, 2) or not np.isfinite(landmarks).all():
        raise ValueError(f"landmarks: expected five finite points, (5, 2), got shape {landmarks.shape}")
    yaw, pitch = _place_of_nose(landmarks)
    frontal_yaw, frontal_pitch = _place_of_nose(template())
    across, down = landmarks[1] - landmarks[0]
    bounded = np.clip([yaw - frontal_yaw, pitch - frontal_pitch], -1, 1)
    return Pose(float(bounded[0]), float(bounded[1]), math.degrees(math.atan2(down, across)))


def _place_of_nose(landmarks: np.ndarray) -> tuple[float, float]:
    """Return where the nose lies between the middles of eyes and mouth: (across, down), in the two axes."""
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    across, down = right_eye - left_eye, mouth - eyes
    from_middle = nose - (eyes + mouth) / 2
    area = _cross(across, down)
    if abs(area) < 1e-9 * (np.abs(landmarks).max() ** 2 + 1e-300):
        return math.copysign(math.inf, float(from_middle[0])), 0.0
    return _cross(from_middle, down) / area, _cross(across, from_middle) / area


def _cross(first: np.ndarray, second: np.ndarray) -> float:
    return float(first[0] * second[1] - first[1] * second[0])
