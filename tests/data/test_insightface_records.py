"""Reading InsightFace's training sets: records, labels, forms of the index."""

import concurrent.futures

import numpy as np
import pytest
from record_files import MAGIC, encoded, face, framed, payload, with_header, write_set

from cshml_tf.data.insightface.records import open_records


def test_images_are_separated_from_other_records(tmp_path):
    write_set(tmp_path, with_header([5, 5, 2, 9, 2]))
    (tmp_path / "property").write_text("3,112,96\r\n")
    records = open_records(tmp_path)
    assert len(records) == 5 and records.image_size == (112, 96)
    assert records.keys.tolist() == [1, 2, 3, 4, 5]
    assert records.labels.tolist() == [1, 1, 0, 2, 0] and records.labels.dtype == np.int32
    assert records.class_numbers.tolist() == [2, 5, 9]
    for index in range(5):
        assert records.read_bytes(index) == encoded(face(index + 1))
        assert np.array_equal(records.read_image(index), face(index + 1))
    assert np.array_equal(records.read_image(0, (112, 96)), face(1)[:, 8:104])


@pytest.mark.parametrize(
    "text",
    [
        "3,112,96",
        "3,112,96\n24\n",
        "3,112,96\r\n24\r\n",
        "\ufeff3, 112, 96\n",
        "3,112,96\n24\nshuffled\n2019-05-01 10:00:00.123456\n",
    ],
    ids=["face2rec", "record builder", "Windows", "byte order mark", "shuffled"],
)
def test_forms_of_the_property_file(tmp_path, text):
    """InsightFace's current record builder adds the number of images, its tool that shuffles records even more."""
    write_set(tmp_path, with_header([0]))
    (tmp_path / "property").write_bytes(text.encode())
    assert open_records(tmp_path).image_size == (112, 96)


def test_records_as_the_current_builder_writes_them(tmp_path):
    """Keys from 0, no record 0 of its own, and labels in lists of one."""
    records = {key: framed(payload(0, encoded(face(key)), (label,))) for key, label in enumerate([2.0, 2.0, 0.0])}
    opened = open_records(write_set(tmp_path, records))
    assert opened.keys.tolist() == [0, 1, 2] and opened.labels.tolist() == [1, 1, 0]
    assert np.array_equal(opened.read_image(0), face(0))


def test_a_jpeg_comes_as_rgb(tmp_path):
    red = np.full((112, 112, 3), (250, 10, 20), np.uint8)
    records = open_records(write_set(tmp_path, {1: framed(payload(0, encoded(red, ".jpg")))}))
    pixels = records.read_image(0)
    assert pixels.shape == (112, 112, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - red).max() <= 3


@pytest.mark.parametrize("extra", [(), (4.0, 1.0)], ids=["flag 0", "extra labels"])
@pytest.mark.parametrize("first", [0, 1])
def test_without_a_header_every_key_is_an_image(tmp_path, first, extra):
    label = 4.0 if not extra else 77.0
    records = {key: framed(payload(label, encoded(face(key)), extra)) for key in (first, 5, 30)}
    opened = open_records(write_set(tmp_path, records))
    assert opened.keys.tolist() == [first, 5, 30]
    assert opened.class_numbers.tolist() == [4] and opened.labels.tolist() == [0, 0, 0]
    assert np.array_equal(opened.read_image(2), face(30))
    assert opened.image_size is None


@pytest.mark.parametrize("form", ["windows", "blank lines", "any order", "blanks", "no final line ending"])
def test_forms_of_the_index(tmp_path, form):
    records = with_header([1, 0])
    write_set(tmp_path, records, order=[3, 1, 4, 0, 2] if form == "any order" else None)
    text = (tmp_path / "train.idx").read_bytes()
    changed = {
        "windows": text.replace(b"\n", b"\r\n"),
        "blank lines": text.replace(b"\n", b"\n\n"),
        "any order": text,
        "blanks": text.replace(b"\t", b" "),
        "no final line ending": text.rstrip(b"\n"),
    }
    (tmp_path / "train.idx").write_bytes(changed[form])
    opened = open_records(tmp_path)
    assert opened.labels.tolist() == [1, 0]
    assert opened.read_bytes(1) == encoded(face(2))


@pytest.mark.parametrize("name", ["faces.rec", "faces.idx"])
def test_either_file_opens_the_pair(tmp_path, name):
    write_set(tmp_path, with_header([0]))
    for suffix in ("rec", "idx"):
        (tmp_path / f"train.{suffix}").rename(tmp_path / f"faces.{suffix}")
    with open_records(tmp_path / name) as records:
        assert records.read_bytes(0) == encoded(face(1))
    with pytest.raises(ValueError, match="closed file"):
        records.read_bytes(0)


@pytest.mark.parametrize("parts_before_last", [1, 2, 3])
def test_split_records_are_joined(tmp_path, parts_before_last):
    # The image contains the magic number at multiples of 4; the part after it may be empty or of odd length.
    image = b"abcdefgh" + MAGIC * (parts_before_last - 1) + MAGIC + b"xyz"
    pieces = payload(3, image).split(MAGIC)
    assert len(pieces) == parts_before_last + 1
    flags = [1] + [2] * (len(pieces) - 2) + [3]
    split = b"".join(framed(piece, flag) for piece, flag in zip(pieces, flags, strict=True))
    records = {1: split, 2: framed(payload(1, encoded(face(2))))}
    opened = open_records(write_set(tmp_path, records))
    assert opened.read_bytes(0) == image
    assert opened.labels.tolist() == [1, 0] and opened.class_numbers.tolist() == [1, 3]
    assert opened.read_bytes(1) == encoded(face(2))


def test_many_labels_are_read_in_blocks(tmp_path):
    labels = np.random.default_rng(0).integers(0, 500, 20000) * 3
    record = {key: framed(payload(label, b"image")) for key, label in enumerate(labels, start=10)}
    (tmp_path / "train.rec").write_bytes(b"".join(record.values()))
    size = len(record[10])
    (tmp_path / "train.idx").write_text("".join(f"{key}\t{i * size}\n" for i, key in enumerate(record)))
    opened = open_records(tmp_path)
    assert np.array_equal(opened.class_numbers[opened.labels], labels)


def test_threads_share_the_file(tmp_path):
    opened = open_records(write_set(tmp_path, with_header(list(range(12)))))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        read = list(pool.map(opened.read_bytes, list(range(12)) * 50))
    assert read == [encoded(face(key)) for key in range(1, 13)] * 50


def test_people_may_have_no_records(tmp_path):
    records = {key: record for key, record in with_header([4, 4, 8]).items() if key < 4}
    assert open_records(write_set(tmp_path, records)).labels.tolist() == [0, 0, 1]
