"""The command `evaluate_tinyface.py`: identification of native low-resolution faces among distractors."""

import sys

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import make_output_folders, progress_bar
from cshml_tf.cli.native_faces import needs_distributed, parse_arguments, sources
from cshml_tf.cli.quiet_start import start_backend

_DESCRIPTION = (
    "Identify TinyFace's probes in its gallery of mates and distractors: rank-1, 5 and 20, and mean average "
    "precision. A probe whose image is missing counts as never identified. "
)


@one_line_errors
def main(argv=None):
    """Measure networks on TinyFace; print a table, and write a report and a figure where asked.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = parse_arguments(
        argv, _DESCRIPTION, "Testing_Set with its lists (.mat) and folders", "the cumulative match curves"
    )
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.data.tinyface import read_tinyface
    from cshml_tf.evaluation.serving import load_serving_networks
    from cshml_tf.evaluation.tinyface import evaluate, format_tinyface_table, remarks
    from cshml_tf.files import write_json

    test = read_tinyface(arguments.root, arguments.images_root)
    distributed = read_tinyface(arguments.root) if needs_distributed(arguments) else None
    networks, folders = load_serving_networks(arguments.hr_model, arguments.lr_model, arguments.hr_width)
    figures_dir = make_output_folders(arguments)
    evaluation = evaluate(
        test,
        networks,
        distributed,
        arguments.batch_size,
        arguments.use_flipped_images,
        progress_bar("image"),
    )
    report = evaluation.report
    report["protocol"] |= sources(arguments, folders)
    print(format_tinyface_table(report))
    for line in remarks(report["protocol"]):
        print(line, file=sys.stderr)
    if arguments.report:
        write_json(arguments.report, report)
    if figures_dir:
        _draw(evaluation, figures_dir)
    return 0


def _draw(evaluation, folder):
    from cshml_tf.evaluation.tables import SERVED_ROWS
    from cshml_tf.plots import plot_cumulative_matches

    curves = {SERVED_ROWS[name]: curve for name, curve in evaluation.curves.items()}
    protocol = evaluation.report["protocol"]
    title = f"TinyFace: {protocol['probes']} probes in a gallery of {protocol['gallery']}"
    plot_cumulative_matches(folder / "cmc.png", curves, title)
