"""`cshml-ablation`: LR networks for every combination of options, in one table and one figure."""

import sys
from collections.abc import Sequence
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import check_writable_place
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.ablation import AblationSettings
from cshml_tf.settings.parser import flags_in_errors, read_settings

DESCRIPTION = (
    "Train and measure one LR (low-resolution) network for every combination of HR network, resolution, losses, "
    "tap and seed. Every pair of faces is measured twice: HL compares a high-resolution image with a "
    "low-resolution one, LL compares two low-resolution images. Finished combinations are never repeated: run "
    "the same command again after an interruption, or with more combinations, and the table and the figure cover "
    "all of them."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(AblationSettings, argv, DESCRIPTION)
    from cshml_tf.ablation.grid import cells_of
    from cshml_tf.training.early import check_network

    with flags_in_errors(AblationSettings):
        cells = cells_of(settings)
        for cell in cells:
            check_network(cell.settings(**settings.shared_options()))
        check_writable_place("OUT_DIR", Path(settings.output_dir))
        _check_lists(settings)
        start_backend()
        _run(settings, cells)


def _check_lists(settings):
    """Read the lists, so that a bad one is refused before the backend is loaded."""
    from cshml_tf.data.protocols import read_pairs, read_people

    read_pairs(settings.lfw_pairs)
    if settings.people:
        read_people(settings.people)


def _run(settings, cells):
    from cshml_tf.ablation.measurement import PairsTest
    from cshml_tf.ablation.reports import read_reports
    from cshml_tf.ablation.runner import run_ablation
    from cshml_tf.ablation.table import PLOT, RUNS, TABLE, summary, write_tables
    from cshml_tf.evaluation.lfw import Options
    from cshml_tf.evaluation.report import remarks

    output_dir = Path(settings.output_dir)
    test_options = Options(
        flip=settings.use_flipped_images,
        subtract_mean=settings.subtract_mean,
        average_orders=settings.average_orders,
        batch_size=settings.embedding_batch_size,
    )
    test = PairsTest(settings.lfw_dir, settings.lfw_pairs, test_options)
    done, warned = 0, set()
    finished = run_ablation(cells, settings.shared_options(), test, output_dir, settings.max_minutes)
    for cell, report in finished:
        done += 1
        write_tables(output_dir, read_reports(output_dir))
        print(f"{done} of {len(cells)}: {cell.name}: {summary(report)}", flush=True)
        for line in remarks(report["protocol"]):
            if line not in warned:
                print(line, file=sys.stderr)
                warned.add(line)
    if done:
        print((output_dir / TABLE).read_text(encoding="utf-8"), end="")
        print(f"table: {output_dir / TABLE}  figure: {output_dir / PLOT}  runs: {output_dir / RUNS}")
    if done < len(cells):
        print(f"stopped: {done} of {len(cells)} done; the same command resumes")
