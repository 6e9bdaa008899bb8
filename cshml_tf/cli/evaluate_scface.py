"""`cshml-evaluate-scface`: identification on SCface by both protocols, next to the paper's table 5."""

import contextlib
import functools
import sys
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import (
    check_outputs,
    check_writable,
    check_writable_place,
    deliver,
    make_output_folders,
    progress_bar,
    writers_of,
)
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.degradation.resolution import check_reductions
from cshml_tf.settings.joint_bayesian import fit_options_in_errors
from cshml_tf.settings.parser import flags_in_errors, read_settings
from cshml_tf.settings.places import size_in_card
from cshml_tf.settings.scface import ALL_PEOPLE, SPLIT_PEOPLE, ScfaceSettings

DESCRIPTION = (
    "Identify SCface's surveillance images (probes) among the mugshots. First, all 130 people are measured with "
    "the given HR (high-resolution) and LR (low-resolution) networks, 650 probes per distance. Then, for every "
    "seed, 50 randomly chosen people are used for learning, by fine-tuning the LR networks with equation 3, by "
    "linear mappings of classical methods and, with --general_dir, by a joint Bayesian classifier; the other 80 "
    "people are measured, 400 probes per distance. Rates in the report are fractions."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Align, embed, learn from 50 people and identify; print our rows above those of the paper's table 5.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(ScfaceSettings, argv, DESCRIPTION)
    check_outputs(settings)
    if settings.crops:
        check_writable_place("--crops", settings.crops)
    image_size = size_in_card(settings.hr_model)
    for flag, reductions in (("--reduce", settings.reduce), ("--general_reduce", settings.general_reduce)):
        for distance, to in reductions:
            check_reductions([to], image_size, f"{flag} of distance {distance}: ")
    # The lists are read before the long work, so that a damaged one is reported at once.
    data = _read(settings)
    start_backend()
    from cshml_tf.evaluation.scface.experiment import ScfaceExperiment
    from cshml_tf.evaluation.scface.networks import load_scface_networks
    from cshml_tf.evaluation.scface.protocol import describe

    networks = load_scface_networks(
        settings.hr_model, dict(settings.serve), settings.ricnn, settings.runtime, settings.mixed_precision
    )
    general = _general_faces(settings, networks)
    # The report mentions fine-tuning only if something is fine-tuned.
    all_hr = all(served.is_hr for served in networks.served.values())
    fine_tuning = None if all_hr else settings.fine_tuning
    figures_dir = make_output_folders(settings)
    if settings.crops:
        settings.crops.mkdir(parents=True, exist_ok=True)
        check_writable("--crops", settings.crops)
    mugshots, probes = _align(settings, data, networks.image_size)
    experiment = ScfaceExperiment(
        mugshots,
        probes,
        _reduced(settings, probes, networks),
        networks.hr_recogniser,
        networks.served,
        settings.use_flipped_images,
        settings.embedding_batch_size,
        progress_bar("batch"),
        networks.ricnn,
        general,
    )
    protocol = describe(settings, networks, fine_tuning, data, mugshots, probes, general)
    _measure(experiment, settings, fine_tuning, protocol, figures_dir)


def _measure(experiment, settings, fine_tuning, protocol, figures_dir):
    """Measure the protocols; if a row fails, the rows before it are still written and printed."""
    from cshml_tf.evaluation.scface.protocol import in_words
    from cshml_tf.evaluation.scface.table import format_ranks, format_scface_table, rows_as_json
    from cshml_tf.files import write_json

    rows = []
    try:
        with fit_options_in_errors():
            for row in _rows(experiment, settings, fine_tuning):
                rows.append(row)
                if settings.report:
                    # A full disk ends nothing here: the rows are written again at the end.
                    with contextlib.suppress(OSError):
                        write_json(settings.report, {"rows": rows_as_json(rows), "protocol": protocol})
    finally:
        if rows:
            table = "\n".join([format_scface_table(rows), format_ranks(rows), *in_words(protocol)])
            report = {"rows": rows_as_json(rows), "protocol": protocol}
            draw = functools.partial(_draw, rows)
            deliver(table, writers=writers_of(settings.report, report, figures_dir, draw))


def _rows(experiment, settings, fine_tuning):
    """Yield the rows of the chosen protocols as they are done."""
    if ALL_PEOPLE in settings.protocols:
        yield from experiment.all_people()
    if SPLIT_PEOPLE in settings.protocols:
        yield from experiment.split(settings.seeds, fine_tuning, settings.mappings, settings.fit)


def _general_faces(settings, networks):
    """Open the general faces, and decide to what each distance's copies are reduced; None without any."""
    if settings.general_dir is None:
        return None
    from cshml_tf.data.protocols import read_people
    from cshml_tf.data.sources import open_source
    from cshml_tf.evaluation.scface.mixture import GeneralFaces

    with flags_in_errors(ScfaceSettings):
        people = read_people(settings.general_people) if settings.general_people else None
        source = open_source(settings.general_dir, people, networks.image_size)
        source.check(networks.image_size)
    asked = dict(settings.reduce) | dict(settings.general_reduce)
    resolutions = {
        distance: asked.get(distance, served.resolution) for distance, served in networks.served.items()
    }
    modes = {distance: served.degradation for distance, served in networks.served.items()}
    return GeneralFaces(source, resolutions, modes)


def _read(settings):
    """Find the data set's images, and warn of what is missing."""
    from cshml_tf.data.scface import read_scface

    data = read_scface(settings.scface_dir, None if settings.alignment == "none" else settings.landmarks)
    for what in ("image", "landmarks"):
        names = [missing.name for missing in data.missing if missing.what == what]
        if names:
            print(f"warning: {what} missing: {_some(names)}", file=sys.stderr)
    if data.unexpected:
        paths = [path.name for path in data.unexpected]
        print(f"warning: not part of the data set, ignored: {_some(paths)}", file=sys.stderr)
    return data


def _align(settings, data, image_size):
    """Align mugshots and probes, by distance; write them on request, and warn of fall-backs."""
    from cshml_tf.alignment.detector import Detector
    from cshml_tf.data.scface import DISTANCES
    from cshml_tf.evaluation.scface.faces import align_images, write_faces

    is_aligned = settings.alignment == "none"
    detector = None if is_aligned else Detector()
    progress = progress_bar("image", "aligning")
    mugshots = align_images(
        data.mugshots, image_size, "none" if is_aligned else settings.mugshot_alignment, detector, progress
    )
    probes = {
        distance: align_images(data.probes(distance), image_size, settings.alignment, detector, progress)
        for distance in DISTANCES
    }
    sets = {"mugshots": (mugshots, settings.mugshot_alignment)}
    sets |= {f"distance {distance}": (faces, settings.alignment) for distance, faces in probes.items()}
    for words, (faces, first) in sets.items():
        for how in dict.fromkeys(faces.found.values()):
            if how not in (first, "none"):
                names = [name for name, way in faces.found.items() if way == how]
                print(f"warning: {words}: {how}: {_some(names)}", file=sys.stderr)
        if settings.crops:
            write_faces(faces, settings.scface_dir, settings.crops)
    return mugshots, probes


def _reduced(settings, probes, networks):
    """Return the faces that each distance's network sees: the probes, or copies reduced to a resolution."""
    import numpy as np

    from cshml_tf.degradation.degrade import degrade

    shown = {distance: faces.pixels for distance, faces in probes.items()}
    for distance, to in settings.reduce:
        mode = networks.served[distance].degradation
        reduced = [np.asarray(degrade(face[None], to, mode))[0] for face in shown[distance]]
        shown[distance] = np.array(reduced, np.uint8).reshape(shown[distance].shape)
    return shown


def _draw(rows, folder):
    from cshml_tf.evaluation.scface.table import curves_by_distance
    from cshml_tf.plots import plot_cumulative_matches

    for people in dict.fromkeys(row.people for row in rows):
        for distance, curves in curves_by_distance(rows, people).items():
            path = folder / f"cmc_{people}_distance_{distance}.png"
            plot_cumulative_matches(path, curves, f"SCface, {people} people, distance {distance}")


def _some(names):
    shown = ", ".join(names[:5])
    return f"{len(names)}: {shown}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")
