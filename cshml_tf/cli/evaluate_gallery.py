"""`cshml-evaluate-gallery`: identification of known and unknown people, at each resolution."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.gallery import EvaluateGallerySettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Measure identification in a gallery: people with several photographs are enrolled with the first of them, "
    "and the others are probes, sharp and reduced to each resolution; people with one photograph are strangers, "
    "of whom half set the thresholds and half test them. Measured are rank 1, the share of probes missed at each "
    "false-positive rate, and rank 1 of several photographs of a person together. --reject measures which figures "
    "of a face predict its errors."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Measure networks and print tables; write a report and plots on request.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(EvaluateGallerySettings, argv, DESCRIPTION)
    start_backend()
    from cshml_tf.cli.evaluation_outputs import deliver, writers_of
    from cshml_tf.data.protocols import read_people
    from cshml_tf.data.sources import open_source
    from cshml_tf.evaluation.networks import people_trained_on
    from cshml_tf.gallery.measurement import format_gallery_table
    from cshml_tf.gallery.networks import load_gallery_networks
    from cshml_tf.gallery.rejection import format_rejection_table

    people = read_people(settings.people) if settings.people else None
    networks = load_gallery_networks(
        settings.hr_model,
        settings.lr_model,
        settings.hr_width,
        settings.weights,
        settings.runtime,
        settings.mixed_precision,
    )
    source = open_source(settings.data_dir, people, networks.image_size)
    figures_dir = _make_folders(settings)
    report = _measure(settings, source, networks)
    known = people_trained_on([settings.hr_model, *settings.lr_model], source.classes)
    report["protocol"] |= {"people_trained_on": len(known), "options": settings.as_json()}
    table = format_gallery_table(report)
    if settings.reject:
        table += "\n\n" + format_rejection_table(report["rejection"])
    remarks = [f"warning: the networks were trained on {len(known)} of these people"] if known else []
    deliver(table, remarks, writers_of(settings.report, report, figures_dir, functools.partial(_draw, report)))


def _make_folders(settings: EvaluateGallerySettings) -> Path | None:
    """Make the folders to write to before the long work; return the one for plots."""
    from cshml_tf.cli.evaluation_outputs import check_writable, make_output_folders

    if settings.reject:
        return make_output_folders(settings)
    if settings.report:
        settings.report.parent.mkdir(parents=True, exist_ok=True)
        check_writable("--report", settings.report.parent)
    return None


def _measure(settings: EvaluateGallerySettings, source: Any, networks: Any) -> dict[str, Any]:
    from cshml_tf.alignment.record import RECORD_NAME
    from cshml_tf.cli.evaluation_outputs import progress_bar
    from cshml_tf.gallery.measurement import measure_gallery
    from cshml_tf.gallery.rejection import measure_rejection

    seen: dict = {}
    protocol = {"rates": settings.rates, "portraits": settings.portraits, "seed": settings.seed}
    common = protocol | {"batch_size": settings.embedding_batch_size, "progress": progress_bar("batch")}
    report = measure_gallery(source, networks, weights=settings.try_weights, seen=seen, **common)
    if settings.reject:
        beside = Path(settings.data_dir) / RECORD_NAME
        record = settings.record or (beside if beside.is_file() else None)
        report["rejection"] = measure_rejection(source, networks, seen, record=record, **common)
    return report


def _draw(report: dict[str, Any], folder: Path) -> None:
    """Draw the error-versus-reject curves, one figure per kind of error."""
    from cshml_tf.gallery.rejection import panels_of
    from cshml_tf.plots import plot_error_reject

    rejection = report["rejection"]
    for error in next(iter(rejection["kinds"].values())):
        what = "Wrong at rank 1" if error == "rank_1" else error[0].upper() + error[1:]
        name = error.replace(" ", "_").lower()
        plot_error_reject(
            folder / f"reject_{name}.png",
            rejection["shares"],
            panels_of(rejection, error),
            f"{what}, once faces of low quality are rejected",
        )
