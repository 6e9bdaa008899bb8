"""The command `align_dataset.py`: photographs to aligned face crops."""

import contextlib
import functools
import os
import signal
import sys
import time

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import native_noise_silenced


@one_line_errors
def main(argv=None):
    """Align a folder of photographs.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0 when every input is aligned or listed and at least one is aligned, 1 when none
        is, 2 on bad arguments.
    """
    arguments = _parse(argv)
    # Heavy imports come after the arguments, so that --help answers at once.
    import tqdm

    from cshml_tf.alignment.folder import align_dataset, detector_on_cpu
    from cshml_tf.alignment.record import AlignmentSettings

    settings = AlignmentSettings(
        image_size=tuple(arguments.image_size),
        detect_multiple_faces=arguments.detect_multiple_faces,
        fallback=arguments.fallback,
        longest_side=arguments.longest_side,
        crop=arguments.crop,
        margin=arguments.margin,
    )
    done = 0

    def progress(results, total):
        nonlocal done
        # Into a log file, a line every half minute; on a terminal, a moving bar.
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
            arguments.input_dir,
            arguments.output_dir,
            settings,
            workers=arguments.workers,
            retry_failures=arguments.retry_failures,
            make_detector=functools.partial(
                detector_on_cpu, settings, threads=1 if arguments.workers > 1 else None
            ),
            progress=progress,
        )
    counts = record.counts()
    print(_summary(counts, done, time.monotonic() - started, record.path))
    return 0 if counts["aligned"] else 1


def _parse(argv):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = Parser(
        description="Find the face in every photograph below INPUT_DIR with MTCNN and warp it so that its "
        "eyes, nose and mouth lie where the network expects them. Writes PNG crops into the same "
        "class folders under OUTPUT_DIR, and alignment.csv with a row for every crop and every "
        "image that gave none. The same command again does only what is missing.",
        epilog="Reads JPEG, PNG, BMP, WebP, TIFF, GIF, AVIF and HEIC (with the extra 'heic') of any depth, "
        "upright by their EXIF tag, transparency as white. Of photographs in one folder that differ in the suffix "
        "alone the crops keep it (a.jpg.png). Exit code: 0 when every photograph is aligned or listed and at "
        "least one is aligned, 1 when none is, 2 on bad arguments.",
    )
    folders = parser.add_argument_group("folders")
    folders.add_argument("input_dir", metavar="INPUT_DIR", help="class folders of photographs")
    folders.add_argument("output_dir", metavar="OUTPUT_DIR", help="new, empty, or of an earlier run to continue")
    crops = parser.add_argument_group("crops")
    crops.add_argument("--image_size", type=int, nargs=2, default=[112, 96], metavar=("H", "W"), help="pixels")
    crops.add_argument(
        "--crop",
        choices=("landmarks", "box"),
        default="landmarks",
        help="warp the landmarks onto a template, or cut out the detector's box as FaceNet's checkpoints expect",
    )
    crops.add_argument(
        "--margin",
        type=int,
        default=44,
        metavar="PIXELS",
        help="of --crop box, in the photograph, half on each side; FaceNet has 44 at 182 182 and 32 at 160 160",
    )
    crops.add_argument(
        "--detect_multiple_faces",
        action="store_true",
        help="write every face (NAME_0.png, NAME_1.png ...), not the most prominent one alone",
    )
    crops.add_argument(
        "--fallback",
        choices=("skip", "center"),
        default="skip",
        help="where no face is found: skip the image, or write its middle; either is listed",
    )
    detection = parser.add_argument_group("detection")
    detection.add_argument(
        "--longest_side",
        type=int,
        default=1600,
        metavar="PIXELS",
        help="shrink larger photographs to this before detection (crops come from the original)",
    )
    running = parser.add_argument_group("running")
    running.add_argument("--workers", type=int, default=min(cores, 8), help="number of processes")
    running.add_argument(
        "--retry_failures", action="store_true", help="try the images again that are listed as failed"
    )
    return parser.parse_args(argv)


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
