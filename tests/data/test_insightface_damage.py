"""Damaged InsightFace training sets: the error names the file, and the key or line."""

import struct

import pytest
from record_files import WHOLE, encoded, face, framed, payload, with_header, write_set

from cshml_tf.data.insightface.records import open_records


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (WHOLE[:6], r"key 2: expected a record at byte 40, the file ends at byte 46"),
        (WHOLE[:20], r"key 2: expected 32 bytes after the head at byte 40, the file ends at byte 60"),
        (WHOLE[:-1], r"key 2: expected 32 bytes after the head at byte 40"),
        (b"\0" + WHOLE[1:], r"key 2: expected a record \(0xced7230a\) at byte 40, got 0xced72300"),
        (framed(payload(1, b"part"), 2), r"key 2: expected a part of flag 0 or 1 at byte 40, got flag 2"),
        (framed(payload(1, b"part"), 1), r"key 2: expected a record at byte 76, the file ends at byte 76"),
        (framed(payload(1, b"part"), 1) + WHOLE, r"key 2: expected a part of flag 2 or 3 at byte 76, got flag 0"),
        (framed(b"no header"), r"key 2: expected a header of 24 bytes, got a record of 9"),
        (framed(struct.pack("<IfQQ", 9, 0, 0, 0)), r"key 2: expected 9 labels after the header"),
        (framed(struct.pack("<IfQQ", 2**32 - 1, 0, 0, 0)), r"key 2: expected 4294967295 labels"),
    ],
)
def test_damaged_records_are_named(tmp_path, last, message):
    opened = open_records(write_set(tmp_path, {1: WHOLE, 2: last}))
    assert opened.read_bytes(0) == b"an image"
    for use in (lambda: opened.read_bytes(1), lambda: opened.labels):
        with pytest.raises(ValueError, match=f"train.rec: {message}"):
            use()


@pytest.mark.parametrize("label", [1.5, -1.0, float("nan"), float("inf"), 3e9])
@pytest.mark.parametrize("extra", [False, True])
def test_labels_that_are_not_class_numbers(tmp_path, label, extra):
    record = payload(0, b"image", (label,)) if extra else payload(label, b"image")
    opened = open_records(write_set(tmp_path, {1: WHOLE, 2: framed(record)}))
    with pytest.raises(ValueError, match="train.rec: key 2: expected a whole number from 0 as the label, got"):
        opened.labels  # noqa: B018
    assert opened.read_bytes(1) == b"image"


def test_records_without_a_picture(tmp_path):
    cut = encoded(face(1), ".jpg")[:-20]
    records = {1: framed(payload(0, b"")), 2: framed(payload(0, b"no image")), 3: framed(payload(0, cut))}
    opened = open_records(write_set(tmp_path, records))
    with pytest.raises(ValueError, match="key 1: expected an image after the labels, got none"):
        opened.read_image(0)
    with pytest.raises(ValueError, match="key 2: expected an encoded image, got 8 bytes: not a JPEG, PNG"):
        opened.read_image(1)
    with pytest.raises(
        ValueError, match="key 3: expected an encoded image, got .* the JPEG file is cut short: no end marker"
    ):
        opened.read_image(2)
    with pytest.raises(IndexError):
        opened.read_bytes(3)


def test_a_crop_larger_than_the_image(tmp_path):
    opened = open_records(write_set(tmp_path, with_header([0])))
    with pytest.raises(ValueError, match="key 1: expected an image of at least 113 x 96, got 112 x 112"):
        opened.read_image(0, (113, 96))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "train.idx: expected lines 'key<TAB>byte offset', got an empty file"),
        ("\r\n \n", "train.idx: expected lines 'key<TAB>byte offset', got an empty file"),
        ("1\t0\n2\n", "train.idx, line 2: expected 'key<TAB>byte offset', got '2'"),
        ("1\t0\n\n2\t40\t7\n", "train.idx, line 3: expected 'key<TAB>byte offset', got"),
        ("1\t0\t5\n2\t40\t7\n", "train.idx, line 1: "),
        ("1\n", "train.idx, line 1: "),
        ("1\t0\n2\t40.0\n", "train.idx, line 2: "),
        ("1\t0\n2\t-4\n", "train.idx, line 2: "),
        ("1\t0\r\nkey\t40\r\n", "train.idx, line 2: .* got 'key"),
        ("1\t0\n2\t99999999999999999999\n", "train.idx, line 2: "),
        ("1\t0\n\ufeff2\t40\n", "train.idx, line 2: "),
        ("1\t0\n2\t40\n1\t40\n", "train.idx: expected every key once, got key 1 twice"),
        ("1\t0\n2\t80\n", "train.rec: key 2: expected a record at byte 80, the file ends at byte 80"),
        ("1\t0\n2\t4000000000000\n", "train.rec: key 2: expected a record at byte 4000000000000"),
    ],
)
def test_damaged_indexes_are_named(tmp_path, text, message):
    write_set(tmp_path, {1: WHOLE, 2: WHOLE})
    (tmp_path / "train.idx").write_bytes(text.encode())
    with pytest.raises(ValueError, match=message):
        open_records(tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((4, 6), "key 0: expected the keys of 3 images in the index, got none for key 3"),
        ((3, 2), "key 0: expected two labels"),
        ((2.5, 4), "key 0: expected two labels, .* got 2.5, 4"),
        ((1, 2), "key 0: expected two labels"),
        ((3, 5, 6), "key 0: expected two labels, .* got 3, 5, 6"),
        ((float("nan"), 5), "key 0: expected two labels"),
    ],
)
def test_a_header_that_contradicts_the_index(tmp_path, labels, message):
    write_set(tmp_path, {0: framed(payload(0, b"", labels)), 1: WHOLE, 2: WHOLE})
    with pytest.raises(ValueError, match=f"train.rec: {message}"):
        open_records(tmp_path)


def test_a_key_that_the_header_requires_is_missing(tmp_path):
    write_set(tmp_path, {0: framed(payload(0, b"", (4, 5))), 1: WHOLE, 3: WHOLE, 4: WHOLE})
    with pytest.raises(ValueError, match="key 0: expected the keys of 3 images in the index, got none for key 2"):
        open_records(tmp_path)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((6, 9), "key 6: expected a person's record without an image, since record 0 states 5 images"),
        (
            (10, 14),
            "key 0: expected the keys 10 to 13 of 4 people .*, or no key after the images, got 3 ",
        ),
        ((10, 12), "key 0: expected the keys 10 to 11 of 2 people .* got 3 from 10 to 12"),
        ((10, 10), "key 0: expected the keys 10 to 9 of 0 people .* got 3 from 10 to 12"),
    ],
)
def test_a_header_that_contradicts_the_records(tmp_path, counts, message):
    """Nine images and three people; if keys 6 to 8 were people, the last four images would be lost."""
    records = with_header([0, 0, 0, 1, 1, 1, 2, 2, 2]) | {0: framed(payload(0, b"", counts))}
    if counts == (6, 9):
        records = {key: record for key, record in records.items() if key < 9}
    with pytest.raises(ValueError, match=f"train.rec: {message}"):
        open_records(write_set(tmp_path, records))


def test_a_header_that_states_two_thousand_million_people(tmp_path):
    """As many keys would take 16 GB."""
    records = with_header([0, 1]) | {0: framed(payload(0, b"", (3, 2e9)))}
    with pytest.raises(
        ValueError, match="key 0: expected the keys 3 to 1999999999 of 1999999997 people .* got 2 "
    ):
        open_records(write_set(tmp_path, records))


@pytest.mark.parametrize("name", ["train.idx", "property"])
def test_side_files_of_any_size_and_type(tmp_path, name):
    write_set(tmp_path, {1: WHOLE})
    with open(tmp_path / name, "wb") as file:
        file.truncate(2**42)
    with pytest.raises(ValueError, match=f"{name}: expected a file of at most .* got 4398046511104 bytes"):
        open_records(tmp_path)


def test_a_truncated_record_of_a_person(tmp_path):
    write_set(tmp_path, with_header([0, 1]))
    path = tmp_path / "train.rec"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="train.rec: key 4: expected 32 bytes after the head"):
        open_records(tmp_path)


def test_one_record_under_two_keys(tmp_path):
    write_set(tmp_path, {1: WHOLE, 2: WHOLE})
    (tmp_path / "train.idx").write_text("1\t40\n2\t40\n")
    with pytest.raises(ValueError, match="expected one record per key, got the same for keys 1 and 2"):
        open_records(tmp_path)


@pytest.mark.parametrize("absent", ["train.rec", "train.idx"])
def test_one_file_of_two_is_missing(tmp_path, absent):
    write_set(tmp_path, {1: WHOLE})
    (tmp_path / absent).unlink()
    with pytest.raises(ValueError, match=f"path: expected .* found no {absent}"):
        open_records(tmp_path)
    with pytest.raises(ValueError, match="path: expected a folder, a .rec or an .idx file"):
        open_records(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text", ["", "3,112", "3,112,x", "3,0,112", "3,112,112,3", "24\n3,112,112", f"3,{'1' * 5000},112"]
)
def test_a_malformed_property_file(tmp_path, text):
    write_set(tmp_path, {1: WHOLE})
    (tmp_path / "property").write_text(text)
    with pytest.raises(ValueError, match="property: expected 'classes,height,width', got"):
        open_records(tmp_path)
