"""`cshml-train`: train the LR network of CS-MHL-Net."""

from cshml_tf.cli.argument_types import resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.cli.training_arguments import (
    add_data_options,
    add_device_options,
    add_loss_options,
    add_lr_options,
    add_optimisation_options,
    add_run_options,
    add_validation_options,
    add_watching_options,
    report_outcome,
    settings_from,
    warn_of_idle_alpha,
)


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Train a low-resolution recogniser: a clone of a frozen HR network, under equation 6.",
    )
    add_data_options(parser)
    group = parser.add_argument_group("network and resolution")
    group.add_argument("--pretrained_model", metavar="DIR", required=True, help="model folder of the HR network")
    group.add_argument(
        "--resolution",
        type=resolution,
        nargs="+",
        required=True,
        metavar="R",
        help="12, or 14x12 (height x width); several make one network for all of them",
    )
    add_lr_options(parser)
    add_loss_options(parser)
    add_optimisation_options(parser)
    add_device_options(parser)
    add_run_options(parser)
    add_watching_options(parser)
    add_validation_options(parser)
    return parser


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = make_parser().parse_args(argv)
    warn_of_idle_alpha(arguments)
    start_backend()
    from cshml_tf.training.lr import train_lr
    from cshml_tf.training.settings import LrSettings

    arguments.resolution = tuple(arguments.resolution)
    report_outcome(*train_lr(settings_from(LrSettings, arguments)))
