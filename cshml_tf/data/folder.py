"""A source of labelled faces: a folder of class folders, as FaceNet keeps them."""

import dataclasses
import functools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cshml_tf.data.class_names import check_class_names
from cshml_tf.data.face_source import FaceSource, check_size
from cshml_tf.data.people import check_distinct, check_listed, choose_listed
from cshml_tf.files import is_hidden, normalised, printable
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

    def files(self, indices: np.ndarray) -> list[Path]:
        """Return the image files; see `FaceSource.files`."""
        return [Path(self.paths[index]) for index in indices]

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

    Hidden files and folders (names that begin with a dot) are passed over.

    Args:
        data_dir: a folder of folders of images.
        people: names of the class folders to take, in any Unicode form; None takes all. A name whose folder is
            missing or empty is left out with a warning (a person has no folder if none of the photographs could be
            aligned).

    Returns:
        FolderSource.

    Raises:
        ValueError: there is no such folder, it has no images, or it has none of the people listed; a class has a
            name that `check_class_names` refuses, or two have one name in Unicode's composed form; or an image is
            a folder, a pipe, a device or a broken link.
        OSError: a folder cannot be read.

    Warns:
        ListWarning: some of the people listed are absent.
    """
    data_dir = Path(data_dir)
    if not data_dir.is_dir():
        raise ValueError(f"data_dir: expected a folder of class folders, got {data_dir}, which is not a folder")
    folders = class_folders(data_dir)
    everyone = [folder.name for folder in folders]
    check_distinct(everyone, data_dir)
    if people is not None:
        people = list(people)
        listed = set(choose_listed(everyone, people))
        folders = [folder for folder in folders if folder.name in listed]
    names, labels, classes = [], [], []
    for folder in folders:
        files = _image_names(folder)
        if files:
            names += files
            labels += [len(classes)] * len(files)
            classes.append(folder.name)
    check_class_names(classes, data_dir)
    if people is not None:
        check_listed(people, classes, data_dir, everyone)
    if not names:
        raise ValueError(
            f"data_dir: expected class folders with images ({', '.join(READ_SUFFIXES)}) in {data_dir}, found none"
        )
    return FolderSource(np.asarray(labels, np.int32), classes, names, data_dir)


def class_folders(data_dir: str | Path) -> list[Path]:
    """List the class folders of a folder, sorted by name; links to folders are followed, hidden ones passed over.

    Raises:
        ValueError: a link leads nowhere.
        OSError: the folder cannot be read.
    """
    found = []
    with os.scandir(data_dir) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                found.append(Path(entry.path))
            elif entry.is_symlink() and not os.path.exists(entry.path):
                raise ValueError(
                    f"{printable(entry.path)}: expected a class folder, got a link that leads nowhere"
                )
    return sorted(found, key=lambda folder: _order(folder.name))


def _order(name: str) -> tuple[str, str]:
    """Return a key by which names in Unicode's composed and decomposed forms have one order."""
    return normalised(name), name


def _image_names(folder):
    """Return the sorted names of the image files in a class folder."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name) or os.path.splitext(entry.name)[1].lower() not in READ_SUFFIXES:
                continue
            # A pipe would block the batch that reads it.
            if not entry.is_file():
                raise ValueError(f"{printable(entry.path)}: expected an image file, got {_what(entry)}")
            names.append(entry.name)
    return sorted(names, key=_order)


def _what(entry):
    if entry.is_dir():
        return "a folder"
    if entry.is_symlink() and not os.path.exists(entry.path):
        return "a link that leads nowhere"
    return "a pipe, a socket or a device"
