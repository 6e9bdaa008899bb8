"""Faces without names, of which each batch of pairs contains some besides those of named people."""

import dataclasses
from pathlib import Path

import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.folder import FolderSource
from cshml_tf.data.sources import holds_named_faces, open_source
from cshml_tf.images import READ_SUFFIXES, image_names


@dataclasses.dataclass(frozen=True)
class Unlabelled:
    """Faces without names, and how many of them each batch contains.

    Attributes:
        source: where the faces are; its labels mean nothing.
        batch_size: faces per batch, over all workers.
    """

    source: FaceSource
    batch_size: int


def open_unlabelled(folder: str | Path, image_size: tuple[int, int] | None = None) -> FaceSource:
    """Open faces whose names do not matter: images in folders of any depth, a packed folder, or records.

    Args:
        folder: one of them; for records, their folder or `train.rec`.
        image_size: (height, width) of the network, to which wider faces from records are cropped; None crops
            no face.

    Returns:
        FaceSource; images of any depth are one class, named ".".

    Raises:
        ValueError: there are no faces.

    Warns:
        ListWarning: a folder cannot be read; its images are left out.
    """
    if holds_named_faces(folder):
        return open_source(folder, image_size=image_size)
    names = image_names(folder)
    if not names:
        raise ValueError(
            f"unlabelled_dir: expected images ({', '.join(READ_SUFFIXES)}) in {folder} or below, found none"
        )
    return FolderSource(np.zeros(len(names), np.int32), ["."], names, Path(folder))
