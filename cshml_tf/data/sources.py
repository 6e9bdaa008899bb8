"""Faces to train and to test on, class folders, packed or InsightFace's records, and their streams of batches.

Class folders are read by `tf.data`; the others need NumPy alone.
"""

import keras

from cshml_tf.data.folder import FaceSource, read_class_folders
from cshml_tf.data.insightface.records import has_records
from cshml_tf.data.insightface.source import read_record_source
from cshml_tf.data.packed import batches as packed
from cshml_tf.data.packed.source import find_packed_images, is_packed, read_packed
from cshml_tf.data.protocols import find_image


def open_source(data_dir, people=None, image_size=None):
    """Open class folders, a packed folder, or InsightFace's records.

    Args:
        data_dir: one of them; of the records, their folder or `train.rec`.
        people: names of the classes to take; None takes all. Records have no names of people.
        image_size: (height, width) of the network, to which wider faces of records are cut; None leaves them.

    Returns:
        `FaceSource` or `cshml_tf.data.packed.source.PackedSource`.

    Raises:
        ValueError: it is none of them, or has nothing to take; class folders on a backend without `tf.data`; or
            people of records.
    """
    if is_packed(data_dir):
        return read_packed(data_dir, people)
    if has_records(data_dir):
        if people is not None:
            raise ValueError(f"people: expected none beside {data_dir}, whose people are numbers")
        return read_record_source(data_dir, image_size)
    source = read_class_folders(data_dir, people)
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(
            f"data_dir: expected packed faces on Keras's {backend} backend, got the class folders {data_dir}; "
            "pack_dataset.py packs them"
        )
    return source


def find_images(folder, pairs):
    """Find the images of pairs in class folders or a packed folder.

    Args:
        folder: the aligned images, `Name/Name_0001.png`, or the same packed.
        pairs: list of `cshml_tf.data.protocols.Pair`.

    Returns:
        dict of `FaceImage` to a Path, or to (H, W, 3) uint8 RGB; images that are not there are left out.
    """
    wanted = dict.fromkeys(image for pair in pairs for image in (pair.first, pair.second))
    if is_packed(folder):
        return find_packed_images(folder, wanted)
    found = {image: find_image(folder, image) for image in wanted}
    return {image: path for image, path in found.items() if path is not None}


def hr_batches(source, image_size, batch_size, seed, start_step=0, **options):
    """Stream batches for the HR network: see `cshml_tf.data.pipeline.hr_batches`, also for the options."""
    if not isinstance(source, FaceSource):
        return packed.hr_batches(source, batch_size, seed, start_step, **options)
    from cshml_tf.data import pipeline

    return pipeline.hr_batches(source, image_size, batch_size, seed, start_step, **options)


def two_branch_batches(source, image_size, batch_size, seed, resolutions, start_step=0, **options):
    """Stream batches of pairs: see `cshml_tf.data.pipeline.two_branch_batches`, also for the options."""
    if not isinstance(source, FaceSource):
        return packed.two_branch_batches(source, batch_size, seed, resolutions, start_step, **options)
    from cshml_tf.data import pipeline

    return pipeline.two_branch_batches(source, image_size, batch_size, seed, resolutions, start_step, **options)
