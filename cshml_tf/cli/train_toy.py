"""`cshml-toy`: the paper's toy experiment on MNIST, tables 1 and 2, figures 2 to 4."""

import sys
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.evaluation_outputs import check_writable_place
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.parser import flags_in_errors, read_settings
from cshml_tf.settings.toy import ToySettings

DESCRIPTION = (
    "Run the paper's toy experiment on MNIST: train an HR (high-resolution) network on digits of 28 x 28, and LR "
    "(low-resolution) networks on the digits reduced to 3 x 3, with only equation 2 or only equation 3, and "
    "with the HR network's batch or a random one. A classifier that sees only the nine pixels shows how much "
    "information they contain."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(ToySettings, argv, DESCRIPTION)
    check_writable_place("OUT_DIR", settings.output_dir)
    start_backend()
    from cshml_tf.files import lock_folder
    from cshml_tf.toy.digits import read_mnist

    with flags_in_errors(ToySettings):
        train, test = read_mnist(settings.mnist)
        settings.output_dir.mkdir(parents=True, exist_ok=True)
        with lock_folder(settings.output_dir):
            _run(settings, train, test)


def _run(settings, train, test):
    from cshml_tf.files import write_text
    from cshml_tf.toy.ceiling import ceiling
    from cshml_tf.toy.digits import pack_digits
    from cshml_tf.toy.experiment import run_toy
    from cshml_tf.toy.scatters import plot_digit_scatters
    from cshml_tf.toy.table import format_toy_table
    from cshml_tf.toy.ways import RESOLUTION

    output_dir = settings.output_dir
    packed_dir = output_dir / "digits_packed"
    pack_digits(train, packed_dir)
    batch = {"batch_size": settings.batch_size}
    hr_options = {"max_steps": settings.hr_steps, "learning_rate": settings.hr_learning_rate}
    hr_options |= batch | {"embedding_size": settings.embedding_size}
    lr_options = batch | {"max_steps": settings.lr_steps, "learning_rate": settings.lr_learning_rate}
    outcomes = {}
    for seed in settings.seeds:
        outcome = run_toy(packed_dir, test, output_dir, seed, hr_options, lr_options, settings.ways)
        if outcome is None:
            break
        outcomes[seed] = outcome
        write_text(output_dir / "table.md", format_toy_table(outcomes))
    if outcomes:
        first = next(iter(outcomes))
        plot_digit_scatters(output_dir / "figure.png", output_dir, first, settings.ways, test)
        if len(outcomes) == len(settings.seeds):
            held = ceiling(train, test, RESOLUTION, settings.ceiling_epochs, first)
            write_text(output_dir / "table.md", format_toy_table(outcomes, held))
        sys.stdout.write((output_dir / "table.md").read_text(encoding="utf-8"))
        print(f"table: {output_dir / 'table.md'}  figure: {output_dir / 'figure.png'}")
    if len(outcomes) < len(settings.seeds):
        print(f"stopped: {len(outcomes)} of {len(settings.seeds)} seeds done; the same command resumes")
