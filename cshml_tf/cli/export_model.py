"""`cshml-export`: a model folder for other runtimes, compared with the Keras model."""

import sys
from collections.abc import Sequence

from cshml_tf.cli.errors import one_line_errors, print_lines
from cshml_tf.cli.quiet_start import native_noise_silenced, start_backend
from cshml_tf.settings.export import ExportModelSettings
from cshml_tf.settings.parser import read_settings

DESCRIPTION = (
    "Export a recogniser for other runtimes: a SavedModel for TensorFlow, ONNX, OpenVINO or LiteRT. All of them "
    "take RGB pixels 0..255 of aligned faces and return embeddings of unit length. Each export is compared with "
    "the Keras model on faces, on its own runtime, and is refused if its embeddings differ too much. The "
    "recogniser.json next to it says what it takes, how it was compared, and which versions made it."
)
# Enough to find the ranges of activations; each one is embedded once.
_CALIBRATED_ON = 128


@one_line_errors
def main(argv: Sequence[str] | None = None) -> None:
    """Export a model folder's recogniser, and print one line per export.

    Args:
        argv: the words of the command line; None takes the process's own.
    """
    settings = read_settings(ExportModelSettings, argv, DESCRIPTION)
    start_backend(tensorflow_only=True)
    from cshml_tf.export import Source, UnlikeKeras, faces_for, load_format
    from cshml_tf.model_folder import load_recogniser, read_card
    from cshml_tf.recogniser import image_size_of

    for name, precision in settings.exports():
        load_format(name, precision)
    card = read_card(settings.model_dir)
    recogniser = load_recogniser(settings.model_dir)
    size = image_size_of(recogniser)
    faces = faces_for(settings.compare_on, size, card)
    calibrate = settings.calibrate
    ranges = None if calibrate is None else faces_for(calibrate, size, card, _CALIBRATED_ON)
    pairs = None if settings.lfw_pairs is None else _measure_before(settings, recogniser, card, size)
    source, refused = Source(recogniser, card, ranges), []
    for name, precision in settings.exports():
        try:
            _export(settings, source, name, precision, faces, pairs)
        except UnlikeKeras as error:
            refused.append(str(error))
            if len(settings.exports()) > 1:
                print(f"refused: {error}", file=sys.stderr)
    if refused:
        count = len(settings.exports())
        raise ValueError(refused[0] if count == 1 else f"{len(refused)} of {count} exports refused")


def _export(settings, source, name, precision, faces, pairs):
    from cshml_tf.export import export, load_format

    several = len(settings.exports()) > 1
    out_dir = settings.out_dir / f"{name}_{precision}" if several else settings.out_dir
    with native_noise_silenced():
        checked = export(source, out_dir, name, precision, faces, settings.accept)
    times = ", ".join(f"{value:.1f} ms for {size}" for size, value in checked.milliseconds.items())
    print_lines(
        f"{out_dir}: {name} in {precision}, {checked.bytes / 1e6:.1f} MB, smallest cosine "
        f"{checked.smallest_cosine:.6f} on {checked.faces} faces, {times}"
    )
    if pairs is not None:
        for key, after in pairs.after(load_format(name, precision).load(out_dir, precision)).items():
            print_lines(f"  {key}: {100 * pairs.before[key]:.2f} % before, {100 * after:.2f} % after")


def _measure_before(settings, recogniser, card, size):
    from cshml_tf.data.protocols import read_pairs
    from cshml_tf.data.sources import find_images
    from cshml_tf.export.accuracy import Pairs
    from cshml_tf.model_folder import load_recogniser

    is_lr = card["kind"] == "lr"
    if is_lr and settings.hr_model is None:
        raise ValueError(
            "--hr_model: expected the HR network, which embeds the sharp faces of the pairs, got none"
        )
    listed = [side if isinstance(side, int) else tuple(side) for side in card["resolutions"]]
    pairs = read_pairs(settings.lfw_pairs)
    return Pairs(
        pairs,
        find_images(settings.compare_on, pairs),
        recogniser,
        load_recogniser(settings.hr_model) if is_lr else None,
        settings.resolutions or listed,
        card["degradation"],
        size,
    )
