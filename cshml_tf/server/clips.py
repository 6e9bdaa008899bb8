"""Short clips that clients send: their limits, and reading their frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cshml_tf.watch.sources import Frame, open_source

_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


class Overlong(ValueError):
    """A clip has too many frames, too large ones, or is too long."""


class UnreadableClip(ValueError):
    """A clip cannot be decoded."""


@dataclass(frozen=True)
class ClipLimits:
    """Where watching a clip ends.

    Attributes:
        frames: the largest number of frames.
        seconds: the longest time.
    """

    frames: int = 1000
    seconds: float = 30.0


def frames_of(path: Path, limits: ClipLimits, most_pixels: int) -> Iterator[Frame]:
    """Read the frames of a clip within limits.

    Raises:
        Overlong: there are more frames, larger ones, or later ones than the limits allow.
        UnreadableClip: it cannot be decoded.
    """
    frames = iter(open_source(str(path)))
    while True:
        try:
            frame = next(frames, None)
        except ValueError:
            # The message names a file of the server's.
            raise UnreadableClip("clip: expected a video that can be read, got a damaged one") from None
        if frame is None:
            return
        height, width = frame.pixels.shape[:2]
        if height * width > most_pixels:
            raise Overlong(f"clip: {width} x {height}: more pixels than the limit of {most_pixels}")
        if frame.number >= limits.frames or frame.time > limits.seconds:
            raise Overlong(
                f"clip: expected at most {limits.frames} frames and {limits.seconds:g} seconds, got more"
            )
        yield frame


def is_video(content: bytes) -> bool:
    """Return whether a file is a video of a kind that holds its pictures itself.

    A playlist, which the decoder would also take, names files and addresses for the server to open.
    """
    if content[4:8] in _BOXES or content[:4] == b"\x1aE\xdf\xa3":
        return True
    return content[:4] == b"RIFF" and content[8:12] == b"AVI "
