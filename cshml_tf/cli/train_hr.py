"""`cshml-train-hr`: train the HR network."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.outcome import report_outcome
from cshml_tf.cli.quiet_start import native_noise_of_workers_silenced, start_backend
from cshml_tf.settings.parser import flags_in_errors, read_settings
from cshml_tf.settings.training import HrSettings

DESCRIPTION = (
    "Train an HR (high-resolution) recogniser on aligned faces with the CosFace loss, equation 2 of the paper. "
    "With --resolutions, it learns HR faces and their low-resolution copies together, as RICNN does."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(HrSettings, argv, DESCRIPTION)
    with flags_in_errors(HrSettings):
        from cshml_tf.training.early import check_start

        check_start(settings)
        start_backend()
        from cshml_tf.training.hr import train_hr

        with native_noise_of_workers_silenced(settings.strategy):
            run, outcome = train_hr(settings)
        report_outcome(run, outcome)
