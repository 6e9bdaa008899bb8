"""Read training sets as InsightFace distributes them, such as CASIA-WebFace: `train.rec`, `train.idx`, `property`.

A payload consists of a flag (uint32), a label (float32) and two numbers (uint64), as many further float32 labels
as the flag states, which replace the first, and an encoded image. Record 0 may contain, instead of an image, the
labels N + 1 and N + 1 + C: keys 1 to N are then the images, and the following records describe the C people.
"""

import functools
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from cshml_tf.data.insightface.decoding import decode_face
from cshml_tf.data.insightface.recordio import HEAD_BYTES, MAGIC, RecordFile, part_head, read_index
from cshml_tf.files import read_bytes

_HEADER = struct.Struct("<IfQQ")
# The head of a record, the payload's header, and the first of the labels that may follow.
_START = np.dtype(
    [("magic", "<u4"), ("word", "<u4"), ("flag", "<u4"), ("label", "<f4"), ("ids", "<u8", 2), ("first", "<f4")]
)
_RECORDS_PER_READ = 16384
_SUFFIXES = (".rec", ".idx")
_PROPERTY_BYTES = 2**16
# Class numbers are below this.
_LABEL_LIMIT = 2.0**31


def has_records(path: str | Path) -> bool:
    """Return whether a path denotes a training set: one of its two files, or a folder that contains one."""
    path = Path(path)
    return path.suffix in _SUFFIXES or any((path / f"train{suffix}").is_file() for suffix in _SUFFIXES)


def open_records(path: str | Path) -> "Records":
    """Open a training set.

    Args:
        path: the folder with `train.rec` and `train.idx`, or either file of such a pair under any name.

    Returns:
        `Records`.

    Raises:
        OSError: a file cannot be read.
        ValueError: one of the two files is missing, the index or `property` has another format, an offset lies
            beyond the end of the records or belongs to two keys, or the index lacks keys that record 0 requires.
    """
    path = Path(path)
    pair = path / "train.rec" if path.is_dir() else path
    if pair.suffix not in _SUFFIXES:
        raise ValueError(f"path: expected a folder, a .rec or an .idx file, got {path}")
    rec_path, idx_path = pair.with_suffix(".rec"), pair.with_suffix(".idx")
    for part, other in ((rec_path, idx_path), (idx_path, rec_path)):
        if not part.is_file():
            raise ValueError(f"path: expected {part.name} and {other.name} in {part.parent}, found no {part.name}")
    image_size = _read_image_size(pair.with_name("property"))
    keys, offsets = read_index(idx_path)
    return Records(RecordFile(rec_path), keys, offsets, image_size)


class Records:
    """The labelled faces of a training set; threads can share it.

    Attributes:
        path: the `.rec` file.
        keys: (images,) int64, ascending: the keys of the images in the index.
        image_size: (height, width) as stated by the file `property`; None if there is no such file.
    """

    def __init__(
        self, file: RecordFile, keys: np.ndarray, offsets: np.ndarray, image_size: tuple[int, int] | None
    ) -> None:
        """Separate the images' records from the others; see `open_records`."""
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
        shared = np.flatnonzero(np.diff(offsets[order]) == 0)
        if len(shared):
            one, other = keys[order[shared[0]]], keys[order[shared[0] + 1]]
            raise ValueError(f"{self.path}: expected one record per key, got the same for keys {one} and {other}")
        images = self._image_rows(keys, offsets)
        self.keys, self._offsets = keys[images], offsets[images]

    def __len__(self) -> int:
        return len(self.keys)

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def labels(self) -> np.ndarray:
        """The class of each image, (images,) int32: 0 to C - 1 in ascending order of the stored labels.

        The first access reads the start of every record.

        Raises:
            ValueError: a record is truncated or damaged, or its label is not a whole number from 0.
        """
        return self._classes_and_labels[1]

    @property
    def class_numbers(self) -> np.ndarray:
        """The stored label of each class, (C,) int64, ascending; raises as `labels`."""
        return self._classes_and_labels[0]

    @property
    def class_names(self) -> list[str]:
        """A name per class: its stored label with at least five digits, such as "00017"; raises as `labels`."""
        digits = max(5, len(str(self.class_numbers[-1])))
        return [f"{number:0{digits}d}" for number in self.class_numbers]

    def read_bytes(self, index: SupportsIndex) -> bytes:
        """Read an image file as stored.

        Args:
            index: position of the image in `keys`.

        Returns:
            The image file, usually JPEG.

        Raises:
            IndexError: `index` is not below the number of images.
            ValueError: the record is truncated or damaged, or has no image; the message names file and key.
        """
        key, payload = self._payload(index)
        image = payload[_image_start(payload, self._name(key)) :]
        if not image:
            raise ValueError(f"{self._name(key)}: expected an image after the labels, got none")
        return image

    def read_image(self, index: SupportsIndex, image_size: Sequence[int] | None = None) -> np.ndarray:
        """Read and decode an image.

        Args:
            index: position of the image in `keys`.
            image_size: (height, width) of the central part to keep; None keeps the whole image.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            IndexError: `index` is not below the number of images.
            ValueError: as `read_bytes`; also if the image cannot be decoded or is smaller than `image_size`.
        """
        return decode_face(self.read_bytes(index), self.name_of(index), image_size)

    def name_of(self, index: SupportsIndex) -> str:
        """Return the file and the key of an image, for error messages."""
        return self._name(self.keys[index])

    @functools.cached_property
    def _classes_and_labels(self) -> tuple[np.ndarray, np.ndarray]:
        stored = np.empty(len(self), np.int64)
        for start in range(0, len(self), _RECORDS_PER_READ):
            rows = np.arange(start, min(start + _RECORDS_PER_READ, len(self)))
            stored[rows] = self._stored_labels(rows)
        numbers, labels = np.unique(stored, return_inverse=True)
        return numbers, labels.astype(np.int32)

    def _stored_labels(self, rows: np.ndarray) -> np.ndarray:
        """Read many labels at once; reread suspicious records one by one, to raise the right error."""
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
        for position in np.flatnonzero(~in_order):
            stored[position] = self._stored_label(rows[position])
        return stored

    def _stored_label(self, index: SupportsIndex) -> int:
        key, payload = self._payload(index)
        label = _labels_of(payload, self._name(key))[0]
        if not _is_class_number(label):
            raise ValueError(f"{self._name(key)}: expected a whole number from 0 as the label, got {label:g}")
        return int(label)

    def _payload(self, index: SupportsIndex) -> tuple[int, bytes]:
        key = self.keys[index]
        return key, self._file.read(int(self._offsets[index]), key)

    def _name(self, key: int) -> str:
        return f"{self.path}: key {key}"

    def _image_rows(self, keys: np.ndarray, offsets: np.ndarray) -> slice | np.ndarray:
        """Return the rows of the index that are images."""
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
                f"{name}: expected two labels, one above the last key of an image and one above the last key of a "
                f"person, got {got}"
            )
        images = np.arange(1, np.searchsorted(keys, int(bounds[0])))
        missing = np.flatnonzero(keys[images] != images)
        if len(missing) or len(images) != int(bounds[0]) - 1:
            key = images[missing[0]] if len(missing) else len(images) + 1
            raise ValueError(
                f"{name}: expected the keys of {int(bounds[0]) - 1} images in the index, got none for key {key}"
            )
        self._check_people(name, keys, offsets, int(bounds[0]), int(bounds[1]))
        return images

    def _check_people(self, name: str, keys: np.ndarray, offsets: np.ndarray, first: int, end: int) -> None:
        """Check that nothing follows the images, or else exactly one record without an image per person."""
        rows = np.flatnonzero(keys >= first)
        if not len(rows):
            return
        # Compared first: record 0 may state two thousand million people.
        if len(rows) != end - first or not np.array_equal(keys[rows], np.arange(first, end)):
            raise ValueError(
                f"{name}: expected the keys {first} to {end - 1} of {end - first} people in the index, or no key "
                f"after the images, got {len(rows)} from {keys[rows[0]]} to {keys[rows[-1]]}"
            )
        starts = np.frombuffer(self._file.first_bytes(offsets[rows], _START.itemsize), _START)
        part, length = part_head(starts["word"].astype(np.int64))
        in_order = (starts["magic"] == MAGIC) & (part == 0)
        in_order &= length == _HEADER.size + 4 * starts["flag"].astype(np.int64)
        in_order &= offsets[rows] + HEAD_BYTES + length <= self._file.size
        for row in rows[~in_order]:
            key = int(keys[row])
            payload = self._file.read(int(offsets[row]), key)
            if len(payload) > _image_start(payload, self._name(key)):
                raise ValueError(
                    f"{self._name(key)}: expected a person's record without an image, since record 0 "
                    f"states {first - 1} images, got one with an image"
                )


def _is_class_number(label: Any) -> Any:
    """Return whether a float32, or each of an array, is a whole number from 0 that can be a class number."""
    with np.errstate(invalid="ignore"):
        return (label >= 0) & (label < _LABEL_LIMIT) & (label == np.floor(label))


def _image_start(payload: bytes, name: str) -> int:
    """Return the position of the image in a payload, after its labels."""
    if len(payload) < _HEADER.size:
        raise ValueError(f"{name}: expected a header of {_HEADER.size} bytes, got a record of {len(payload)}")
    labels = _HEADER.unpack_from(payload)[0]
    start = _HEADER.size + 4 * labels
    if len(payload) < start:
        raise ValueError(
            f"{name}: expected {labels} labels after the header, got a record of {len(payload)} bytes"
        )
    return start


def _labels_of(payload: bytes, name: str) -> np.ndarray:
    """Return a payload's labels, (labels,) float32: those after the header, or else the header's own."""
    end = _image_start(payload, name)
    if end == _HEADER.size:
        return np.array([_HEADER.unpack_from(payload)[1]], np.float32)
    return np.frombuffer(payload[_HEADER.size : end], "<f4")


def _read_image_size(path: Path) -> tuple[int, int] | None:
    """Read (height, width) from a file that begins with a line `C,height,width`; None if it does not exist.

    Some of InsightFace's tools write further lines: the number of images, the date.
    """
    if not path.is_file():
        return None
    line = (
        read_bytes(path, _PROPERTY_BYTES).decode("utf-8-sig", errors="replace").strip().partition("\n")[0].strip()
    )
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != 3 or not all(_is_size(field) for field in fields):
        raise ValueError(f"{path}: expected 'classes,height,width', got {line[:40]!r}")
    return int(fields[1]), int(fields[2])


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0
