"""InsightFace's training sets: files written here byte by byte, whole and damaged."""

import concurrent.futures
import itertools
import struct

import cv2
import numpy as np
import pytest

from cshml_tf.data.batches import two_branch_batches
from cshml_tf.data.insightface.packing import pack_records
from cshml_tf.data.insightface.records import open_records
from cshml_tf.data.packed.source import read_packed
from cshml_tf.data.sources import open_source

MAGIC = b"\x0a\x23\xd7\xce"


def face(seed, height=112, width=112):
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(pixels, (width, height))


def encoded(pixels, suffix=".png"):
    return cv2.imencode(suffix, pixels[..., ::-1])[1].tobytes()


def payload(label, image, extra=()):
    return struct.pack(f"<IfQQ{len(extra)}f", len(extra), label, 7, 8, *extra) + image


def framed(content, flag=0):
    return MAGIC + struct.pack("<I", flag << 29 | len(content)) + content + b"\0" * (-len(content) % 4)


def write_set(folder, records, line_end="\n", order=None):
    """Write {key: framed record} as train.rec, and its index."""
    places, data = {}, b""
    for key, record in records.items():
        places[key] = len(data)
        data += record
    (folder / "train.rec").write_bytes(data)
    index = "".join(f"{key}\t{places[key]}{line_end}" for key in order or records)
    (folder / "train.idx").write_bytes(index.encode())
    return folder


def with_header(labels, extra=((),) * 99):
    """Give a set with record 0, images and identity records, and its images; key k has face(k)."""
    images, people = len(labels), len(set(labels))
    records = {0: framed(payload(0, b"", (images + 1, images + 1 + people)))}
    for key, label in enumerate(labels, start=1):
        records[key] = framed(payload(label, encoded(face(key)), extra[key - 1]))
    for person in range(people):
        records[images + 1 + person] = framed(payload(0, b"", (1, 2)))
    return records


def test_images_are_told_from_the_rest(tmp_path):
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


@pytest.mark.parametrize("form", ["windows", "blank lines", "any order", "blanks for tabs", "no last line end"])
def test_forms_of_the_index(tmp_path, form):
    records = with_header([1, 0])
    write_set(tmp_path, records, order=[3, 1, 4, 0, 2] if form == "any order" else None)
    text = (tmp_path / "train.idx").read_bytes()
    changed = {
        "windows": text.replace(b"\n", b"\r\n"),
        "blank lines": text.replace(b"\n", b"\n\n"),
        "any order": text,
        "blanks for tabs": text.replace(b"\t", b" "),
        "no last line end": text.rstrip(b"\n"),
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
    # The magic number stands in the image at multiples of 4; the part after it may be empty or of an odd length.
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


WHOLE = framed(payload(1, b"an image"))


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
def test_labels_that_are_no_class_number(tmp_path, label, extra):
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
        ((4, 6), "key 0: expected the keys of 3 images in the index, it has no key 3"),
        ((3, 2), "key 0: expected two labels"),
        ((2.5, 4), "key 0: expected two labels, .* got 2.5, 4"),
        ((1, 2), "key 0: expected two labels"),
        ((3, 5, 6), "key 0: expected two labels, .* got 3, 5, 6"),
        ((float("nan"), 5), "key 0: expected two labels"),
    ],
)
def test_a_header_of_other_keys(tmp_path, labels, message):
    write_set(tmp_path, {0: framed(payload(0, b"", labels)), 1: WHOLE, 2: WHOLE})
    with pytest.raises(ValueError, match=f"train.rec: {message}"):
        open_records(tmp_path)


def test_a_key_that_the_header_announces_is_absent(tmp_path):
    write_set(tmp_path, {0: framed(payload(0, b"", (4, 5))), 1: WHOLE, 3: WHOLE, 4: WHOLE})
    with pytest.raises(ValueError, match="key 0: expected the keys of 3 images in the index, it has no key 2"):
        open_records(tmp_path)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((6, 9), "key 6: expected a person's record without an image, since record 0 announces 5 images"),
        ((10, 14), "key 0: expected the keys 10 to 13 of 4 people in the index, or none after the images, got 3 "),
        ((10, 12), "key 0: expected the keys 10 to 11 of 2 people .* got 3 from 10 to 12"),
        ((10, 10), "key 0: expected the keys 10 to 9 of 0 people .* got 3 from 10 to 12"),
    ],
)
def test_counts_of_the_header_that_the_records_belie(tmp_path, counts, message):
    """Nine images and three people; with keys 6 to 8 for people, the last four images would be lost."""
    records = with_header([0, 0, 0, 1, 1, 1, 2, 2, 2]) | {0: framed(payload(0, b"", counts))}
    if counts == (6, 9):
        records = {key: record for key, record in records.items() if key < 9}
    with pytest.raises(ValueError, match=f"train.rec: {message}"):
        open_records(write_set(tmp_path, records))


def test_people_without_records_are_known_by_the_labels(tmp_path):
    records = {key: record for key, record in with_header([4, 4, 8]).items() if key < 4}
    assert open_records(write_set(tmp_path, records)).labels.tolist() == [0, 0, 1]


def test_a_cut_record_of_a_person(tmp_path):
    write_set(tmp_path, with_header([0, 1]))
    path = tmp_path / "train.rec"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="train.rec: key 4: expected 32 bytes after the head"):
        open_records(tmp_path)


def test_one_record_under_two_keys(tmp_path):
    write_set(tmp_path, {1: WHOLE, 2: WHOLE})
    (tmp_path / "train.idx").write_text("1\t40\n2\t40\n")
    with pytest.raises(ValueError, match="expected a record for each key, keys 1 and 2 have the same"):
        open_records(tmp_path)


@pytest.mark.parametrize("absent", ["train.rec", "train.idx"])
def test_one_file_of_the_two(tmp_path, absent):
    write_set(tmp_path, {1: WHOLE})
    (tmp_path / absent).unlink()
    with pytest.raises(ValueError, match=f"path: expected .* there is no {absent}"):
        open_records(tmp_path)
    with pytest.raises(ValueError, match="path: expected a folder, a .rec or an .idx file"):
        open_records(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "3,112", "3,112,x", "3,0,112", "3,112,112,3"])
def test_a_property_of_another_form(tmp_path, text):
    write_set(tmp_path, {1: WHOLE})
    (tmp_path / "property").write_text(text)
    with pytest.raises(ValueError, match="property: expected 'classes,height,width', got"):
        open_records(tmp_path)


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


def test_training_reads_the_records_as_it_reads_what_is_packed_from_them(tmp_path):
    """The faces are 112 x 112; a network of 112 x 96 sees them without their sides."""
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


def test_records_that_no_network_can_train_on(tmp_path):
    path = write_set(tmp_path, with_header([0, 1]) | {2: framed(payload(1, encoded(face(2, 96, 112))))})
    with pytest.raises(ValueError, match="key 1: expected a face 96 high, as the network's, .* got 112 x 112"):
        open_source(path, image_size=(96, 96))
    source = open_source(path)
    with pytest.raises(ValueError, match="train.rec: key 2: expected 112 x 112 as the first image, got 96 x 112"):
        source.images[1]
    with pytest.raises(ValueError, match="people: cannot be combined with"):
        open_source(path, ["00000"])
    (path / "train.rec").unlink()
    with pytest.raises(ValueError, match="expected train.rec and train.idx in .*, there is no train.rec"):
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
