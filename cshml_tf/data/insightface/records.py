"""Training sets as InsightFace passes them on, such as CASIA-WebFace: `train.rec`, `train.idx`, `property`.

A payload is a flag (uint32), a label (float32) and two numbers (uint64); as many float32 labels as the flag says,
which take the first one's place; and an encoded image. Record 0 may hold no image but the labels N + 1 and
N + 1 + C: keys 1 to N are then the images, and what follows them describes the C people.
"""

import functools
import struct
from pathlib import Path

import numpy as np

from cshml_tf.data.insightface.decoding import decode_face
from cshml_tf.data.insightface.recordio import HEAD_BYTES, MAGIC, RecordFile, part_head, read_index

_HEADER = struct.Struct("<IfQQ")
# A record's own head, its header, and the first of the labels that may follow.
_START = np.dtype(
    [("magic", "<u4"), ("word", "<u4"), ("flag", "<u4"), ("label", "<f4"), ("ids", "<u8", 2), ("first", "<f4")]
)
_AT_ONCE = 16384
_SUFFIXES = (".rec", ".idx")
# Labels from here on would be no class numbers.
_TOO_GREAT = 2.0**31


def has_records(path):
    """Tell whether a path is meant as a training set: one of its two files, or a folder with one."""
    path = Path(path)
    return path.suffix in _SUFFIXES or any((path / f"train{suffix}").is_file() for suffix in _SUFFIXES)


def open_records(path):
    """Open a training set.

    Args:
        path: the folder with `train.rec` and `train.idx`, or either file of such a pair, of any name.

    Returns:
        `Records`.

    Raises:
        OSError: a file can't be read.
        ValueError: one of the two is missing, the index or `property` is of another form, an offset lies beyond
            the records' end or stands for two keys, or record 0 announces other keys than the index has.
    """
    path = Path(path)
    pair = path / "train.rec" if path.is_dir() else path
    if pair.suffix not in _SUFFIXES:
        raise ValueError(f"path: expected a folder, a .rec or an .idx file, got {path}")
    rec_path, idx_path = pair.with_suffix(".rec"), pair.with_suffix(".idx")
    for part, other in ((rec_path, idx_path), (idx_path, rec_path)):
        if not part.is_file():
            raise ValueError(
                f"path: expected {part.name} and {other.name} in {part.parent}, there is no {part.name}"
            )
    image_size = _read_image_size(pair.with_name("property"))
    keys, offsets = read_index(idx_path)
    return Records(RecordFile(rec_path), keys, offsets, image_size)


class Records:
    """Labelled faces of a training set; threads can share it.

    Attributes:
        path: the `.rec` file.
        keys: (images,) int64, rising: the index's keys of the images alone.
        image_size: (height, width) as the file `property` says; None where there is no such file.
    """

    def __init__(self, file, keys, offsets, image_size):
        """Tell the images' records from the rest; see `open_records`."""
        self.path = file.path
        self.image_size = image_size
        self._file = file
        beyond = np.flatnonzero(offsets >= file.size)
        if len(beyond):
            first = beyond[0]
            raise ValueError(
                f"{self.path}: key {keys[first]}: expected a record at byte {offsets[first]}, "
                f"the file ends at byte {file.size}"
            )
        order = np.argsort(offsets, kind="stable")
        twice = np.flatnonzero(np.diff(offsets[order]) == 0)
        if len(twice):
            one, other = keys[order[twice[0]]], keys[order[twice[0] + 1]]
            raise ValueError(f"{self.path}: expected a record for each key, keys {one} and {other} have the same")
        images = self._image_rows(keys, offsets)
        self.keys, self._offsets = keys[images], offsets[images]

    def __len__(self):
        return len(self.keys)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        self._file.close()

    @property
    def labels(self):
        """The class of each image, (images,) int32: 0 to C - 1 in rising order of the stored labels.

        The first use reads the start of every record.

        Raises:
            ValueError: a record is cut or damaged, or its label is no whole number from 0.
        """
        return self._classes_and_labels[1]

    @property
    def class_numbers(self):
        """The label that is stored for each class: (C,) int64, rising; raises as `labels`."""
        return self._classes_and_labels[0]

    @property
    def class_names(self):
        """A name for each class: its stored label in at least five digits, such as "00017"; raises as `labels`."""
        digits = max(5, len(str(self.class_numbers[-1])))
        return [f"{number:0{digits}d}" for number in self.class_numbers]

    def read_bytes(self, index):
        """Read an image as it is stored.

        Args:
            index: which image, a place in `keys`.

        Returns:
            bytes, an image file, mostly JPEG.

        Raises:
            IndexError: there are not so many images.
            ValueError: the record is cut or damaged, or has no image; the message names file and key.
        """
        key, payload = self._payload(index)
        image = payload[_image_start(payload, self._name(key)) :]
        if not image:
            raise ValueError(f"{self._name(key)}: expected an image after the labels, got none")
        return image

    def read_image(self, index, image_size=None):
        """Read and decode an image.

        Args:
            index: which image, a place in `keys`.
            image_size: (height, width) to keep of its middle; None keeps it all.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            IndexError: there are not so many images.
            ValueError: as `read_bytes`; or it cannot be decoded, or is smaller than `image_size`.
        """
        return decode_face(self.read_bytes(index), self.name_of(index), image_size)

    def name_of(self, index):
        """Give the file and the key of an image, for errors."""
        return self._name(self.keys[index])

    @functools.cached_property
    def _classes_and_labels(self):
        stored = np.empty(len(self), np.int64)
        for start in range(0, len(self), _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, len(self)))
            stored[rows] = self._stored_labels(rows)
        numbers, labels = np.unique(stored, return_inverse=True)
        return numbers, labels.astype(np.int32)

    def _stored_labels(self, rows):
        """Read labels many at once; what is not plainly in order is read again singly, for its error."""
        offsets = self._offsets[rows]
        starts = np.frombuffer(self._file.first_bytes(offsets, _START.itemsize), _START)
        part, length = part_head(starts["word"].astype(np.int64))
        extra = starts["flag"].astype(np.int64)
        labels = np.where(extra > 0, starts["first"], starts["label"])
        in_order = (
            (starts["magic"] == MAGIC)
            & (part == 0)
            & (length >= _HEADER.size + 4 * extra)
            & (offsets + HEAD_BYTES + length <= self._file.size)
            & _is_class_number(labels)
        )
        stored = np.where(in_order, labels, 0).astype(np.int64)
        for place in np.flatnonzero(~in_order):
            stored[place] = self._stored_label(rows[place])
        return stored

    def _stored_label(self, index):
        key, payload = self._payload(index)
        label = _labels_of(payload, self._name(key))[0]
        if not _is_class_number(label):
            raise ValueError(f"{self._name(key)}: expected a whole number from 0 as the label, got {label:g}")
        return int(label)

    def _payload(self, index):
        key = self.keys[index]
        return key, self._file.read(int(self._offsets[index]), key)

    def _name(self, key):
        return f"{self.path}: key {key}"

    def _image_rows(self, keys, offsets):
        """Give the rows of the index that are images."""
        if keys[0] != 0:
            return slice(None)
        name = self._name(0)
        payload = self._file.read(int(offsets[0]), 0)
        if _image_start(payload, name) == _HEADER.size or len(payload) > _image_start(payload, name):
            return slice(None)
        bounds = _labels_of(payload, name)
        if len(bounds) != 2 or not _is_class_number(bounds).all() or not 2 <= bounds[0] <= bounds[1]:
            got = ", ".join(f"{bound:g}" for bound in bounds[:4])
            raise ValueError(
                f"{name}: expected two labels, one after the last image's key and one after the last person's, "
                f"got {got}"
            )
        images = np.arange(1, np.searchsorted(keys, int(bounds[0])))
        absent = np.flatnonzero(keys[images] != images)
        if len(absent) or len(images) != int(bounds[0]) - 1:
            key = images[absent[0]] if len(absent) else len(images) + 1
            raise ValueError(
                f"{name}: expected the keys of {int(bounds[0]) - 1} images in the index, it has no key {key}"
            )
        self._check_people(name, keys, offsets, *map(int, bounds))
        return images

    def _check_people(self, name, keys, offsets, first, end):
        """Refuse what follows the images unless it is nothing, or a record for each person without an image."""
        rows = np.flatnonzero(keys >= first)
        if not len(rows):
            return
        if not np.array_equal(keys[rows], np.arange(first, end)):
            raise ValueError(
                f"{name}: expected the keys {first} to {end - 1} of {end - first} people in the index, or none "
                f"after the images, got {len(rows)} from {keys[rows[0]]} to {keys[rows[-1]]}"
            )
        starts = np.frombuffer(self._file.first_bytes(offsets[rows], _START.itemsize), _START)
        part, length = part_head(starts["word"].astype(np.int64))
        in_order = (starts["magic"] == MAGIC) & (part == 0)
        in_order &= length == _HEADER.size + 4 * starts["flag"].astype(np.int64)
        in_order &= offsets[rows] + HEAD_BYTES + length <= self._file.size
        for row in rows[~in_order]:
            payload = self._file.read(int(offsets[row]), keys[row])
            if len(payload) > _image_start(payload, self._name(keys[row])):
                raise ValueError(
                    f"{self._name(keys[row])}: expected a person's record without an image, since record 0 "
                    f"announces {first - 1} images, got one with an image"
                )


def _is_class_number(label):
    """Tell, of a float32 or an array of them, what is a whole number from 0."""
    return (label >= 0) & (label < _TOO_GREAT) & (label == np.floor(label))


def _image_start(payload, name):
    """Give the place of the image in a payload, after its labels."""
    if len(payload) < _HEADER.size:
        raise ValueError(f"{name}: expected a header of {_HEADER.size} bytes, got a record of {len(payload)}")
    labels = _HEADER.unpack_from(payload)[0]
    start = _HEADER.size + 4 * labels
    if len(payload) < start:
        raise ValueError(
            f"{name}: expected {labels} labels after the header, got a record of {len(payload)} bytes"
        )
    return start


def _labels_of(payload, name):
    """Give a payload's labels, (labels,) float32: the header's own only where no others follow."""
    end = _image_start(payload, name)
    if end == _HEADER.size:
        return np.array([_HEADER.unpack_from(payload)[1]], np.float32)
    return np.frombuffer(payload[_HEADER.size : end], "<f4")


def _read_image_size(path):
    """Read `C,height,width`; None where there is no such file."""
    if not path.is_file():
        return None
    line = path.read_text(encoding="utf-8", errors="replace").strip()
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != 3 or not all(field.isascii() and field.isdigit() and int(field) for field in fields):
        raise ValueError(f"{path}: expected 'classes,height,width', got {line[:40]!r}")
    return int(fields[1]), int(fields[2])
