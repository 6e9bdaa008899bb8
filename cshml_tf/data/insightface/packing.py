"""Convert InsightFace's records to a packed folder for training."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from cshml_tf.data.insightface.records import Records
from cshml_tf.data.packed.writer import new_packed


def pack_records(
    records: Records,
    packed_dir: str | Path,
    progress: Callable[[np.ndarray], Iterable[int]] = iter,
    image_size: Sequence[int] | None = None,
) -> dict:
    """Pack a training set, one image at a time.

    Classes are named as in `Records.class_names`; images by their key, for example `4711.jpg`.

    Args:
        records: `cshml_tf.data.insightface.records.Records`.
        packed_dir: folder to create; it appears complete or not at all.
        progress: wraps the sequence of image numbers, for example `tqdm`.
        image_size: (height, width) of the central part of each image to keep; None keeps whole images. (112, 96)
            yields the same crops of InsightFace's 112 x 112 faces as alignment to the 112 x 96 template.

    Returns:
        dict: the contents of `packed.json`.

    Raises:
        ValueError: the folder exists, or another process is writing it; a record is truncated or damaged, or its
            image cannot be decoded, differs in size from the first, or is smaller than `image_size`; the message
            names the file and the key.
        OSError: the folder cannot be written.
    """
    with new_packed(packed_dir) as write:
        order = np.argsort(records.labels, kind="stable")
        images = ((records.name_of(index), records.read_image(index, image_size)) for index in progress(order))
        names = [f"{key}.jpg" for key in records.keys[order]]
        return write(images, records.labels[order], records.class_names, names)
