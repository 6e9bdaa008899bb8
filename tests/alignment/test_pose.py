"""The pose of a face from its landmarks, with values derived by hand."""

import math

import numpy as np
import pytest

from cshml_tf.alignment.geometry import template
from cshml_tf.alignment.pose import pose_of


def test_the_template_is_frontal():
    pose = pose_of(template())
    assert (pose.yaw, pose.pitch) == (0, 0)
    # Its eyes differ in height by a fifth of a pixel.
    assert pose.roll == pytest.approx(0, abs=0.5)


def test_the_nose_moves_across_and_down():
    """Eyes 35.24 pixels apart, eyes and mouth 40.69: a nose 7.047 to the right, 8.138 lower: a fifth of each."""
    landmarks = template().copy()
    across, down = landmarks[1] - landmarks[0], (landmarks[3] + landmarks[4] - landmarks[0] - landmarks[1]) / 2
    landmarks[2] += 0.2 * across
    assert (pose_of(landmarks).yaw, pose_of(landmarks).pitch) == pytest.approx((0.2, 0))
    landmarks[2] += -0.2 * across - 0.25 * down
    assert (pose_of(landmarks).yaw, pose_of(landmarks).pitch) == pytest.approx((0, -0.25))


@pytest.mark.parametrize("degrees", [-170, -90, -30, 45, 120])
def test_size_place_and_roll_do_not_change_yaw_and_pitch(degrees):
    landmarks = template().copy()
    landmarks[2] += [6, -3]
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    upright, turned = pose_of(landmarks), pose_of(0.3 * landmarks @ turn.T + [500, -40])
    assert (turned.yaw, turned.pitch) == pytest.approx((upright.yaw, upright.pitch))
    # A positive angle turns x towards y, which points down: clockwise.
    assert turned.roll == pytest.approx(degrees + upright.roll)


def test_a_full_profile_is_bounded():
    """Eyes in one place: the nose, to the left of them, cannot be measured in their distance."""
    landmarks = np.array([[50, 40], [50, 40], [30, 60], [50, 80], [50, 80]], float)
    assert pose_of(landmarks).yaw == -1 and pose_of(landmarks).pitch == pytest.approx(0, abs=0.01)
    mirrored = landmarks * [-1, 1] + [100, 0]
    assert pose_of(mirrored).yaw == 1
    assert all(math.isfinite(each) for each in vars(pose_of(np.zeros((5, 2)))).values())


@pytest.mark.parametrize("landmarks", [np.zeros((4, 2)), np.full((5, 2), np.nan)])
def test_bad_landmarks(landmarks):
    with pytest.raises(ValueError, match="landmarks: expected five finite points"):
        pose_of(landmarks)
