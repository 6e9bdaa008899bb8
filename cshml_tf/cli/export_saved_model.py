"""The command of `train/export_saved_model.py`: a model folder to a SavedModel that needs only TensorFlow."""

from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors
from cshml_tf.cli.quiet_start import start_backend
from cshml_tf.settings.models import ExportSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Export a recogniser as a SavedModel, which needs only TensorFlow to load. Signature "
    "serving_default takes images (N, H, W, 3): aligned faces of any size as RGB uint8 pixels. Signature encoded "
    "takes image_bytes (N,): aligned faces as JPEG, PNG or BMP files. Both return embeddings (N, E), float32, of "
    "unit length. The folder's recogniser.json says what each takes and refuses."
)


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Export a model folder's recogniser, compare it with the Keras model, and print one line on the result.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(ExportSettings, argv, DESCRIPTION)
    start_backend(tensorflow_only=True)
    from cshml_tf.export import SIGNATURES, export_saved_model, largest_difference
    from cshml_tf.model_folder import load_recogniser, read_card

    card = read_card(settings.model_dir)
    recogniser = load_recogniser(settings.model_dir)
    export_saved_model(recogniser, settings.out_dir, card)
    difference = largest_difference(recogniser, settings.out_dir)
    size = sum(path.stat().st_size for path in settings.out_dir.rglob("*") if path.is_file())
    signatures = ", ".join(f"{name} ({next(iter(inputs))})" for name, inputs in SIGNATURES.items())
    print(
        f"{settings.out_dir}: {size / 1e6:.1f} MB, signatures {signatures}, "
        f"largest difference from the Keras model {difference:.1e}"
    )
