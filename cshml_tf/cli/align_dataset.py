"""`cshml-align`: photographs to aligned face crops."""

import contextlib
import functools
import signal
import sys
import time
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import native_noise_silenced
from cshml_tf.settings.alignment import AlignCommandSettings, AlignmentSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Find the face in every photograph below INPUT_DIR with MTCNN and crop it so that its eyes, nose and mouth "
    "lie where the networks expect them. Crops are written as PNG to the same class folders below OUTPUT_DIR; "
    "alignment.csv gets one row per crop, and one per photograph that yields none. Running the "
    "same command again processes only what is missing."
)
EPILOG = (
    "Reads JPEG, PNG, BMP, WebP, TIFF, GIF and AVIF, and with the extra 'heic' also HEIC; turns photographs "
    "upright by their EXIF tag; shows transparency as white. If photographs in one folder differ "
    "only in their suffix, their crops keep it (a.jpg.png). Exit code: 0 if every photograph is aligned or "
    "recorded and at least one is aligned, 1 if none is, 2 on bad arguments."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Align a folder of photographs.

    Args:
        argv: the words of the command line; None takes the process's own.

    Returns:
        Exit code: 0 if every input is aligned or recorded and at least one is aligned, 1 if none is.
    """
    settings = read_settings(AlignCommandSettings, argv, DESCRIPTION, EPILOG)
    # Heavy imports come after the arguments, so that --help answers at once.
    import tqdm

    from cshml_tf.alignment.detector import check_detection_runs
    from cshml_tf.alignment.folder import align_dataset, detector_on_cpu

    check_detection_runs()
    alignment = settings.part(AlignmentSettings)
    done = 0

    def progress(results, total):
        nonlocal done
        # A log file gets a line every half minute, a terminal a moving bar.
        interval = 0.1 if sys.stderr.isatty() else 30
        bar = tqdm.tqdm(
            results, desc="aligning", total=total, unit="image", mininterval=interval, disable=not total
        )
        for rows in bar:
            yield rows
            done += 1

    started = time.monotonic()
    with _terminate_as_exit(), native_noise_silenced():
        record = align_dataset(
            settings.input_dir,
            settings.output_dir,
            alignment,
            workers=settings.workers,
            retry_failures=settings.retry_failures,
            make_detector=functools.partial(
                detector_on_cpu, alignment, threads=1 if settings.workers > 1 else None
            ),
            progress=progress,
        )
    counts = record.counts()
    print(_summary(counts, done, time.monotonic() - started, record.path))
    return 0 if counts["aligned"] else 1


def _summary(counts, done, seconds, path):
    statuses = ("aligned", "center", "no_face", "unreadable")
    total = sum(counts[status] for status in statuses)
    parts = ", ".join(f"{counts[status]} {status}" for status in statuses)
    rate = f"{done / seconds:.1f} images/s" if done else "nothing was missing"
    return f"{total} images: {parts}; {counts['crops']} crops. {done} done now in {seconds:.1f} s ({rate}). {path}"


@contextlib.contextmanager
def _terminate_as_exit():
    """Let SIGTERM unwind as an interrupt does, so that the record is left in order."""

    def stop(number, frame):
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
