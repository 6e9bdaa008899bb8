"""`cshml-widen`: a network whose embedding also contains the features that it is computed from."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors, print_lines
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.models import WidenSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Write a copy of a network whose embedding also contains the features before its last dense layer, which "
    "tell more about small faces, and take more room. Widen the HR (high-resolution) network and its LR "
    "(low-resolution) networks alike, and use the copies together; join LR networks before."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Write the model folder, and print the widths.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(WidenSettings, argv, DESCRIPTION)
    start_backend()
    from cshml_tf.derived.widening import widen_network
    from cshml_tf.files import printable

    widened = widen_network(settings.model_dir, settings.out_dir)
    total = widened.embedding + widened.features
    print_lines(
        f"{printable(settings.out_dir)}: embedding of {total} numbers, {widened.embedding} and "
        f"{widened.features} features"
    )
