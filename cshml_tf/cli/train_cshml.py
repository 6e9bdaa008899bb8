"""`cshml-train`: train the LR network of CS-MHL-Net."""

import sys

from cshml_tf.cli.argument_types import pool_size, resolution
from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import import_tensorflow
from cshml_tf.cli.training_arguments import (
    add_cosface_options,
    add_data_options,
    add_device_options,
    add_optimisation_options,
    add_watching_options,
    report_outcome,
    settings_from,
)


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Train a low-resolution recogniser: a clone of a frozen HR network, under equation 6.",
    )
    add_data_options(parser)
    _add_network_options(parser)
    _add_loss_options(parser)
    add_optimisation_options(parser)
    add_device_options(parser)
    add_watching_options(parser)
    return parser


def _add_network_options(parser):
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
    group.add_argument(
        "--degradation", default="antialias", choices=("antialias", "plain"), help="how faces are reduced"
    )
    group.add_argument(
        "--degrade_on_device",
        action="store_true",
        help="degrade in the network's first layer instead of the input pipeline",
    )
    group.add_argument(
        "--new_classifier",
        action="store_true",
        help="start W at the class means of the HR embeddings, for other people than the HR network's; the way "
        "of every HR network that has no classifier",
    )
    group.add_argument("--keep_probability", type=float, default=1.0, help="of the LR network, 1 - dropout")


def _add_loss_options(parser):
    group = parser.add_argument_group("loss, equation 6; a weight of 0 switches a term off")
    group.add_argument("--classifier_weight", type=float, default=1.0, help="of equation 2")
    group.add_argument("--lambda", dest="contrastive_weight", type=float, default=1.0, help="of equation 3")
    group.add_argument("--beta", dest="multi_hierarchy_weight", type=float, default=1.0, help="of equation 5")
    add_cosface_options(group)
    group.add_argument(
        "--alpha",
        type=float,
        help="least squared distance of two people, 0 to 4; acts with negatives only (default: 1.0)",
    )
    group.add_argument(
        "--negative_share", type=float, default=0.0, help="share of pairs that are of two people, 0 to 1"
    )
    group.add_argument(
        "--pairing",
        default="same_image",
        choices=("same_image", "same_person"),
        help="an HR face with its own LR copy, or with that of another image of the person",
    )
    group.add_argument(
        "--tap",
        help="feature map of equation 5: a named one, or the output of any layer that gives maps (default: "
        "block_c, or the last map of an imported network)",
    )
    group.add_argument(
        "--pool_size",
        default=2,
        type=pool_size,
        help="side of its max-pool; 1 is equation 4, 'global' pools the whole map",
    )


@one_line_errors
def main(argv=None):
    """Run the command; gives its exit code."""
    arguments = make_parser().parse_args(argv)
    if arguments.alpha is not None and arguments.negative_share == 0:
        print("warning: --alpha has no effect without negatives; --negative_share makes some", file=sys.stderr)
    arguments.alpha = 1.0 if arguments.alpha is None else arguments.alpha
    import_tensorflow()
    from cshml_tf.training.lr import train_lr
    from cshml_tf.training.settings import LrSettings

    arguments.resolution = tuple(arguments.resolution)
    report_outcome(*train_lr(settings_from(LrSettings, arguments)))
