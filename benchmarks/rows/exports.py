"""Embed with every export format on its own runtime, beside the Keras model it was made from."""

import contextlib
import functools
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from cshml_tf.evaluation.embedding import embed_pixels
from cshml_tf.export.format import Source, load_format
from cshml_tf.settings.choices import EXPORT_FORMATS
from rows.comparison import Peer, Plan, Row, compare
from rows.embedding import NO_EXPORT, likeness
from rows.networks import network_to_export, random_faces, random_recogniser

_FACES, _CALIBRATION = 32, 16


def rows(plan: Plan, before: list[Row]) -> Iterator[Row]:
    """Measure each format in float32 and, where it has it, in int8; float16 only stores its weights smaller."""
    network = network_to_export(plan)
    recogniser = random_recogniser(network)
    faces = random_faces(network, 4 if plan.quick else _FACES).astype(np.float32)
    source = Source(recogniser, {}, faces[:_CALIBRATION])
    for name, precisions in EXPORT_FORMATS.items():
        for precision in precisions:
            if precision == "float16" or (plan.quick and precision != "float32"):
                continue
            what = f"{name}, {precision}, {network.title}"
            if keras.backend.backend() != "tensorflow":
                yield Row("export", what, "faces/s", f"not run: {NO_EXPORT}")
                continue
            yield _row(what, name, precision, source, faces, plan)


def _row(what: str, name: str, precision: str, source: Source, faces: np.ndarray, plan: Plan) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "export")
        try:
            chosen = load_format(name, precision)
        except ValueError as error:
            return Row("export", what, "faces/s", f"not run: {error}")
        # The converters and quantisers print what they do.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            place.mkdir()
            chosen.write(source, place, precision)
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        peers = [Peer("Keras", lambda: functools.partial(embed_pixels, source.recogniser, faces))]
        ours = functools.partial(chosen.load(place, precision), faces)
        row = Row("export", what, "faces/s", figures={"MB": size / 1e6})
        return compare(plan, row, len(faces), ours, peers, likeness)
