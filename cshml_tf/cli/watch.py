"""`cshml-watch`: who of a gallery passes in a video or before a camera."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cshml_tf.cli.errors import one_line_errors, print_lines, prints_utf8
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.parser import read_settings
from cshml_tf.settings.watch import WatchSettings

if TYPE_CHECKING:
    from cshml_tf.data.clip_truth import KnownFace
    from cshml_tf.gallery.store import Gallery
    from cshml_tf.watch.sources import Frame, Source
    from cshml_tf.watch.watching import Watcher

DESCRIPTION = (
    "Find the faces of a video or a camera, small ones too, follow each person through the frames, and decide "
    "once per track who of a gallery it shows: a name, unknown, or rejected if all of its faces are too small. "
    "Prints one line of JSON for each track when it ends. Ctrl-C ends a camera's watch in good order."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Watch a source and print who passes.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(WatchSettings, argv, DESCRIPTION)
    from cshml_tf.watch.sources import open_source

    source = open_source(settings.source, settings.give_up, settings.folder_rate)
    truth = _truth(settings, source)
    start_backend()
    from cshml_tf.gallery.creation import open_gallery

    gallery = open_gallery(settings.gallery)
    with contextlib.closing(gallery.database):
        watcher, notes = _watcher(settings, gallery)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        score_lines = _watch(settings, gallery, watcher, source, notes, truth)
    for line in score_lines:
        print(line, file=sys.stderr)
    if source.damaged or source.broken:
        print(
            f"{source.name}: {source.damaged} damaged frame(s) passed over, broke off {source.broken} time(s)",
            file=sys.stderr,
        )


def _truth(settings: WatchSettings, source: "Source") -> "Sequence[KnownFace] | None":
    """Read the list of who is where, if there is one."""
    if settings.truth is None:
        return None
    if source.is_live:
        raise ValueError(f"--truth: expected a video file or a folder of frames to score, got {source.name}")
    from cshml_tf.data.clip_truth import read_truth

    return read_truth(settings.truth)


def _watcher(settings: WatchSettings, gallery: "Gallery") -> "tuple[Watcher, list[str]]":
    """Load the networks and the detector; return the watcher, and what the user must know of the thresholds."""
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.gallery.calibration import read_calibrations
    from cshml_tf.gallery.decision import Thresholds
    from cshml_tf.gallery.networks import networks_of
    from cshml_tf.watch.finding import LONGEST_TILE
    from cshml_tf.watch.watching import Watcher, WatchOptions

    networks = networks_of(
        gallery, settings.hr_model, settings.lr_model, settings.runtime, settings.mixed_precision
    )
    thresholds = Thresholds(read_calibrations(gallery), settings.fpir)
    options = WatchOptions(
        settings.min_width, settings.min_quality, settings.rate, settings.patience, settings.longest, settings.top
    )
    detector = Detector(longest_side=LONGEST_TILE)
    return Watcher(gallery, networks, thresholds, detector, options), thresholds.notes(
        gallery, set(networks.views)
    )


def _watch(
    settings: WatchSettings,
    gallery: "Gallery",
    watcher: "Watcher",
    source: "Source",
    notes: list[str],
    truth: "Sequence[KnownFace] | None",
) -> list[str]:
    """Write what is seen to all outputs, as it happens; return the lines of its score, if there is a list."""
    from cshml_tf.watch.drawing import writing_video
    from cshml_tf.watch.events import frame_json, track_json
    from cshml_tf.watch.page import writing_page
    from cshml_tf.watch.scoring import ClipScorer, score_lines
    from cshml_tf.watch.watching import EndedTrack, SeenFrame

    scorer = None if truth is None else ClipScorer(truth, gallery.people())
    unread = None
    with contextlib.ExitStack() as outputs:
        video = outputs.enter_context(writing_video(settings.output)) if settings.output else None
        page = settings.page and outputs.enter_context(writing_page(settings.page, gallery, source.name, notes))
        frames, stop = outputs.enter_context(_until_interrupted(source))
        for event in watcher.watch(frames):
            if scorer:
                scorer.add(event)
            content = None
            if isinstance(event, EndedTrack):
                content = track_json(event)
                if page:
                    page.add(event)
            else:
                if video:
                    video.add(event)
                if settings.frames and isinstance(event, SeenFrame):
                    content = frame_json(event)
            if content is None or unread is not None:
                continue
            try:
                _print_json(content)
            except OSError as error:
                # Nobody reads the lines any more. The video and the page are finished before that is said.
                unread = error
                stop()
    if unread is not None:
        raise unread
    return score_lines(scorer.score()) if scorer else []


def _print_json(content: dict[str, Any]) -> None:
    print_lines(json.dumps(content, ensure_ascii=not prints_utf8(), allow_nan=False))


@contextlib.contextmanager
def _until_interrupted(source: "Source") -> "Iterator[tuple[Iterator[Frame], Callable[[], None]]]":
    """Yield the frames, and what ends them as the end of the video would.

    An interruption ends them in this way too; a second one ends the program.
    """
    stopped = threading.Event()
    before = {}

    def stop() -> None:
        stopped.set()
        source.stop()

    def interrupt(*_: object) -> None:
        stop()
        for number, handler in before.items():
            signal.signal(number, handler)

    def frames() -> "Iterator[Frame]":
        for frame in source:
            if stopped.is_set():
                return
            yield frame

    # Python lets only the main thread handle signals.
    if threading.current_thread() is threading.main_thread():
        before |= {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield frames(), stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
