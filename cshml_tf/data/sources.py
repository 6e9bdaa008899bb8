"""Open the faces to train and test on: class folders, a packed folder or InsightFace's records."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cshml_tf.data.face_files import find_images_below
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.insightface.records import has_records
from cshml_tf.data.insightface.source import read_record_source
from cshml_tf.data.packed.source import find_packed_images, is_packed, read_packed


def open_source(
    data_dir: str | Path, people: Iterable[str] | None = None, image_size: tuple[int, int] | None = None
) -> FaceSource:
    """Open class folders, a packed folder, or InsightFace's records.

    Args:
        data_dir: one of them; for records, their folder or `train.rec`.
        people: names of the classes to take; None takes all. Records do not name people.
        image_size: (height, width) of the network, to which wider faces from records are cropped; None crops
            no face.

    Returns:
        FaceSource.

    Raises:
        ValueError: the path is none of the three, there is nothing to take, or `people` is given for records.
    """
    if is_packed(data_dir):
        return read_packed(data_dir, people)
    if has_records(data_dir):
        if people is not None:
            raise ValueError(f"people: cannot be combined with {data_dir}, whose people are numbers")
        return read_record_source(data_dir, image_size)
    return read_class_folders(data_dir, people)


def holds_named_faces(folder: str | Path) -> bool:
    """Return whether a folder is a packed one or contains InsightFace's records."""
    return is_packed(folder) or has_records(folder)


def find_images(folder: str | Path, pairs: Iterable[Any]) -> dict[Any, Any]:
    """Find the images of pairs in class folders, in folders of any depth or in a packed folder.

    Args:
        folder: the aligned images, `Name/Name_0001.png`, or as the list names their paths; or class folders
            packed.
        pairs: `cshml_tf.data.protocols.Pair`s.

    Returns:
        dict from `FaceImage` or `ListedFile` to a Path, or to (H, W, 3) uint8 RGB; missing images are left out.

    Raises:
        ValueError: two photographs lead to one image, or two names are one in Unicode's composed form.

    Warns:
        ListWarning: photographs have several aligned faces, of which the most prominent one is taken.
    """
    wanted = dict.fromkeys(image for pair in pairs for image in (pair.first, pair.second))
    if is_packed(folder):
        return find_packed_images(folder, wanted)
    return find_images_below(folder, wanted)
