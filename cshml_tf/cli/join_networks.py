"""`cshml-join`: LR networks for the same resolution as one network, whose embedding is the mean of theirs."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors, print_lines
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.models import JoinSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Join LR (low-resolution) networks that learned from one HR (high-resolution) network into one. Its embedding "
    "is the mean of theirs, which usually errs less, and takes the time of all of them. They must agree in a "
    "resolution, the image size, the degradation and the standardisation. The joined network can be used wherever "
    "an LR network can, except to train from or to join again."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Write the model folder, and print what was joined.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(JoinSettings, argv, DESCRIPTION)
    start_backend()
    from cshml_tf.degradation.resolution import format_resolution
    from cshml_tf.derived.joining import join_networks
    from cshml_tf.files import printable

    joined = join_networks(settings.networks, settings.out_dir)
    resolutions = ", ".join(map(format_resolution, joined.resolutions))
    print_lines(f"{printable(settings.out_dir)}: {len(settings.networks)} networks for {resolutions}")
    for folder, cosine in zip(settings.networks[1:], joined.agreement, strict=True):
        said = "no class in common with the others" if cosine is None else f"{cosine:.3f}"
        print_lines(
            f"{printable(folder)}: mean cosine of its class centres with those of the earlier networks: {said}"
        )
