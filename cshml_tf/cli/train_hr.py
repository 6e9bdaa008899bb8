"""`cshml-train-hr`: train the HR network."""

import argparse

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.cli.training_arguments import (
    add_cosface_options,
    add_data_options,
    add_device_options,
    add_optimisation_options,
    add_run_options,
    add_validation_options,
    add_watching_options,
    report_outcome,
    settings_from,
)

# The keys of `cshml_tf.backbones.BACKBONES`, which --help must not import.
MODELS = (
    "inception_resnet_v1",
    "squeezenet",
    "lightcnn",
    "resnet",
    "mobilefacenet",
    "small_resnet",
    "digit_cnn",
)


def make_parser():
    """Describe the command line."""
    parser = Parser(
        description="Train an HR recogniser on aligned faces with the CosFace loss (equation 2).",
    )
    add_data_options(parser)
    group = parser.add_argument_group("network")
    group.add_argument(
        "--pretrained_model",
        metavar="DIR",
        help="model folder whose recogniser to start from, instead of a new network",
    )
    group.add_argument("--model_def", help=f"{', '.join(MODELS)} (default: {MODELS[0]})")
    group.add_argument(
        "--image_size", type=int, nargs=2, metavar=("H", "W"), help="size of the faces (default: 112 96)"
    )
    group.add_argument("--embedding_size", type=int, help="length of an embedding (default: 512)")
    group.add_argument("--keep_probability", type=float, default=0.8, help="1 - dropout")
    group.add_argument(
        "--stem_pool_stride",
        type=int,
        choices=(1, 2),
        help="of inception_resnet_v1: 1 as in the paper, 2 as in FaceNet (default: 1)",
    )
    group.add_argument("--width", type=int, help="channels of the first stage of small_resnet or digit_cnn")
    group.add_argument("--depth", type=int, help="layers of resnet (4, 10, 20, 36, 64) or lightcnn (9, 29)")
    group.add_argument(
        "--batch_norm",
        action=argparse.BooleanOptionalAction,
        help="batch norm in resnet, lightcnn or squeezenet; the first two have none in their papers, and need "
        "then a lower rate than the default schedule begins with (default: the network's own)",
    )
    group.add_argument(
        "--standardisation",
        choices=("per_image", "fixed", "symmetric", "none"),
        help="pre-whitening (default), (x - 127.5) / 128, (x - 127.5) / 127.5, or nothing",
    )
    add_cosface_options(parser.add_argument_group("loss"))
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
    arguments.image_size = arguments.image_size and tuple(arguments.image_size)
    start_backend()
    from cshml_tf.training.hr import train_hr
    from cshml_tf.training.settings import HrSettings

    report_outcome(*train_hr(settings_from(HrSettings, arguments)))
