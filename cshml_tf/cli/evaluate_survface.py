"""`cshml-evaluate-survface`: verification, and open-set identification, of surveillance faces."""

import functools
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import check_outputs, deliver, make_output_folders, progress_bar, writers_of
from cshml_tf.cli.native_faces import TWO_WAYS, sources
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.evaluation import SurvFaceSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Verify QMUL-SurvFace's pairs (accuracy, area under the ROC curve, true accept rate at false accept rates), "
    "and identify its probes in an open set (true positive identification rate at rank 20, at false positive "
    "rates). If one of the two tests is absent, only the other is measured. A pair with a missing image is "
    "left out; a mated "
    f"probe whose image is missing counts as never identified. {TWO_WAYS}"
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Measure networks on QMUL-SurvFace; print tables, and write a report and a plot on request.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(SurvFaceSettings, argv, DESCRIPTION)
    check_outputs(settings)
    from cshml_tf.data import survface as readers

    read = {
        "verification": readers.read_survface_verification,
        "identification": readers.read_survface_identification,
    }
    present = readers.survface_tests(settings.root, settings.images_root)
    # Every list is read before the long work, so that a damaged one is reported at once.
    data = {name: _read(read[name], settings) for name in present}
    start_backend()
    from cshml_tf.evaluation import survface
    from cshml_tf.evaluation.serving import load_serving_networks
    from cshml_tf.evaluation.survface_report import format_survface_tables, remarks

    evaluate = {
        "verification": survface.evaluate_verification,
        "identification": functools.partial(survface.evaluate_identification, gallery_of=settings.gallery),
    }
    networks, folders = load_serving_networks(
        settings.hr_model, settings.lr_model, settings.hr_width, settings.runtime, settings.mixed_precision
    )
    figures_dir = make_output_folders(settings)
    measured = {
        name: evaluate[name](
            test,
            networks,
            distributed,
            settings.embedding_batch_size,
            settings.use_flipped_images,
            progress_bar("image"),
        )
        for name, (test, distributed) in data.items()
    }
    report = _report(measured, [name for name in read if name not in present], networks, settings, folders)
    writers = writers_of(settings.report, report, figures_dir, functools.partial(_draw, measured))
    deliver(format_survface_tables(report), remarks(report), writers)


def _read(reader, settings):
    """Return the test that the networks see, and the one that widths are taken from; None for the same."""
    test = reader(settings.root, settings.images_root)
    return test, reader(settings.root) if settings.needs_distributed else None


def _report(measured, absent, networks, settings, folders):
    protocol = {
        "data_set": "QMUL-SurvFace",
        "absent": absent,
        "score": "cosine similarity",
        "options": {"flip": settings.use_flipped_images, "hr_width": networks.hr_width},
    }
    protocol |= {name: of_test.protocol for name, of_test in measured.items()}
    return {name: of_test.figures for name, of_test in measured.items()} | {
        "protocol": protocol | sources(settings, folders)
    }


def _draw(measured, folder):
    from cshml_tf.evaluation.tables import SERVED_ROWS
    from cshml_tf.plots import plot_roc

    if "verification" in measured:
        curves = {SERVED_ROWS[name]: curve for name, curve in measured["verification"].curves.items()}
        plot_roc(folder / "roc.png", curves, "Verification of QMUL-SurvFace's pairs")
