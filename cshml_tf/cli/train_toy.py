"""`cshml-toy`: the paper's toy experiment on MNIST, tables 1 and 2, figures 2 to 4."""

import sys
from pathlib import Path

from cshml_tf.cli.argument_types import positive
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Train the paper's toy on MNIST: an HR network on digits of 28 x 28, and LR networks on the "
        "digits reduced to 3 x 3, under equation 3 or 2 alone, each with the HR network's batch and with another.",
    )
    parser.add_argument(
        "output_dir", metavar="OUT_DIR", type=Path, help="models/, logs/, table.md and figure.png are made here"
    )
    parser.add_argument(
        "--mnist", metavar="FILE.npz", help="MNIST as Keras keeps it (default: Keras's own, fetched on first use)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="of every random decision")
    group = parser.add_argument_group("training")
    group.add_argument("--embedding_size", type=positive, default=2, help="length of an embedding")
    group.add_argument("--batch_size", type=positive, default=128, help="HR digits a step")
    group.add_argument("--learning_rate", type=float, default=0.05, help="falls to 0 along half a cosine")
    group.add_argument("--hr_steps", type=positive, default=1500, help="of the HR network")
    group.add_argument("--lr_steps", type=positive, default=1500, help="of each LR network")
    return parser


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = make_parser().parse_args(argv)
    start_backend()
    from cshml_tf.files import write_text
    from cshml_tf.toy.digits import pack_digits, read_mnist
    from cshml_tf.toy.experiment import run_toy
    from cshml_tf.toy.figure import draw
    from cshml_tf.toy.table import format_table

    if len(set(arguments.seeds)) < len(arguments.seeds):
        raise ValueError(f"--seeds: expected each once, got {' '.join(map(str, arguments.seeds))}")
    train, test = read_mnist(arguments.mnist)
    output_dir = arguments.output_dir
    output_dir.mkdir(parents=True, exist_ok=True)
    packed_dir = output_dir / "digits_packed"
    pack_digits(train, packed_dir)
    names = ("embedding_size", "batch_size", "learning_rate")
    options = {name: getattr(arguments, name) for name in names}
    outcomes = {}
    for seed in arguments.seeds:
        outcome = run_toy(
            packed_dir, test, output_dir, seed, (arguments.hr_steps, arguments.lr_steps), options=options
        )
        if outcome is None:
            print(f"stopped: {len(outcomes)} of {len(arguments.seeds)} seeds done; the same command goes on")
            break
        outcomes[seed] = outcome
        write_text(output_dir / "table.md", format_table(outcomes))
    if outcomes:
        draw(output_dir / "figure.png", output_dir, next(iter(outcomes)), test)
        sys.stdout.write((output_dir / "table.md").read_text(encoding="utf-8"))
        print(f"table: {output_dir / 'table.md'}  figure: {output_dir / 'figure.png'}")
