"""The command `evaluate_survface.py`: verification, and open-set identification, of surveillance faces."""

import functools
import sys

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import make_output_folders, progress_bar
from cshml_tf.cli.native_faces import needs_distributed, parse_arguments, sources
from cshml_tf.cli.quiet_start import start_backend

_DESCRIPTION = (
    "Verify QMUL-SurvFace's pairs (accuracy, AUC, TAR at FAR), and identify its probes in an open set (TPIR20 at "
    "FPIR); where one of the two tests is not there, the other alone is measured. A pair with a missing image is "
    "left out, a mated probe whose image is missing counts as never identified. "
)


@one_line_errors
def main(argv=None):
    """Measure networks on QMUL-SurvFace; print tables, and write a report and a figure where asked.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = parse_arguments(
        argv,
        _DESCRIPTION,
        "Face_Verification_Test_Set and Face_Identification_Test_Set, or one of them",
        "the ROC curves of verification",
        _add_options,
    )
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.data import survface as readers
    from cshml_tf.evaluation import survface
    from cshml_tf.evaluation.serving import load_serving_networks
    from cshml_tf.evaluation.survface_report import format_survface_tables, remarks
    from cshml_tf.files import write_json

    identify = functools.partial(survface.evaluate_identification, gallery_of=arguments.gallery)
    tests = {
        "verification": (readers.read_survface_verification, survface.evaluate_verification),
        "identification": (readers.read_survface_identification, identify),
    }
    present = readers.survface_tests(arguments.root, arguments.images_root)
    # Every list is read before the long work, so that a damaged one is told of at once.
    data = {name: _read(tests[name][0], arguments) for name in present}
    networks, folders = load_serving_networks(arguments.hr_model, arguments.lr_model, arguments.hr_width)
    figures_dir = make_output_folders(arguments)
    measured = {
        name: tests[name][1](
            test,
            networks,
            distributed,
            arguments.batch_size,
            arguments.use_flipped_images,
            progress_bar("image"),
        )
        for name, (test, distributed) in data.items()
    }
    report = _report(measured, [name for name in tests if name not in present], networks, arguments, folders)
    print(format_survface_tables(report))
    for line in remarks(report):
        print(line, file=sys.stderr)
    if arguments.report:
        write_json(arguments.report, report)
    if figures_dir and "verification" in measured:
        _draw(measured["verification"].curves, figures_dir)
    return 0


def _add_options(parser):
    group = parser.add_argument_group("open set")
    group.add_argument(
        "--gallery",
        choices=("people", "images"),
        default="people",
        help="what is ranked: a person as the mean of the embeddings of the person's images, or each image",
    )


def _read(reader, arguments):
    """Give the test that the networks are shown, and the one whose widths count, None for the same."""
    test = reader(arguments.root, arguments.images_root)
    return test, reader(arguments.root) if needs_distributed(arguments) else None


def _report(measured, absent, networks, arguments, folders):
    protocol = {
        "data_set": "QMUL-SurvFace",
        "absent": absent,
        "score": "cosine similarity",
        "options": {"flip": arguments.use_flipped_images, "hr_width": networks.hr_width},
    }
    protocol |= {name: of_test.protocol for name, of_test in measured.items()}
    return {name: of_test.figures for name, of_test in measured.items()} | {
        "protocol": protocol | sources(arguments, folders)
    }


def _draw(curves, folder):
    from cshml_tf.evaluation.tables import SERVED_ROWS
    from cshml_tf.plots import plot_roc

    curves = {SERVED_ROWS[name]: curve for name, curve in curves.items()}
    plot_roc(folder / "roc.png", curves, "Verification of QMUL-SurvFace's pairs")
