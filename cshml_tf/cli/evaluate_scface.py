"""The command `evaluate_scface.py`: identification on SCface by both protocols, beside table 5."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from cshml_tf.cli.argument_types import positive, resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend

_ALL, _SPLIT = "130", "80"


@one_line_errors
def main(argv=None):
    """Align, embed, fine-tune and identify; print table 5 with our rows above the paper's.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = make_parser().parse_args(argv)
    _check(arguments)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend()
    from cshml_tf.files import write_json
    from cshml_tf.scface.experiment import Experiment
    from cshml_tf.scface.fine_tuning import FineTuning
    from cshml_tf.scface.table import format_table, rows_as_json

    fine_tuning = None
    if arguments.fine_tune_steps:
        fine_tuning = FineTuning(
            arguments.fine_tune_steps,
            arguments.fine_tune_batch_size,
            arguments.fine_tune_learning_rate,
            arguments.negative_share,
            arguments.alpha,
        )
    networks = _networks(arguments)
    data = _read(arguments)
    figures_dir = _make_output_folders(arguments)
    mugshots, probes = _align(arguments, data, networks.image_size)
    experiment = Experiment(
        mugshots,
        probes,
        _reduced(arguments, probes, networks),
        networks.hr_recogniser,
        networks.served,
        arguments.use_flipped_images,
        arguments.batch_size,
        _progress("embedding", "batch"),
    )
    rows = list(experiment.all_people()) if _ALL in arguments.protocols else []
    if _SPLIT in arguments.protocols:
        for row in experiment.split(arguments.seeds, fine_tuning, arguments.mappings):
            rows.append(row)
    print(format_table(rows), end="")
    print(_what_served(arguments, networks, fine_tuning))
    if arguments.report:
        protocol = _protocol(arguments, networks, fine_tuning, data, mugshots, probes)
        write_json(arguments.report, {"rows": rows_as_json(rows), "protocol": protocol})
    if figures_dir:
        _draw(rows, figures_dir)
    return 0
