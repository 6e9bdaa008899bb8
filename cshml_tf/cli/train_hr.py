"""`cshml-train-hr`: train the HR network."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.outcome import report_outcome
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.parser import read_settings
from cshml_tf.settings.training import HrSettings

DESCRIPTION = (
    "Train an HR (high-resolution) recogniser on aligned faces with the CosFace loss, equation 2 of the paper."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(HrSettings, argv, DESCRIPTION)
    start_backend()
    from cshml_tf.training.hr import train_hr

    report_outcome(*train_hr(settings))
