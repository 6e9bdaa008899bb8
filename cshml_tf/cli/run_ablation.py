"""`cshml-ablation`: LR networks of every combination asked for, in one table and one figure."""

import sys
from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.cli.training_arguments import (
    add_comparison_options,
    add_data_options,
    add_device_options,
    add_loss_options,
    add_lr_options,
    add_optimisation_options,
    add_watching_options,
    options_from,
    warn_of_idle_alpha,
)


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Train and measure LR networks of every combination of HR network, resolution, losses, tap "
        "and seed. What is finished is not repeated: call it again after a stop, or with more combinations, and "
        "the table and the figure hold them all.",
    )
    parser.add_argument(
        "output_dir",
        metavar="OUT_DIR",
        help="models/, logs/, reports/, table.md, runs.csv and figure.png are made here",
    )
    _add_grid_options(parser)
    add_data_options(parser)
    _add_test_options(parser)
    add_lr_options(parser)
    add_loss_options(parser, several_taps=True)
    add_optimisation_options(parser)
    add_device_options(parser)
    add_watching_options(parser)
    return parser


def _add_grid_options(parser):
    group = parser.add_argument_group("combinations")
    group.add_argument(
        "--networks",
        metavar="DIR",
        nargs="+",
        required=True,
        help="model folders of HR networks, LR networks' start",
    )
    group.add_argument(
        "--resolutions",
        metavar="R",
        nargs="+",
        required=True,
        help="a network for each: 12, or 14x12 (height x width), or 8+12+16+20 for one network of all four",
    )
    group.add_argument(
        "--losses",
        metavar="EQUATIONS",
        nargs="+",
        default=["2+3+5"],
        help="the paper's equations in the loss: 2 classifier, 3 contrastive, 5 multi-hierarchy, or 4, which is 5 "
        "without its pool; such as 2 2+3 2+3+5",
    )
    group.add_argument("--seeds", type=int, nargs="+", default=[666], help="of every random decision")


def _add_test_options(parser):
    group = parser.add_argument_group("test")
    group.add_argument("--lfw_dir", required=True, help="aligned faces of the pairs, or packed")
    group.add_argument("--lfw_pairs", metavar="FILE", required=True, help="list of pairs, such as pairs.txt")
    add_comparison_options(group)
    group.add_argument(
        "--average_orders", action="store_true", help="try each pair of HL with either image degraded"
    )


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = make_parser().parse_args(argv)
    warn_of_idle_alpha(arguments)
    output_dir = _output_dir(arguments.output_dir)
    start_backend()
    from cshml_tf.ablation.grid import make_grid, parse_losses, parse_resolutions
    from cshml_tf.ablation.reports import read_reports
    from cshml_tf.ablation.runner import PairsTest, run_ablation
    from cshml_tf.ablation.table import PLOT, RUNS, TABLE, summary, write_tables
    from cshml_tf.evaluation.lfw import Options
    from cshml_tf.evaluation.report import remarks
    from cshml_tf.training.settings import LrSettings

    cells = make_grid(
        arguments.networks,
        [parse_resolutions(text) for text in arguments.resolutions],
        [parse_losses(text) for text in arguments.losses],
        arguments.seeds,
        arguments.taps or [None],
    )
    test = PairsTest(
        arguments.lfw_dir,
        arguments.lfw_pairs,
        Options(
            flip=arguments.lfw_use_flipped_images,
            subtract_mean=arguments.lfw_subtract_mean,
            average_orders=arguments.average_orders,
            batch_size=arguments.lfw_batch_size,
        ),
    )
    options = options_from(LrSettings, arguments)
    # The test comes after training, never during it.
    options = {name: value for name, value in options.items() if not name.startswith("lfw_")}
    done, warned = 0, set()
    for cell, report in run_ablation(cells, options, test, output_dir, arguments.max_minutes):
        done += 1
        print(f"{done} of {len(cells)}: {cell.name}: {summary(report)}", flush=True)
        for line in remarks(report["protocol"]):
            if line not in warned:
                print(line, file=sys.stderr)
                warned.add(line)
        write_tables(output_dir, read_reports(output_dir))
    if done:
        print((output_dir / TABLE).read_text(encoding="utf-8"), end="")
        print(f"table: {output_dir / TABLE}  figure: {output_dir / PLOT}  runs: {output_dir / RUNS}")
    if done < len(cells):
        print(f"stopped: {done} of {len(cells)} done; the same command goes on")


def _output_dir(path):
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"OUT_DIR: expected a folder, got the file {path}")
    return path
