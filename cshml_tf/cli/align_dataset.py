"""`cshml-align`: photographs to aligned face crops."""

import functools
import time
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.long_work import bar_interval, silently, terminate_as_exit
from cshml_tf.files import printable
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

    from cshml_tf.alignment.folder import align_dataset, detector_on_cpu
    from cshml_tf.workers import Cluster

    cluster = Cluster(settings.scheduler, settings.scheduler_timeout) if settings.scheduler else None
    alignment = settings.part(AlignmentSettings)
    done = 0

    def progress(results, total):
        nonlocal done
        bar = tqdm.tqdm(
            silently(results),
            desc="aligning",
            total=total,
            unit="image",
            mininterval=bar_interval(),
            disable=not total,
        )
        for rows in bar:
            yield rows
            done += 1

    started = time.monotonic()
    with terminate_as_exit():
        record = align_dataset(
            settings.input_dir,
            settings.output_dir,
            alignment,
            workers=settings.workers,
            retry_failures=settings.retry_failures,
            make_detector=functools.partial(
                detector_on_cpu, alignment, threads=1 if settings.workers > 1 or cluster else None
            ),
            progress=progress,
            cluster=cluster,
        )
    counts = record.counts()
    print(_summary(counts, done, time.monotonic() - started, record.path))
    return 0 if counts["aligned"] else 1


def _summary(counts, done, seconds, path):
    statuses = ("aligned", "center", "no_face", "unreadable")
    total = sum(counts[status] for status in statuses)
    parts = ", ".join(f"{counts[status]} {status}" for status in statuses)
    rate = f"{done / seconds:.1f} images/s" if done else "nothing was missing"
    done_now = f"{done} done now in {seconds:.1f} s ({rate})"
    return f"{total} images: {parts}; {counts['crops']} crops. {done_now}. {printable(path)}"
