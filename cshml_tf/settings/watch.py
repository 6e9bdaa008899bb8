"""The options of `cshml-watch`."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.checks import Check
from cshml_tf.settings.gallery import BoundNetworksOptions, GalleryOptions, IdentifySettings, RejectionOptions
from cshml_tf.settings.option import REQUIRED, option, require, varied
from cshml_tf.settings.places import file, output_file

_SECONDS = Check("seconds, more than 0", lambda seconds: 0 < seconds <= 1e6)
_RATE = Check("more than 0 and at most 1000", lambda rate: 0 < rate <= 1000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackOptions(RejectionOptions):
    """How faces are found in frames and followed."""

    TITLE: ClassVar[str] = "tracks"

    min_width: float = varied(
        RejectionOptions,
        "min_width",
        default=12.0,
        help="frames are enlarged before detection as far as a face of this width needs; a person of whom only "
        "narrower faces are seen is reported as rejected; in pixels of the frame",
    )
    min_quality: float | None = varied(
        RejectionOptions,
        "min_quality",
        help="faces of lower quality do not count; a person of whom no better face is seen is reported as "
        "rejected; quality as for cshml-identify (default: all count)",
    )
    rate: float = option(
        5.0,
        "frames to search for faces per second of video, at most; a camera's frames are skipped as needed",
        metavar="FRAMES",
        check=_RATE,
    )
    patience: float = option(
        1.0, "seconds without a face after which a track ends", metavar="SECONDS", check=_SECONDS
    )
    longest: float = option(
        60.0,
        "seconds after which a track is reported and a new one begins, so that somebody who stays is reported too",
        metavar="SECONDS",
        check=_SECONDS,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class WatchSettings(GalleryOptions, BoundNetworksOptions, TrackOptions):
    """The options of `cshml-watch`."""

    source: str = option(
        REQUIRED,
        "a video file, a folder of frames, the number of a camera such as 0, or an address such as "
        "rtsp://camera/live",
        positional="SOURCE",
        check=Check("a source", lambda place: bool(place.strip())),
        group="video",
    )
    folder_rate: float = option(
        25.0, "frames per second of a folder of frames", metavar="FRAMES", check=_RATE, group="video"
    )
    give_up: float | None = option(
        None,
        "seconds without a frame after which a stream that broke off is given up (default: it is tried again for "
        "ever, after pauses that grow to a minute)",
        metavar="SECONDS",
        check=_SECONDS,
        group="video",
    )
    fpir: float | None = varied(IdentifySettings, "fpir")
    top: int = varied(IdentifySettings, "top", help="candidates to report for each track")
    frames: bool = option(False, "also print one line per frame that was searched", group="output")
    output: Path | None = option(
        None,
        "write the video with boxes and names to this file, such as watched.mp4",
        metavar="FILE",
        place=output_file(),
        group="output",
    )
    page: Path | None = option(
        None,
        "write an HTML page of the tracks to this file: best face, portrait, score, times",
        metavar="FILE",
        place=output_file(),
        group="output",
    )

    truth: Path | None = option(
        None,
        "list of who is where in the source, a CSV with the columns frame, time, name, left, top, width, height: "
        "print afterwards how many faces were found and how many people were named, rightly and wrongly",
        metavar="FILE",
        place=file("a CSV"),
        group="output",
    )

    def __post_init__(self) -> None:
        """Refuse one file for two outputs."""
        super().__post_init__()
        require(self.output is None or self.output != self.page, "{page}: expected another file than {output}")
