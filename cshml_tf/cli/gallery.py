"""`cshml-gallery`: create a gallery, enrol people, look after them, calibrate thresholds."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings import gallery as options
from cshml_tf.settings.calibration import CalibrateSettings
from cshml_tf.settings.parser import Parser, flags_in_errors, read_settings

if TYPE_CHECKING:
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.gallery.networks import GalleryNetworks
    from cshml_tf.gallery.store import Gallery

DESCRIPTION = "Keep a gallery of enrolled people. ACTION --help lists the options of an action."


@one_line_errors
def main(argv: Sequence[str] | None = None) -> int | None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in ACTIONS:
        parser = Parser(DESCRIPTION)
        shown = "; ".join(f"{name}: {description}" for name, (description, _, _) in ACTIONS.items())
        parser.add_argument("action", metavar="ACTION", choices=list(ACTIONS), help=shown)
        parser.parse_args(words[:1])
    description, settings_class, run = ACTIONS[words[0]]
    sentence = description[0].upper() + description[1:] + "."
    settings = read_settings(settings_class, words[1:], sentence, action=words[0])
    with flags_in_errors(settings_class):
        return run(settings)


def _create(settings: options.CreateSettings) -> None:
    start_backend()
    from cshml_tf.gallery.creation import create_gallery
    from cshml_tf.gallery.networks import load_gallery_networks

    networks = load_gallery_networks(settings.hr_model, settings.lr_model, settings.hr_width, settings.weights)
    gallery = create_gallery(settings.gallery, networks, settings.person_score, settings.search)
    with contextlib.closing(gallery.database):
        print(f"{gallery.name}: an empty gallery with views {', '.join(networks.views)}")


def _enrol(settings: options.EnrolSettings) -> None:
    start_backend()
    from cshml_tf.gallery.enrolment import ENROLLED, KNOWN, REFUSED, enrol, read_entries

    entries = read_entries(settings.source)
    with _with_networks(settings) as (gallery, networks):
        from cshml_tf.files import printable
        from cshml_tf.gallery.reports import near_line, size_words

        near = settings.near if settings.near is not None else _sharp_threshold(gallery)
        counts, refused_before = {ENROLLED: 0, KNOWN: 0, REFUSED: 0}, 0
        done = enrol(
            gallery,
            networks,
            entries,
            _detector(settings, settings.longest_side),
            _min_width(settings.min_width, networks),
            near,
            settings.batch_size,
        )
        for outcome in done:
            counts[outcome.status] += 1
            refused_before += outcome.was_refused
            if outcome.status == REFUSED and not outcome.was_refused:
                print(f"refused: {printable(outcome.entry.path)}: {outcome.reason}", file=sys.stderr)
            if outcome.near is not None and near is not None:
                print(f"warning: {near_line(gallery, outcome, near)}", file=sys.stderr)
        if refused_before:
            words = (
                "was refused before, for the same reason"
                if refused_before == 1
                else "were refused before, each for the same reason"
            )
            print(f"note: {refused_before} {words} as then", file=sys.stderr)
        if near is None:
            print("note: no threshold yet: the portraits were not compared with other people's", file=sys.stderr)
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        print(f"{gallery.name}: {told}; now {size_words(*gallery.size())}")


def _list(settings: options.ListSettings) -> None:
    with _opened(settings) as gallery:
        if settings.log:
            for at, action, person, faces in gallery.log():
                print(
                    "\t".join(
                        (at, action, "" if person is None else str(person), "" if faces is None else str(faces))
                    )
                )
            return
        from cshml_tf.gallery.reports import gallery_lines

        print("\n".join(gallery_lines(gallery)))
        _print_unerased(gallery)


def _show(settings: options.ShowSettings) -> None:
    with _opened(settings) as gallery:
        from cshml_tf.files import replacing
        from cshml_tf.gallery.reports import face_lines

        faces = gallery.faces_of(settings.name)
        if settings.crops:
            with replacing(settings.crops) as partial:
                partial.mkdir()
                for face in faces:
                    (partial / f"{face.id}.png").write_bytes(gallery.crop_of(face.id))
        print("\n".join(face_lines(faces)))


def _remove(settings: options.RemoveSettings) -> None:
    with _opened(settings) as gallery:
        from cshml_tf.gallery.reports import face_words

        faces = gallery.remove(settings.name)
        print(f"{gallery.name}: removed {settings.name}, {face_words(faces)}")
        _print_unerased(gallery)


def _rename(settings: options.RenameSettings) -> None:
    with _opened(settings) as gallery:
        from cshml_tf.gallery.rows import checked_name

        gallery.rename(settings.name, settings.new_name)
        print(f"{gallery.name}: {settings.name} is now {checked_name(settings.new_name)}")
        _print_unerased(gallery)


def _merge(settings: options.RenameSettings) -> None:
    with _opened(settings) as gallery:
        from cshml_tf.gallery.reports import face_words

        faces = gallery.merge(settings.name, settings.new_name)
        print(f"{gallery.name}: {face_words(faces)} moved from {settings.name} to {settings.new_name}")
        _print_unerased(gallery)


def _rebuild(settings: options.RebuildSettings) -> None:
    with _opened(settings) as gallery:
        start_backend()
        from cshml_tf.gallery.networks import load_gallery_networks
        from cshml_tf.gallery.rebuilding import rebuild
        from cshml_tf.gallery.reports import face_words

        networks = load_gallery_networks(
            settings.hr_model,
            settings.lr_model,
            settings.hr_width,
            settings.weights,
            settings.runtime,
            settings.mixed_precision,
        )
        faces = rebuild(gallery, networks, settings.person_score, progress=_progress("batch"))
        print(f"{gallery.name}: {face_words(faces)} embedded anew; calibrate again")


def _calibrate(settings: CalibrateSettings) -> None:
    start_backend()
    from cshml_tf.gallery.strangers import check_strangers, read_strangers

    entries = read_strangers(settings.source)
    with _opened(settings) as gallery:
        from cshml_tf.files import printable
        from cshml_tf.gallery.calibration import NATIVE, REDUCED, store_calibrations
        from cshml_tf.gallery.networks import networks_of
        from cshml_tf.gallery.reports import calibration_line, quality_line
        from cshml_tf.gallery.strangers import score_native_strangers, score_strangers

        check_strangers(gallery, entries, settings.fpir)
        networks = networks_of(
            gallery, settings.hr_model, settings.lr_model, settings.runtime, settings.mixed_precision
        )
        # Natively small faces are found as those to identify will be.
        usual = options.IdentifySettings if settings.native else options.EnrolSettings
        least = usual.min_width if settings.native else None
        found = (score_native_strangers if settings.native else score_strangers)(
            gallery,
            networks,
            entries,
            _detector(settings, settings.longest_side or usual.longest_side),
            _min_width(settings.min_width or least, networks),
            settings.batch_size,
            _progress("photograph"),
        )
        for entry, reason in found.left_out:
            print(f"left out: {printable(entry.path)}: {reason}", file=sys.stderr)
        scores, lines = found.supporting(settings.fpir)
        for line in lines:
            print(f"note: {line}", file=sys.stderr)
        origin = NATIVE if settings.native else REDUCED
        for calibration in store_calibrations(gallery, scores, found.people_of, settings.fpir, origin):
            print(calibration_line(calibration))
        for kind in scores:
            print(quality_line(kind, found.qualities[kind]))


def _export(settings: options.ExportSettings) -> None:
    with _opened(settings) as gallery:
        from cshml_tf.gallery.archive import export_gallery
        from cshml_tf.gallery.reports import size_words

        export_gallery(gallery, settings.archive)
        print(f"{settings.archive}: {size_words(*gallery.size())}")


def _import(settings: options.ImportSettings) -> None:
    from cshml_tf.gallery.archive import import_gallery
    from cshml_tf.gallery.reports import size_words

    gallery = import_gallery(settings.archive, settings.gallery, settings.search)
    with contextlib.closing(gallery.database):
        print(f"{gallery.name}: {size_words(*gallery.size())}")


def _print_unerased(gallery: "Gallery") -> None:
    if (note := gallery.unerased()) is not None:
        print(f"note: {note}", file=sys.stderr)


@contextlib.contextmanager
def _opened(settings: options.GalleryOptions) -> "Iterator[Gallery]":
    from cshml_tf.gallery.creation import open_gallery

    gallery = open_gallery(settings.gallery)
    with contextlib.closing(gallery.database):
        yield gallery


@contextlib.contextmanager
def _with_networks(settings: Any) -> "Iterator[tuple[Gallery, GalleryNetworks]]":
    with _opened(settings) as gallery:
        from cshml_tf.gallery.networks import networks_of

        yield (
            gallery,
            networks_of(gallery, settings.hr_model, settings.lr_model, settings.runtime, settings.mixed_precision),
        )


def _detector(settings: options.FacesInPicturesOptions, longest_side: int) -> "Detector | None":
    from cshml_tf.alignment import detector

    return None if settings.aligned else detector.Detector(longest_side=longest_side, min_face=settings.min_face)


def _min_width(given: float | None, networks: "GalleryNetworks") -> float:
    return networks.serving.hr_width if given is None else given


def _sharp_threshold(gallery: "Gallery") -> float | None:
    from cshml_tf.gallery.calibration import read_calibrations
    from cshml_tf.gallery.schema import SHARP

    calibration = read_calibrations(gallery).get(SHARP)
    return None if calibration is None else calibration.at().value


def _progress(unit: str) -> Callable:
    from cshml_tf.cli.evaluation_outputs import progress_bar

    return progress_bar(unit)


# What each action does, its options, and the function that runs it.
ACTIONS: dict[str, tuple[str, type, Callable[[Any], int | None]]] = {
    "create": ("make an empty gallery, bound to its networks", options.CreateSettings, _create),
    "enrol": ("add people, from portraits with one face each", options.EnrolSettings, _enrol),
    "list": ("list the people, the networks and the thresholds", options.ListSettings, _list),
    "show": ("show the faces of a person", options.ShowSettings, _show),
    "remove": ("remove a person without a trace", options.RemoveSettings, _remove),
    "rename": ("rename a person", options.RenameSettings, _rename),
    "merge": ("give the faces of one person to another", options.RenameSettings, _merge),
    "rebuild": (
        "bind the gallery to other networks and embed the stored crops anew",
        options.RebuildSettings,
        _rebuild,
    ),
    "calibrate": ("set thresholds from photographs of strangers", CalibrateSettings, _calibrate),
    "export": ("write the whole gallery to one file", options.ExportSettings, _export),
    "import": ("make a gallery from an exported file", options.ImportSettings, _import),
}
