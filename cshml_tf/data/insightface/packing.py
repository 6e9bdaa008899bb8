"""From InsightFace's records to a packed folder, which training reads."""

import numpy as np

from cshml_tf.data.packed.writer import write_packed


def pack_records(records, packed_dir, progress=iter, image_size=None):
    """Pack a training set, an image at a time.

    Classes are named as `Records.class_names`; an image by its key, such as `4711.jpg`.

    Args:
        records: `cshml_tf.data.insightface.records.Records`.
        packed_dir: folder to make; it appears whole or not at all.
        progress: wraps the sequence of image numbers, such as `tqdm`.
        image_size: (height, width) to keep of the middle of each image; None keeps them whole. (112, 96) makes
            InsightFace's 112 x 112 faces those of the 112 x 96 template.

    Returns:
        dict: what `packed.json` says.

    Raises:
        ValueError: a folder that exists; a record that is cut or damaged, or whose image cannot be decoded, is of
            another size than the first, or smaller than `image_size`; the message names file and key.
        OSError: it cannot be written.
    """
    order = np.argsort(records.labels, kind="stable")
    images = ((records.name_of(index), records.read_image(index, image_size)) for index in progress(order))
    return write_packed(
        packed_dir,
        images,
        records.labels[order],
        records.class_names,
        [f"{key}.jpg" for key in records.keys[order]],
    )
