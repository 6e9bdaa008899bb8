"""`cshml-toy`: the paper's toy experiment on MNIST, tables 1 and 2, figures 2 to 4."""

import sys
from pathlib import Path

from cshml_tf.cli.argument_types import positive
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.toy.ways import RESOLUTION, WAYS


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Train the paper's toy on MNIST: an HR network on digits of 28 x 28, and LR networks on the "
        "digits reduced to 3 x 3, under equation 3 or 2 alone, each with the HR network's batch and with another. "
        "A classifier of the nine pixels themselves shows how much they hold.",
    )
    parser.add_argument(
        "output_dir", metavar="OUT_DIR", type=Path, help="models/, logs/, table.md and figure.png are made here"
    )
    parser.add_argument(
        "--mnist", metavar="FILE.npz", help="MNIST as Keras keeps it (default: Keras's own, fetched on first use)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="of every random decision")
    parser.add_argument(
        "--ways", choices=WAYS, nargs="+", default=list(WAYS), help="equation and batch of the LR networks"
    )
    group = parser.add_argument_group("training")
    group.add_argument(
        "--embedding_size",
        type=positive,
        default=64,
        help="length of an embedding; the figure shows 2 as they are",
    )
    group.add_argument("--batch_size", type=positive, default=128, help="HR digits a step")
    group.add_argument("--hr_steps", type=positive, default=500, help="of the HR network")
    group.add_argument("--lr_steps", type=positive, default=300, help="of each LR network")
    falls = "falls to 0 along half a cosine"
    group.add_argument("--hr_learning_rate", type=float, default=0.05, help=f"of the HR network, {falls}")
    group.add_argument("--lr_learning_rate", type=float, default=0.01, help=f"of each LR network, {falls}")
    group.add_argument(
        "--ceiling_epochs", type=positive, default=15, help="of the classifier of nine pixels, over all digits"
    )
    return parser


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = make_parser().parse_args(argv)
    start_backend()
    from cshml_tf.files import write_text
    from cshml_tf.toy.ceiling import ceiling
    from cshml_tf.toy.digits import pack_digits, read_mnist
    from cshml_tf.toy.experiment import run_toy
    from cshml_tf.toy.scatters import plot_digit_scatters
    from cshml_tf.toy.table import format_toy_table

    for option in ("seeds", "ways"):
        given = getattr(arguments, option)
        if len(set(given)) < len(given):
            raise ValueError(f"--{option}: expected each once, got {' '.join(map(str, given))}")
    train, test = read_mnist(arguments.mnist)
    output_dir = arguments.output_dir
    output_dir.mkdir(parents=True, exist_ok=True)
    packed_dir = output_dir / "digits_packed"
    pack_digits(train, packed_dir)
    batch = {"batch_size": arguments.batch_size}
    hr_options = {"max_steps": arguments.hr_steps, "learning_rate": arguments.hr_learning_rate}
    hr_options |= batch | {"embedding_size": arguments.embedding_size}
    lr_options = batch | {"max_steps": arguments.lr_steps, "learning_rate": arguments.lr_learning_rate}
    outcomes = {}
    for seed in arguments.seeds:
        outcome = run_toy(packed_dir, test, output_dir, seed, hr_options, lr_options, arguments.ways)
        if outcome is None:
            print(f"stopped: {len(outcomes)} of {len(arguments.seeds)} seeds done; the same command goes on")
            break
        outcomes[seed] = outcome
        write_text(output_dir / "table.md", format_toy_table(outcomes))
    if outcomes:
        first = next(iter(outcomes))
        plot_digit_scatters(output_dir / "figure.png", output_dir, first, arguments.ways, test)
        if len(outcomes) == len(arguments.seeds):
            held = ceiling(train, test, RESOLUTION, arguments.ceiling_epochs, first)
            write_text(output_dir / "table.md", format_toy_table(outcomes, held))
        sys.stdout.write((output_dir / "table.md").read_text(encoding="utf-8"))
        print(f"table: {output_dir / 'table.md'}  figure: {output_dir / 'figure.png'}")
