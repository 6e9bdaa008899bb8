"""What the commands share that measure native low-resolution faces, of data sets as distributed."""

from pathlib import Path

from cshml_tf.cli.argument_types import pixels, positive
from cshml_tf.cli.evaluation_outputs import add_output_options, check_outputs
from cshml_tf.cli.parser import Parser

_SERVED = (
    "Measured twice: the HR network for every image; and, with LR networks, each image by the network that suits "
    "its width in the distributed file, as compare.py chooses: at least --hr_width wide, the HR network's, else "
    "the LR network's of the resolution nearest by ratio. Pictures of any size are resized by the network. "
)


def parse_arguments(argv, description, root, figures, add_options=None):
    """Read the command line, and refuse outputs that would write over what is read.

    Args:
        argv: the command line's words; None takes the process's own.
        description: what is measured, in sentences.
        root: what the folder of the data set holds, in words.
        figures: what the figures are, in words.
        add_options: adds to the parser what one data set alone has; None for nothing.

    Returns:
        The arguments.

    Raises:
        ValueError: the report or the figures have a wrong place.
    """
    parser = Parser(description=description + _SERVED + "Figures in the report are fractions.")
    inputs = parser.add_argument_group("input")
    inputs.add_argument("root", metavar="ROOT", type=Path, help=f"the data set as distributed: {root}")
    inputs.add_argument("--hr_model", metavar="DIR", required=True, help="model folder of the HR network")
    inputs.add_argument(
        "--lr_model",
        metavar="DIR",
        nargs="+",
        action="extend",
        default=[],
        help="model folders of LR networks; without any, the HR network alone is measured",
    )
    inputs.add_argument(
        "--images_root",
        metavar="DIR",
        type=Path,
        help="take the images from here, such as aligned copies in the same folders; what is missing counts as "
        "missing, so align with --fallback center; None: the distributed ones",
    )
    serving = parser.add_argument_group("serving")
    serving.add_argument(
        "--hr_width",
        metavar="PIXELS",
        type=pixels,
        help="images at least this wide are the HR network's; None: half the width of the networks' input",
    )
    serving.add_argument(
        "--use_flipped_images", action="store_true", help="average embeddings with the mirror image's"
    )
    serving.add_argument("--batch_size", type=positive, default=32, help="images a forward pass")
    if add_options:
        add_options(parser)
    add_output_options(parser, figures)
    arguments = parser.parse_args(argv)
    read = (arguments.root, arguments.images_root, arguments.hr_model, *arguments.lr_model)
    check_outputs(arguments, [folder for folder in read if folder is not None])
    return arguments


def sources(arguments, folders):
    """Give what a report says of files and models.

    Args:
        arguments: as `parse_arguments` gives.
        folders: `cshml_tf.evaluation.networks.ModelFolders`.
    """
    from cshml_tf.degradation.resolution import format_resolution

    models = {format_resolution(resolution): str(folder) for resolution, folder in folders.lr_dirs.items()}
    return {
        "root": str(arguments.root),
        "images_root": str(arguments.images_root or arguments.root),
        "models": {"HR": str(folders.hr_dir)} | models,
    }


def needs_distributed(arguments):
    """Tell whether the widths must be looked up in other files than the networks are shown."""
    return bool(arguments.images_root and arguments.lr_model)
