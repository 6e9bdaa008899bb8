"""Folders that our own commands write: alignments, packed faces, synthetic faces."""

import numpy as np
from hardening.formats.format import Format
from hardening.formats.pictures import draw


def _photographs(folder, size=None):
    for number, person in enumerate(("Ann", "Ann", "Bob")):
        path = folder / "photographs" / person / f"{person}_{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = draw(number)
        (picture.resize(size[::-1]) if size else picture).save(path)


class _FindsTheMiddle:
    """A detector that finds one face in each picture, at once."""

    def detect(self, image):
        from cshml_tf.alignment.detector import Face

        height, width = image.shape[:2]
        shares = np.array([(0.35, 0.4), (0.65, 0.4), (0.5, 0.6), (0.4, 0.8), (0.6, 0.8)])
        return [Face(1.0, 1.0, width - 2.0, height - 2.0, 0.9, shares * (width, height))]


def _align(folder):
    from cshml_tf.alignment.folder import align_dataset
    from cshml_tf.settings.alignment import AlignmentSettings

    settings = AlignmentSettings(image_size=(28, 24))
    record = align_dataset(folder / "photographs", folder / "aligned", settings, make_detector=_FindsTheMiddle)
    for path in ("Ann/Ann_0000.png", "Ann/Ann_0001.png", "Bob/Bob_0002.png"):
        assert path in record.rows, f"{path} was neither aligned nor listed"
    for output in record.outputs():
        assert (record.output_dir / output).is_file(), f"{output} is listed and does not exist"


def _aligned(folder):
    _photographs(folder)
    _align(folder)


def _read_aligned(folder, changed):
    _align(folder)


def _packed(folder):
    from cshml_tf.data.packed.writer import pack

    _photographs(folder)
    pack(folder / "photographs", folder / "packed")


def _read_packed(folder, changed):
    from cshml_tf.data.sources import open_source

    source = open_source(folder / "packed")
    pixels = source.read(np.arange(len(source.labels)), (32, 40))
    assert pixels.shape == (len(source.names), 32, 40, 3) and source.labels.max() < len(source.classes)
    source.digest()


def _draw_synthetic(folder):
    from cshml_tf.cli import make_synthetic

    words = ["--people", "1", "--pictures", "1", "--test_people", "0", "--image_size", "28", "24"]
    return make_synthetic.main([str(folder / "drawn"), *words, "--workers", "1"])


def _read_synthetic(folder, changed):
    return _draw_synthetic(folder)


def _embed(folder):
    from cshml_tf.embedding.dataset import embed_dataset

    return embed_dataset(folder / "photographs", folder / "embedded", folder / "hr", batch_size=2)


def _embedded(folder):
    from hardening.formats.networks import SIZE, save_small_model

    _photographs(folder, SIZE)
    save_small_model(folder / "hr")
    _embed(folder)


def _half_embedded(folder):
    """Leave what a kill after the first batch leaves."""
    from cshml_tf.embedding.store import ARRAY, FACES, UNFINISHED_ARRAY, UNFINISHED_BATCHES

    _embedded(folder)
    (folder / "embedded" / ARRAY).rename(folder / "embedded" / UNFINISHED_ARRAY)
    (folder / "embedded" / FACES).unlink()
    (folder / "embedded" / UNFINISHED_BATCHES).write_text("batch,face,reason\n0,1,the file is empty\n0,,\n")


def _read_embedded(folder, changed):
    from cshml_tf.embedding.store import ARRAY

    assert _embed(folder).count == 3
    assert np.load(folder / "embedded" / ARRAY).shape[0] == 3


FORMATS = [
    Format("embeddings", _embedded, _read_embedded, ("embedded/*",)),
    Format("unfinished_embeddings", _half_embedded, _read_embedded, ("embedded/*",)),
    Format("alignment", _aligned, _read_aligned, ("aligned/alignment.csv", "aligned/alignment.json")),
    Format("packed", _packed, _read_packed, ("packed/*",)),
    Format("synthetic", _draw_synthetic, _read_synthetic, ("drawn/synthetic.json",)),
]
