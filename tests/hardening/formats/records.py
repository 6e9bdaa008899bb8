"""InsightFace's files: training sets of records, and verification sets in pickles."""

import pickle

import numpy as np
from hardening.formats.format import Format
from record_files import encoded, face, with_header, write_set


def _records(folder):
    write_set(folder, with_header([3, 3, 8, 8, 9]))
    (folder / "property").write_text("3,112,112\n", encoding="utf-8")


def _read_records(folder, changed):
    from cshml_tf.data.insightface.source import read_record_source

    source = read_record_source(folder, (112, 96))
    pixels = source.read(np.arange(len(source.labels)), (112, 96))
    assert pixels.shape[1:] == (112, 96, 3) and len(source.classes) > source.labels.max() >= 0


def _pair_set(folder):
    items = [encoded(face(number, 32, 32)) for number in range(4)]
    arrays = [np.frombuffer(item, np.uint8) for item in items]
    (folder / "bytes.bin").write_bytes(pickle.dumps((items, [True, False]), protocol=2))
    (folder / "arrays.bin").write_bytes(pickle.dumps((arrays, np.array([True, False])), protocol=4))
    (folder / "oldest.bin").write_bytes(pickle.dumps((arrays, [1, 0]), protocol=0))


def _read_pair_set(folder, changed):
    from cshml_tf.data.insightface.pair_sets import read_pair_set

    pairs, images = read_pair_set(folder / changed, (32, 32))
    for pair in pairs:
        assert images[pair.first].shape == images[pair.second].shape == (32, 32, 3)


FORMATS = [
    Format("records", _records, _read_records, ("train.rec", "train.idx", "property")),
    Format("pair_set", _pair_set, _read_pair_set),
]
