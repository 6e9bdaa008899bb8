"""InsightFace's records as a source of labelled faces: read and decoded when a batch asks for them."""

from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.data.insightface.decoding import decode_for_network
from cshml_tf.data.insightface.records import Records, open_records
from cshml_tf.data.packed.source import PackedSource
from cshml_tf.images import UnreadableImage


class RecordPixels:
    """The faces of a training set, indexed like a (faces, H, W, 3) uint8 array and decoded on each access.

    Args:
        records: `cshml_tf.data.insightface.records.Records`, which stays open.
        order: (faces,) integers, the image of each row.
        image_size: as for `cshml_tf.data.insightface.decoding.decode_for_network`.

    Attributes:
        shape: (faces, H, W, 3), taken from the first face. Reading a face of another size raises ValueError.
    """

    def __init__(self, records: Records, order: np.ndarray, image_size: tuple[int, int] | None):
        self._records = records
        self._order = order
        self._image_size = image_size
        self.shape = (len(order), *self._first_shape())

    def _first_shape(self) -> tuple[int, ...]:
        try:
            return self._read(0).shape
        except ValueError as error:
            # A damaged face is one of those that training may pass over; one of another size is not.
            if self._image_size is None or not isinstance(error.__cause__, UnreadableImage):
                raise
            return (*self._image_size, 3)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if np.ndim(rows):
            return np.stack([self[row] for row in rows])
        pixels = self._read(rows)
        if pixels.shape != self.shape[1:]:
            expected, got = (f"{height} x {width}" for height, width, _ in (self.shape[1:], pixels.shape))
            name = self._records.name_of(self._order[rows])
            raise ValueError(f"{name}: expected {expected} as the first image, got {got}")
        return pixels

    def _read(self, row):
        index = self._order[row]
        return decode_for_network(self._records.read_bytes(index), self._records.name_of(index), self._image_size)


def read_record_source(path: str | Path, image_size: tuple[int, int] | None = None) -> PackedSource:
    """Open a training set as a source of faces for training.

    Args:
        path: as for `cshml_tf.data.insightface.records.open_records`.
        image_size: (height, width) of the network: a face of that height and of greater width is cropped at both
            sides, so that InsightFace's faces of 112 x 112 serve a network of 112 x 96. None keeps whole
            faces.

    Returns:
        `cshml_tf.data.packed.source.PackedSource`, whose pixels are `RecordPixels`; classes and images have the
        names that `cshml_tf.data.insightface.packing.pack_records` gives.

    Raises:
        OSError: a file cannot be read.
        ValueError: as `open_records`; a label that is not a class number; or a first image that does not fit.
    """
    records = open_records(path)
    order = np.argsort(records.labels, kind="stable")
    names = [f"{key}.jpg" for key in records.keys[order]]
    pixels = RecordPixels(records, order, image_size)
    return PackedSource(
        records.labels[order], records.class_names, names, records.path, pixels, np.arange(len(order))
    )
