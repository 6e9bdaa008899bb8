"""Frames of a video file, a folder of pictures, a camera or a stream.

A damaged frame is passed over and counted. A file is read to its end, each frame in turn. A camera or a stream
goes on while it is watched, so only its latest frame is kept: a slow reader skips frames instead of falling
behind, and memory stays bounded. A stream that breaks off is opened again after growing pauses.
"""

import importlib.util
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cshml_tf.files import printable

if TYPE_CHECKING:
    from av.container import InputContainer

# Seconds between two attempts to open a stream that broke off: at first, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# Of a camera's number; anything longer is the name of a file.
_MOST_DIGITS = 4
# Seconds without an answer after which a stream counts as broken.
_TIMEOUT = 10.0
# A video of larger frames is refused: 8K.
_MOST_PIXELS = 7680 * 4320
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        number: 0 for the first, counting those passed over.
        time: seconds since the first frame.
        pixels: (H, W, 3) uint8 RGB.
    """

    number: int
    time: float
    pixels: np.ndarray


@dataclass
class Source:
    """A source of frames, to be iterated over once.

    Attributes:
        name: how messages name it; without the password of an address.
        is_live: whether frames come at their own pace, so that a slow reader skips some.
        damaged: number of frames passed over so far because they could not be decoded.
        broken: number of times so far that a stream broke off.
    """

    name: str
    is_live: bool
    _frames: Callable[["Source"], Iterator[Frame]]
    damaged: int = 0
    broken: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames, in the order of time."""
        frames = self._frames(self)
        return _latest(self, frames) if self.is_live else frames

    def stop(self) -> None:
        """End a live source; its iteration ends soon."""
        self._stopped.set()


def open_source(place: str, give_up: float | None = None, frames_per_second: float = 25.0) -> Source:
    """Open a source of frames.

    Args:
        place: a video file; a folder of pictures, in the order of their names, numbers in them counted as numbers;
            the number of a camera, such as "0"; or the address of a stream, such as "rtsp://camera/live".
        give_up: seconds without a frame after which a stream that broke off is given up; None tries for ever.
        frames_per_second: of a folder of pictures.

    Raises:
        ValueError: there is no such file, or PyAV is not installed.
    """
    if _ADDRESS.match(place):
        _check_pyav()
        return Source(_without_password(place), True, lambda source: _stream(source, place, give_up))
    if place.isdecimal() and len(place) <= _MOST_DIGITS:
        return Source(f"camera {place}", True, lambda source: _camera(source, int(place)))
    path = Path(place)
    if path.is_dir():
        # Wrong places are refused without OpenCV, which takes a while to load.
        from cshml_tf.images import list_images

        names = sorted(list_images(path), key=lambda name: _natural(str(name)))
        if not names:
            raise ValueError(f"{printable(place)}: expected pictures in the folder, got none")
        return Source(printable(place), False, lambda source: _pictures(source, path, names, frames_per_second))
    if not path.is_file():
        raise ValueError(
            f"{printable(place)}: expected a video file, a folder of pictures, the number of a camera "
            "or an address"
        )
    _check_pyav()
    return Source(printable(place), False, lambda source: _file(source, path))


def _check_pyav() -> None:
    if importlib.util.find_spec("av") is None:
        raise ValueError("video: expected PyAV to decode it (pip install 'cshml_tf[video]'), which is absent")


def _without_password(address: str) -> str:
    return re.sub(r"://[^/@]*@", "://", printable(address))


def _natural(name: str) -> list[tuple[int, str | int]]:
    """Return a key that sorts frame9 before frame10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"([0-9]+)", name)]


def _pictures(source: Source, folder: Path, names: list[Path], rate: float) -> Iterator[Frame]:
    from cshml_tf.images import read_image

    for number, name in enumerate(names):
        try:
            yield Frame(number, number / rate, read_image(folder / name))
        except (ValueError, OSError):
            source.damaged += 1


def _file(source: Source, path: Path) -> Iterator[Frame]:
    import av.error

    try:
        with av.open(str(path)) as container:
            yield from _decoded(source, container)
    except av.error.FFmpegError as error:
        raise ValueError(f"{source.name}: expected a video: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _decoded(source: Source, container: "InputContainer", started: float | None = None) -> Iterator[Frame]:
    """Yield the frames of an open container.

    Args:
        source: counts the damaged frames.
        container: an open one.
        started: for a stream, the time of its first frame on the monotonic clock, which then tells each frame's
            time; None for the times written in the file.

    Raises:
        ValueError: it holds no video, or too large a one.
        av.error.FFmpegError: it breaks off.
    """
    import av.error

    if not container.streams.video:
        raise ValueError(f"{source.name}: expected a video, got a file without pictures")
    stream = container.streams.video[0]
    if stream.width * stream.height > _MOST_PIXELS:
        raise ValueError(
            f"{source.name}: expected at most {_MOST_PIXELS} pixels per frame, "
            f"got {stream.width} x {stream.height}"
        )
    stream.thread_type = "AUTO"
    number, first, last = 0, None, 0.0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            source.damaged += 1
            number += 1
            continue
        for frame in frames:
            number += 1
            if frame.is_corrupt:
                source.damaged += 1
                continue
            if started is not None:
                last = time.monotonic() - started
            elif frame.time is not None:
                first = frame.time if first is None else first
                # Broken files repeat times, or run backwards.
                last = max(last, frame.time - first)
            yield Frame(number - 1, last, _upright(frame))


def _upright(frame: Any) -> np.ndarray:
    """Return a frame's pixels, turned as the camera was held."""
    pixels = frame.to_ndarray(format="rgb24")
    # The angle is counterclockwise, as NumPy counts quarter turns.
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _stream(source: Source, address: str, give_up: float | None) -> Iterator[Frame]:
    """Yield the frames of an address, and open it again when it breaks off."""
    import av.error

    started = last_frame = time.monotonic()
    pause, number, reason = _FIRST_PAUSE, 0, "the stream ended"
    while not source._stopped.is_set():
        try:
            options = {"rtsp_transport": "tcp"} if address.lower().startswith("rtsp") else {}
            with av.open(address, timeout=_TIMEOUT, options=options) as container:
                for frame in _decoded(source, container, started):
                    yield Frame(number, frame.time, frame.pixels)
                    number += 1
                    pause, last_frame = _FIRST_PAUSE, time.monotonic()
            reason = "the stream ended"
        except av.error.FFmpegError as error:
            reason = _reason(error)
        source.broken += 1
        if give_up is not None and time.monotonic() - last_frame + pause > give_up:
            if number:
                return
            raise ValueError(f"{source.name}: expected a video stream: {reason}")
        source._stopped.wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _camera(source: Source, number: int) -> Iterator[Frame]:
    """Yield the frames of a camera through OpenCV, which knows each system's cameras."""
    import cv2

    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise ValueError(f"{source.name}: expected a camera, got none of that number")
        started, count = time.monotonic(), 0
        while not source._stopped.is_set():
            is_read, pixels = camera.read()
            if not is_read:
                return
            yield Frame(count, time.monotonic() - started, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
            count += 1
    finally:
        camera.release()


def _latest(source: Source, frames: Iterator[Frame]) -> Iterator[Frame]:
    """Read frames on a thread and yield the latest one each time, so that the source is never kept waiting."""
    ready = threading.Condition()
    latest: list[Frame] = []
    ended: list[BaseException | None] = []

    def read() -> None:
        problem: BaseException | None = None
        try:
            for frame in frames:
                with ready:
                    latest[:] = [frame]
                    ready.notify()
                if source._stopped.is_set():
                    break
        except BaseException as error:
            problem = error
        with ready:
            ended.append(problem)
            ready.notify()

    thread = threading.Thread(target=read, name="frames", daemon=True)
    thread.start()
    try:
        while True:
            with ready:
                # Waiting in short parts lets an interruption through.
                while not latest and not ended:
                    ready.wait(0.5)
                if not latest:
                    break
                frame = latest.pop()
            yield frame
    finally:
        source.stop()
    if ended[0] is not None:
        raise ended[0]
