"""`cshml-identify`: who of a gallery is in pictures."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors, prints_utf8
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.gallery import IdentifySettings
from cshml_tf.settings.parser import flags_in_errors, read_settings

DESCRIPTION = (
    "Find every face in pictures and decide who of a gallery it shows: a name, unknown, or rejected if the face "
    "is too small or too poor. Small faces are searched for in an enlarged copy. Names are given only if the "
    "gallery was calibrated (cshml-gallery calibrate); otherwise the most similar people are listed."
)
EPILOG = (
    "A picture that cannot be read is listed with the reason. Exit code: 0 if any picture was read, 1 if none "
    "was, 2 on bad arguments."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int:
    """Identify the faces of pictures and print the decisions.

    Args:
        argv: the words of the command line; None takes the process's own.

    Returns:
        The exit code.
    """
    settings = read_settings(IdentifySettings, argv, DESCRIPTION, EPILOG)
    with flags_in_errors(IdentifySettings):
        return _identify(settings)


def _identify(settings: IdentifySettings) -> int:
    paths = _files(settings.images)
    start_backend()
    from cshml_tf.gallery.creation import open_gallery

    gallery = open_gallery(settings.gallery)
    with contextlib.closing(gallery.database):
        from cshml_tf.alignment import detector
        from cshml_tf.cli.evaluation_outputs import progress_bar
        from cshml_tf.gallery.calibration import read_calibrations
        from cshml_tf.gallery.decision import Thresholds
        from cshml_tf.gallery.identification import Identifier
        from cshml_tf.gallery.networks import networks_of
        from cshml_tf.gallery.reports import identified_csv, identified_json, identified_table

        networks = networks_of(
            gallery, settings.hr_model, settings.lr_model, settings.runtime, settings.mixed_precision
        )
        thresholds = Thresholds(read_calibrations(gallery), settings.fpir)
        limits = {"min_width": settings.min_width, "min_quality": settings.min_quality}
        identifier = Identifier(gallery, networks, thresholds, count=settings.top, **limits)
        finder = (
            None
            if settings.aligned
            else detector.Detector(longest_side=settings.longest_side, min_face=settings.min_face)
        )
        progress = progress_bar("batch", "identifying")
        pictures = list(identifier.identify_files(paths, finder, settings.batch_size, progress))
        kinds = {face.answer.kind for picture in pictures for face in picture.faces if not face.answer.reason}
        notes = thresholds.notes(gallery, kinds)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if settings.format == "json":
        print(identified_json(pictures, notes, ensure_ascii=not prints_utf8()))
    else:
        print(identified_csv(pictures) if settings.format == "csv" else identified_table(pictures))
    return 1 if all(picture.problem for picture in pictures) else 0


def _files(places: Sequence[Path]) -> list[Path]:
    """List the pictures given, and those in folders given."""
    from cshml_tf.images import list_images

    paths = []
    for place in places:
        found = [place / name for name in list_images(place)] if place.is_dir() else [place]
        if not found:
            raise ValueError(f"IMAGE: expected pictures in the folder {place}, got none")
        paths += found
    return paths
