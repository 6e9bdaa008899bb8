"""A source of labelled faces: a folder of class folders, as FaceNet keeps them."""

import dataclasses
import functools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cshml_tf.data.face_source import FaceSource, check_size
from cshml_tf.images import READ_SUFFIXES, read_named


@dataclasses.dataclass(frozen=True)
class FolderSource(FaceSource):
    """Labelled image files, decoded each time they are read."""

    @functools.cached_property
    def paths(self) -> list[str]:
        """The image files in order."""
        folders = [os.path.join(self.folder, name) for name in self.classes]
        return [os.path.join(folders[label], name) for label, name in zip(self.labels, self.names, strict=True)]

    @property
    def images(self) -> list[str]:
        """The images in order: their paths."""
        return self.paths

    def read(self, indices: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
        """Decode faces; see `FaceSource.read`."""
        pixels = np.empty((len(indices), *image_size, 3), np.uint8)
        for place, index in enumerate(indices):
            face = read_named(self.paths[index])
            check_size(self.paths[index], face.shape[:2], image_size)
            pixels[place] = face
        return pixels


def read_class_folders(data_dir: str | Path, people: Iterable[str] | None = None) -> FolderSource:
    """List the images of class folders; the sorted names of the folders are the labels.

    Args:
        data_dir: a folder of folders of images.
        people: names of the class folders to take; None takes all. A name whose folder is missing or empty is
            left out (a person has no folder if none of the photographs could be aligned).

    Returns:
        FolderSource.

    Raises:
        ValueError: there is no such folder, it has no images, or it has none of the people listed.
    """
    data_dir = Path(data_dir)
    if not data_dir.is_dir():
        raise ValueError(f"data_dir: expected a folder of class folders, got {data_dir}, which is not a folder")
    folders = sorted(folder for folder in data_dir.iterdir() if _is_class(folder))
    if people is not None:
        wanted = set(people)
        folders = [folder for folder in folders if folder.name in wanted]
    names, labels, classes = [], [], []
    for folder in folders:
        files = sorted(file for file in folder.iterdir() if _is_image(file))
        if files:
            names += [file.name for file in files]
            labels += [len(classes)] * len(files)
            classes.append(folder.name)
    if not names:
        listed = "" if people is None else f" of the {len(set(people))} people listed"
        raise ValueError(
            f"data_dir: expected class folders{listed} with images ({', '.join(READ_SUFFIXES)}) in {data_dir}, "
            "found none"
        )
    return FolderSource(np.asarray(labels, np.int32), classes, names, data_dir)


def _is_class(folder):
    return folder.is_dir() and not folder.name.startswith(".")


def _is_image(file):
    return file.suffix.lower() in READ_SUFFIXES and not file.name.startswith(".")
