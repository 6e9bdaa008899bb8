"""Export a recogniser in one format and precision, compared with the Keras model before it appears."""

import contextlib
import io
from pathlib import Path

import numpy as np

from cshml_tf.degradation.degrade import check_mode
from cshml_tf.evaluation.embedding import embed_pixels
from cshml_tf.export.check import LEAST_COSINE, Checked, compare
from cshml_tf.export.description import DESCRIPTION, description
from cshml_tf.export.folder import new_export
from cshml_tf.export.format import Source, load_format
from cshml_tf.files import write_json


class UnlikeKeras(ValueError):
    """An export whose embeddings differ too much from the Keras model's; nothing was written."""


def export(
    source: Source,
    out_dir: str | Path,
    format_name: str,
    precision: str,
    faces: np.ndarray,
    accept: bool = False,
) -> Checked:
    """Write an export, compare it with the Keras model, and describe it in `recogniser.json`.

    The folder appears whole or not at all.

    Args:
        source: the recogniser, its card and, for int8, faces for calibration.
        out_dir: folder to write, absent or empty.
        format_name: one of `cshml_tf.settings.choices.EXPORT_FORMATS`.
        precision: one of that format's precisions.
        faces: (N, height, width, 3) float32, 0..255, on which to compare.
        accept: whether to keep an export whose smallest cosine is below `LEAST_COSINE`.

    Returns:
        Checked.

    Raises:
        UnlikeKeras: the export differs too much from the Keras model.
        ValueError: a package is missing, int8 has no faces for calibration, `out_dir` is in use or cannot be
            used, or the card's degradation is unknown.
        OSError: the folder cannot be written.
    """
    if precision == "int8" and (source.calibration is None or not len(source.calibration)):
        raise ValueError("calibration: expected faces, on which int8 ranges are measured, got none")
    if "degradation" in source.card:
        check_mode(source.card["degradation"], "degradation")
    chosen = load_format(format_name, precision)
    batches = [faces[at : at + 32] for at in range(0, len(faces), 32)]
    expected = np.concatenate([embed_pixels(source.recogniser, batch, compiled=False) for batch in batches])
    with new_export(out_dir, chosen.file) as partial:
        try:
            # The converters and quantisers print what they do.
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                chosen.write(source, partial, precision)
        except OSError as error:
            raise OSError(f"{out_dir}: cannot be written: {error}") from error
        checked = compare(chosen.load(partial, precision), partial, faces, expected)
        if not (accept or checked.is_good(precision)):
            raise UnlikeKeras(
                f"{format_name} in {precision}: expected a cosine of at least {LEAST_COSINE[precision]} to the "
                f"Keras model on every face, got {checked.smallest_cosine:.4f} on one of {len(faces)} "
                f"(mean {checked.mean_cosine:.4f}); --accept keeps it all the same"
            )
        more = {"format": format_name, "precision": precision, "file": chosen.file}
        more |= chosen.described | {"check": checked.as_json()}
        write_json(partial / DESCRIPTION, description(source, more, chosen.needed(precision)))
    return checked
