"""Follow faces from frame to frame: each face continues the track whose predicted box it fits best.

A track's box moves on at the speed of its last two boxes. A face may continue a track if the distance of their
middles and the ratio of their sizes are small; SciPy's assignment chooses the pairs that fit best in all. Boxes
alone decide, not what the networks see: two people who cross in front of each other within a frame or two may be
exchanged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from cshml_tf.alignment.detector import Face

# Of a box's size: how far a face may lie from where its track predicts it, when as much time has passed as between
# the track's last two faces; and the ratio of two sizes.
_FARTHEST = 1.5
_MOST_GROWTH = 1.8
_FORBIDDEN = 1e6


@dataclass
class Path:
    """Where a track was last.

    Attributes:
        number: of the track, from 1.
        box: (x, y, width, height), pixels.
        time: when it was there, seconds.
        speed: (x, y) of the box's middle, pixels per second.
    """

    number: int
    box: tuple[float, float, float, float]
    time: float
    speed: np.ndarray = field(default_factory=lambda: np.zeros(2))

    @property
    def size(self) -> float:
        """The box's size: the square root of its area."""
        return math.sqrt(self.box[2] * self.box[3])

    @property
    def middle(self) -> np.ndarray:
        """(2,) float64 x, y of the box's middle."""
        return np.array([self.box[0] + self.box[2] / 2, self.box[1] + self.box[3] / 2])


class Tracker:
    """Gives each face of consecutive frames the number of its track.

    Args:
        patience: seconds after its last face at which a track ends.

    Attributes:
        paths: the tracks that have not ended, by number.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._count = 0
        self.paths: dict[int, Path] = {}

    def follow(self, faces: Sequence[Face], time: float) -> list[int]:
        """Return the number of the track of each face of the next frame.

        Args:
            faces: of the frame.
            time: of the frame, seconds; not before the frames so far.
        """
        paths = list(self.paths.values())
        costs = np.array([[_misfit(path, face, time) for path in paths] for face in faces])
        numbers = [0] * len(faces)
        if costs.size:
            for row, column in zip(*linear_sum_assignment(costs), strict=True):
                if costs[row, column] < _FORBIDDEN:
                    numbers[row] = paths[column].number
        for row, face in enumerate(faces):
            if not numbers[row]:
                self._count += 1
                numbers[row] = self._count
            self._continue(numbers[row], (face.x, face.y, face.width, face.height), time)
        return numbers

    def end(self, time: float) -> list[int]:
        """End the tracks that had no face for too long before `time`, and return their numbers."""
        ended = [number for number, path in self.paths.items() if time - path.time > self._patience]
        for number in ended:
            del self.paths[number]
        return ended

    def cut(self, number: int) -> None:
        """End a track; a face that continues it begins a new one."""
        del self.paths[number]

    def _continue(self, number: int, box: tuple[float, float, float, float], time: float) -> None:
        path, before = Path(number, box, time), self.paths.get(number)
        if before is not None and time > before.time:
            path.speed = (path.middle - before.middle) / (time - before.time)
        self.paths[number] = path


def _misfit(path: Path, face: Face, time: float) -> float:
    """Return how badly a face fits a track: 0 for its predicted box, `_FORBIDDEN` for another person's."""
    found = Path(0, (face.x, face.y, face.width, face.height), time)
    ratio = math.log(found.size / path.size) if found.size and path.size else math.inf
    predicted = path.middle + path.speed * (time - path.time)
    # Somebody who turned round or stopped is where the track ended, rather than where it pointed to.
    offsets = [np.linalg.norm(found.middle - place) for place in (predicted, path.middle)]
    distance = float(min(offsets)) / max(found.size, path.size, 1e-9)
    if distance > _FARTHEST or abs(ratio) > math.log(_MOST_GROWTH):
        return _FORBIDDEN
    return distance + abs(ratio)
