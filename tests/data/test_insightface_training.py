"""Packing InsightFace's training sets, and training on them without packing."""

import itertools

import numpy as np
import pytest
from record_files import encoded, face, framed, payload, with_header, write_set

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.insightface.packing import pack_records
from cshml_tf.data.insightface.records import open_records
from cshml_tf.data.packed.source import read_packed
from cshml_tf.data.sources import open_source


def test_packed_records_are_the_records(tmp_path):
    stored = [40, 7, 40, 123456]
    records = open_records(write_set(tmp_path, with_header(stored)))
    seen = []

    def progress(order):
        seen.extend(order)
        return order

    card = pack_records(records, tmp_path / "packed", progress, (112, 96))
    assert card == {"image_size": [112, 96], "images": 4, "classes": 3}
    packed = read_packed(tmp_path / "packed")
    assert packed.classes == ["000007", "000040", "123456"]
    assert packed.labels.tolist() == [0, 1, 1, 2]
    assert packed.names == ["2.jpg", "1.jpg", "3.jpg", "4.jpg"] and seen == [1, 0, 2, 3]
    for image, key in zip(packed.images, (2, 1, 3, 4), strict=True):
        assert np.array_equal(image, face(key)[:, 8:104])


def test_training_on_records_equals_training_on_their_packed_copy(tmp_path):
    """The faces are 112 x 112; for a network of 112 x 96 their sides are cropped."""
    path = write_set(tmp_path, with_header([40, 7, 40, 7, 9]))
    with open_records(path) as records:
        pack_records(records, tmp_path / "packed", image_size=(112, 96))
    sources = [open_source(tmp_path / "packed"), open_source(path / "train.rec", image_size=(112, 96))]
    assert sources[0].digest() == sources[1].digest() and sources[0].classes == ["00007", "00009", "00040"]
    for source in sources:
        source.check((112, 96))
    assert all(np.array_equal(*faces) for faces in zip(*(source.images for source in sources), strict=True))
    options = {"resolutions": [8, 12], "pairing": "same_person", "shift": 2}
    streams = [two_branch_batches(source, (112, 96), 4, seed=1, **options) for source in sources]
    for packed, read in itertools.islice(zip(*streams, strict=True), 3):
        assert all(np.array_equal(packed[name], read[name]) for name in packed)


def test_records_unfit_for_training_are_refused(tmp_path):
    path = write_set(tmp_path, with_header([0, 1]) | {2: framed(payload(1, encoded(face(2, 96, 112))))})
    with pytest.raises(
        ValueError, match="train.rec: key 1: expected a face 96 high, like the network's input, .* got 112 x 112"
    ):
        open_source(path, image_size=(96, 96))
    source = open_source(path)
    with pytest.raises(ValueError, match="train.rec: key 2: expected 112 x 112 as the first image, got 96 x 112"):
        source.images[1]
    with pytest.raises(ValueError, match="people: cannot be combined with"):
        open_source(path, ["00000"])
    (path / "train.rec").unlink()
    with pytest.raises(ValueError, match="expected train.rec and train.idx in .*, found no train.rec"):
        open_source(path)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"no image", "train.rec: key 3: expected an encoded image"),
        (encoded(face(3, 96, 112)), "train.rec: key 3: expected 112 x 112 as the first image, got 96 x 112"),
    ],
)
def test_a_pack_that_fails_leaves_nothing(tmp_path, image, message):
    (tmp_path / "records").mkdir()
    written = with_header([0, 1, 1]) | {3: framed(payload(1, image))}
    records = open_records(write_set(tmp_path / "records", written))
    with pytest.raises(ValueError, match=message):
        pack_records(records, tmp_path / "packed")
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_class_names_have_five_digits(tmp_path):
    pack_records(open_records(write_set(tmp_path, with_header([17]))), tmp_path / "packed")
    assert read_packed(tmp_path / "packed").classes == ["00017"]
