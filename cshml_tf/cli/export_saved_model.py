"""The command `export_saved_model.py`: a model folder to a SavedModel that TensorFlow alone serves."""

from pathlib import Path

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.parser import Parser
from cshml_tf.cli.quiet_start import start_backend


@one_line_errors
def main(argv=None):
    """Export a model folder's recogniser, compare it with the Keras model, and print a line on both.

    Args:
        argv: the command line's words; None takes the process's own.

    Returns:
        Exit code: 0, or 2 on bad input.
    """
    arguments = _parse(argv)
    # Heavy imports come after the arguments, so that --help answers at once.
    start_backend(tensorflow_only=True)
    from cshml_tf.export import SIGNATURES, export_saved_model, largest_difference
    from cshml_tf.model_folder import load_recogniser, read_card

    card = read_card(arguments.model_dir)
    recogniser = load_recogniser(arguments.model_dir)
    export_saved_model(recogniser, arguments.out_dir, card)
    difference = largest_difference(recogniser, arguments.out_dir)
    size = sum(path.stat().st_size for path in arguments.out_dir.rglob("*") if path.is_file())
    signatures = ", ".join(f"{name} ({next(iter(inputs))})" for name, inputs in SIGNATURES.items())
    print(
        f"{arguments.out_dir}: {size / 1e6:.1f} MB, signatures {signatures}, "
        f"largest difference to the Keras model {difference:.1e}"
    )
    return 0


def _parse(argv):
    parser = Parser(
        description="Export a recogniser as a SavedModel: signature serving_default takes RGB uint8 pixels of "
        "aligned faces of any size, images (N, H, W, 3); signature encoded takes image files, image_bytes (N,). "
        "Both give embeddings (N, E) float32 of unit length. Nothing but TensorFlow is needed to load it.",
    )
    paths = parser.add_argument_group("input and output")
    paths.add_argument("model_dir", metavar="MODEL_DIR", type=Path, help="model folder of an HR or LR network")
    paths.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder to write, absent or empty")
    return parser.parse_args(argv)
