"""Who walks where in a synthetic clip, and how each person holds the head.

Places are in millimetres: x to the right of the camera's axis, z away from the camera.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from cshml_tf.data.synthetic.view import View, draw_view

# Where the approaching person begins and ends: a face of 136 mm is then 8 and 60 pixels wide.
_FARTHEST, _NEAREST = 15000.0, 2000.0
# Millimetres per second.
_SPEEDS = 900.0, 1300.0
# The places from and to which passers-by walk: distance, and distance to the middle of the path.
_PASSING_FROM = 7000.0, 10500.0
_PASSING_TO = 2900.0
_PASSING_LANES = 650.0, 900.0
_EYE_LEVEL = 1580.0, 70.0
# Steps per second.
_STEPS = 1.8


@dataclasses.dataclass(frozen=True)
class Walker:
    """A person who walks in a straight line at constant speed.

    Attributes:
        name: the person's name.
        identity_seed: of the drawn person.
        start: time at which the walk begins, seconds.
        seconds: how long it takes.
        from_xz: where it begins, millimetres.
        to_xz: where it ends.
        eye_level: height of the eyes above the ground, millimetres.
        view: expression, clothes and glasses; the pose changes as the person walks.
        phase: of the walk and of the turns of the head, radians.
    """

    name: str
    identity_seed: int
    start: float
    seconds: float
    from_xz: tuple[float, float]
    to_xz: tuple[float, float]
    eye_level: float
    view: View
    phase: float

    def place(self, time: float) -> tuple[float, float] | None:
        """Return where the person is at a time, (x, z), or None before and after the walk."""
        part = (time - self.start) / self.seconds
        if not 0 <= part <= 1:
            return None
        (x, z), (to_x, to_z) = self.from_xz, self.to_xz
        return x + part * (to_x - x), z + part * (to_z - z)

    def stride(self, time: float) -> float:
        """Return the angle of the walk's swing at a time, radians; two steps make a full turn."""
        return np.pi * _STEPS * (time - self.start) + self.phase

    def pose(self, time: float, x: float, z: float) -> View:
        """Return the view at a time: the head turns towards the camera, and moves a little with every step."""
        slow = 1.3 * (time - self.start) + self.phase
        to_camera = 0.6 * np.degrees(np.arctan2(-x, z))
        return dataclasses.replace(
            self.view,
            yaw=float(to_camera + 7 * np.sin(slow)),
            pitch=float(3 * np.sin(0.7 * slow + 1) + np.sin(2 * self.stride(time))),
            roll=float(2.5 * np.sin(self.stride(time))),
            smile=float(self.view.smile + 0.15 * np.sin(0.5 * slow)),
        )


def walkers(
    approaching: tuple[str, int], passing: Sequence[tuple[str, int]], seconds: float, seed: int
) -> list[Walker]:
    """Draw who walks where.

    Args:
        approaching: name and identity seed of the person who walks towards the camera throughout.
        passing: the same of the people who pass to the left and to the right, one after another.
        seconds: length of the clip.
        seed: a different seed gives different walks.

    Returns:
        The walkers, the approaching one first.
    """
    rng = np.random.default_rng([0xC11, seed])
    start_x, end_x = rng.uniform(-120, 120, 2).tolist()
    cast = [_walker(rng, approaching, 0.0, seconds, (start_x, _FARTHEST), (end_x, _NEAREST))]
    for number, person in enumerate(passing):
        side = 1 if number % 2 else -1
        lane, distance = side * rng.uniform(*_PASSING_LANES), rng.uniform(*_PASSING_FROM)
        duration = (distance - _PASSING_TO) / rng.uniform(*_SPEEDS)
        # The last passer-by is gone when the clip ends.
        start = (seconds - duration) * number / max(len(passing) - 1, 1)
        from_xz, to_xz = (1.15 * lane, distance), (lane, _PASSING_TO)
        cast.append(_walker(rng, person, max(start, 0.0), duration, from_xz, to_xz))
    return cast


def _walker(
    rng: np.random.Generator,
    person: tuple[str, int],
    start: float,
    seconds: float,
    from_xz: tuple[float, float],
    to_xz: tuple[float, float],
) -> Walker:
    name, identity_seed = person
    view = dataclasses.replace(
        draw_view(identity_seed, 0),
        hat=None,
        mouth_open=0.0,
        light_azimuth=25.0,
        light_elevation=35.0,
        light_strength=0.5,
        ambient=0.5,
    )
    mean, spread = _EYE_LEVEL
    eye_level = mean + spread * float(np.clip(rng.standard_normal(), -2, 2))
    phase = float(rng.uniform(0, 2 * np.pi))
    return Walker(name, identity_seed, start, seconds, from_xz, to_xz, eye_level, view, phase)
