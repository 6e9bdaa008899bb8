"""`cshml-train`: train the LR network of CS-MHL-Net."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.outcome import report_outcome
from cshml_tf.cli.quiet_start import native_noise_of_workers_silenced, start_backend
from cshml_tf.settings.parser import flags_in_errors, read_settings
from cshml_tf.settings.training import LrSettings

DESCRIPTION = (
    "Train an LR (low-resolution) face recogniser: it starts as a copy of a trained HR (high-resolution) network "
    "and learns, by equation 6 of the paper, to embed reduced faces as the frozen HR network embeds sharp ones. "
    "Both share one classifier, whose weights are W."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(LrSettings, argv, DESCRIPTION)
    with flags_in_errors(LrSettings):
        from cshml_tf.training.early import check_start

        check_start(settings)
        start_backend()
        from cshml_tf.training.lr import train_lr

        with native_noise_of_workers_silenced(settings.strategy):
            run, outcome = train_lr(settings)
        report_outcome(run, outcome)
