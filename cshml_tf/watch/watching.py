"""Watch frames: find the faces of each, follow them, and decide once per track who it shows."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

import numpy as np

from cshml_tf.alignment.detector import FaceDetector
from cshml_tf.gallery.decision import Answer, Thresholds
from cshml_tf.gallery.networks import GalleryNetworks
from cshml_tf.gallery.portraits import CroppedFace, cut_out
from cshml_tf.gallery.search import Search
from cshml_tf.gallery.store import Gallery
from cshml_tf.watch.finding import FaceFinder
from cshml_tf.watch.naming import Evidence, Namer
from cshml_tf.watch.sources import Frame
from cshml_tf.watch.tracks import Tracker


@dataclass(frozen=True)
class WatchOptions:
    """How to watch.

    Attributes:
        min_width: narrower faces say nothing; pixels of the frame.
        min_quality: nor do faces of less quality; None takes all.
        rate: most frames to search for faces per second of video; None for all.
        patience: seconds without a face after which a track ends.
        longest: seconds after which a track is decided and cut, so that somebody who stays is reported too.
        count: number of candidates per track.
    """

    min_width: float = 12.0
    min_quality: float | None = None
    rate: float | None = 5.0
    patience: float = 1.0
    longest: float = 60.0
    count: int = 3


@dataclass(frozen=True)
class SeenFace:
    """A face in a frame.

    Attributes:
        track: number of its track.
        face: the face.
        answer: what its track says so far.
    """

    track: int
    face: CroppedFace
    answer: Answer


@dataclass(frozen=True)
class SeenFrame:
    """A frame that was searched for faces.

    Attributes:
        frame: the frame.
        faces: its faces, in the order of their tracks.
    """

    frame: Frame
    faces: tuple[SeenFace, ...]


@dataclass(frozen=True)
class EndedTrack:
    """A track that has ended, and who it shows.

    Attributes:
        number: from 1, in the order in which tracks began.
        first: time of its first face, seconds.
        last: time of its last face, seconds.
        frames: number of its faces.
        best: its widest face.
        best_time: time of that face, seconds.
        answer: the decision.
    """

    number: int
    first: float
    last: float
    frames: int
    best: CroppedFace
    best_time: float
    answer: Answer


class Watcher:
    """Watches frames for the people of a gallery.

    Args:
        gallery: the gallery.
        networks: its networks.
        thresholds: in force.
        detector: the face detector; it should not shrink pictures of up to 1280 pixels a side.
        options: how to watch.

    Raises:
        ValueError: the networks are not the gallery's.
    """

    def __init__(
        self,
        gallery: Gallery,
        networks: GalleryNetworks,
        thresholds: Thresholds,
        detector: FaceDetector,
        options: WatchOptions = WatchOptions(),  # noqa: B008  # frozen
    ) -> None:
        gallery.check_views(networks.views)
        self._image_size = networks.image_size
        self._detector = detector
        self._options = options
        self._namer = Namer(
            networks, Search(gallery), thresholds, options.min_width, options.min_quality, options.count
        )

    def watch(self, frames: Iterable[Frame]) -> Generator[Frame | SeenFrame | EndedTrack]:
        """Watch frames to their end.

        Args:
            frames: in the order of time; see `cshml_tf.watch.sources.open_source`.

        Yields:
            Each frame in turn, as a `SeenFrame` if it was searched for faces, otherwise as it came; and each track
            as an `EndedTrack` when it has ended, at the latest when the frames end.

        Raises:
            ValueError: a frame has the wrong shape or type, or the gallery is damaged.
        """
        finder = FaceFinder(self._detector, self._options.min_width)
        tracker = Tracker(self._options.patience)
        evidence: dict[int, Evidence] = {}
        due = -np.inf
        for frame in frames:
            # Times in files are rounded.
            if frame.time < due - 1e-6:
                yield frame
                continue
            due = frame.time + (0.0 if self._options.rate is None else 1 / self._options.rate)
            for number in tracker.end(frame.time):
                yield self._ended(number, evidence.pop(number))
            yield self._see(frame, finder, tracker, evidence)
            for number, each in list(evidence.items()):
                if each.last - each.first > self._options.longest - 1e-6:
                    tracker.cut(number)
                    yield self._ended(number, evidence.pop(number))
        for number, each in evidence.items():
            yield self._ended(number, each)

    def _see(self, frame: Frame, finder: FaceFinder, tracker: Tracker, evidence: dict[int, Evidence]) -> SeenFrame:
        faces = finder.find(frame.pixels)
        new: dict[int, CroppedFace] = {}
        numbers = tracker.follow(faces, frame.time)
        for number, face in zip(numbers, faces, strict=True):
            each = evidence.setdefault(number, Evidence(frame.time, frame.time))
            # A face in a part of the frame that has not changed is the same photograph once more.
            if each.face is not face:
                new[number] = cut_out(frame.pixels, face, self._image_size)
                each.latest = new[number]
            assert each.latest is not None
            each.see(face, each.latest, frame.time)
        self._namer.add([(evidence[number], face) for number, face in new.items()])
        for number in new:
            evidence[number].answer = self._namer.decide(evidence[number])
        return SeenFrame(frame, tuple(_seen(number, evidence[number]) for number in sorted(numbers)))

    def _ended(self, number: int, evidence: Evidence) -> EndedTrack:
        assert evidence.best is not None
        answer = self._namer.decide(evidence)
        times = evidence.first, evidence.last
        return EndedTrack(number, *times, evidence.frames, evidence.best, evidence.best_time, answer)


def _seen(number: int, evidence: Evidence) -> SeenFace:
    assert evidence.latest is not None and evidence.answer is not None
    return SeenFace(number, evidence.latest, evidence.answer)
