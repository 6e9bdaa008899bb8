"""`cshml-evaluate-tinyface`: identification of natively low-resolution faces among distractors."""

import functools
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import check_outputs, deliver, make_output_folders, progress_bar, writers_of
from cshml_tf.cli.native_faces import TWO_WAYS, sources
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.evaluation import TinyFaceSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Identify TinyFace's probes in its gallery of mates and distractors: rates at rank 1, 5 and 20, and mean "
    "average "
    f"precision. A probe whose image is missing counts as never identified. {TWO_WAYS}"
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Measure networks on TinyFace; print a table, and write a report and a plot on request.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(TinyFaceSettings, argv, DESCRIPTION)
    check_outputs(settings)
    from cshml_tf.data.tinyface import read_tinyface

    # Every list is read before the long work, so that a damaged one is reported at once.
    test = read_tinyface(settings.root, settings.images_root)
    distributed = read_tinyface(settings.root) if settings.needs_distributed else None
    start_backend()
    from cshml_tf.evaluation.serving import load_serving_networks
    from cshml_tf.evaluation.tinyface import evaluate, format_tinyface_table, remarks

    networks, folders = load_serving_networks(
        settings.hr_model, settings.lr_model, settings.hr_width, settings.runtime, settings.mixed_precision
    )
    figures_dir = make_output_folders(settings)
    evaluation = evaluate(
        test,
        networks,
        distributed,
        settings.embedding_batch_size,
        settings.use_flipped_images,
        progress_bar("image"),
    )
    report = evaluation.report
    report["protocol"] |= sources(settings, folders)
    writers = writers_of(settings.report, report, figures_dir, functools.partial(_draw, evaluation))
    deliver(format_tinyface_table(report), remarks(report["protocol"]), writers)


def _draw(evaluation, folder):
    from cshml_tf.evaluation.tables import SERVED_ROWS
    from cshml_tf.plots import plot_cumulative_matches

    curves = {SERVED_ROWS[name]: curve for name, curve in evaluation.curves.items()}
    protocol = evaluation.report["protocol"]
    title = f"TinyFace: {protocol['probes']} probes in a gallery of {protocol['gallery']}"
    plot_cumulative_matches(folder / "cmc.png", curves, title)
