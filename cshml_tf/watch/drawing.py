"""Write the frames as a video with a box and a name around each face."""

import contextlib
import functools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cshml_tf.files import claimed, printable, replacing
from cshml_tf.gallery.decision import IDENTIFIED, REJECTED, UNCALIBRATED, UNKNOWN, Answer
from cshml_tf.watch.sources import Frame
from cshml_tf.watch.watching import SeenFace, SeenFrame

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_COLOURS = {IDENTIFIED: "#2f9e44", UNKNOWN: "#e8590c", UNCALIBRATED: "#1971c2", REJECTED: "#868e96"}
_CLOCK = Fraction(1, 1000)
# Bits per second and pixel of a frame: sharp enough to see a small face.
_BITS = 4


def caption(answer: Answer) -> str:
    """Return what is written at a face: a name, "unknown", "too poor to say", or the nearest person."""
    if answer.status == IDENTIFIED:
        return f"{answer.name} {answer.candidates[0].score:.2f}"
    if answer.status == REJECTED:
        return "too poor to say"
    if answer.status == UNCALIBRATED and answer.candidates:
        return f"nearest: {answer.candidates[0].name} {answer.candidates[0].score:.2f}"
    return "unknown"


class VideoWriter:
    """An open video to which frames are added.

    Args:
        path: the file to write, which takes its format from its suffix.
    """

    def __init__(self, path: Path) -> None:
        import av

        self._container = av.open(str(path), "w")
        self._stream: VideoStream | None = None
        self._last = -1
        self._faces: tuple[SeenFace, ...] = ()

    def add(self, frame: Frame | SeenFrame) -> None:
        """Add a frame; one that was not searched shows the boxes of the last one that was."""
        import av

        if isinstance(frame, SeenFrame):
            self._faces, frame = frame.faces, frame.frame
        pixels = draw_faces(frame.pixels, self._faces)
        # The encoder takes even sides only.
        pixels = np.pad(pixels, [(0, side % 2) for side in pixels.shape[:2]] + [(0, 0)], mode="edge")
        self._stream = stream = self._stream or self._add_stream(*pixels.shape[:2])
        if pixels.shape[:2] != (stream.height, stream.width):
            # A stream may change its size when it is opened again.
            pixels = np.asarray(Image.fromarray(pixels).resize((stream.width, stream.height)))
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        # Two frames of one millisecond would be refused.
        self._last = picture.pts = max(self._last + 1, round(frame.time * 1000))
        picture.time_base = _CLOCK
        self._container.mux(stream.encode(picture))

    def _add_stream(self, height: int, width: int) -> "VideoStream":
        stream = self._container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.time_base, stream.bit_rate = _CLOCK, _BITS * height * width
        return stream

    def close(self) -> None:
        """Write what is left."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()


@contextlib.contextmanager
def writing_video(path: Path) -> Iterator[VideoWriter]:
    """Write a video that appears whole when the block ends, or not at all.

    Args:
        path: the file, such as annotated.mp4.

    Raises:
        ValueError: its suffix is not that of a video, or another process is writing it.
        OSError: it cannot be written.
    """
    import av.error

    with claimed(path), replacing(path, path.suffix) as partial:
        try:
            writer = VideoWriter(partial)
        except (av.error.FFmpegError, ValueError):
            raise ValueError(f"{printable(path)}: expected the name of a video, such as watched.mp4") from None
        try:
            yield writer
        finally:
            writer.close()


def draw_faces(pixels: np.ndarray, faces: tuple[SeenFace, ...]) -> np.ndarray:
    """Return a copy of a frame with a box and a caption around each face.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        faces: in pixels of the frame.
    """
    if not faces:
        return pixels
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    size = max(12, pixels.shape[0] // 36)
    for face in faces:
        left, top, width, height = face.face.box
        colour = _COLOURS[face.answer.status]
        pen.rectangle((left, top, left + width, top + height), outline=colour, width=max(1, size // 10))
        words = printable(caption(face.answer))
        # Above the box, or below it where there is no room.
        above = top - 1.4 * size if top >= 1.4 * size else top + height + 2
        # No caption runs over the frame's right edge while there is room at its left.
        corner = (max(0, min(left, picture.width - pen.textlength(words, _font(size)))), above)
        pen.rectangle(pen.textbbox(corner, words, _font(size)), fill=colour)
        pen.text(corner, words, "white", _font(size))
    return np.asarray(picture)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return a font with letters beyond English, which comes with Matplotlib."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)
