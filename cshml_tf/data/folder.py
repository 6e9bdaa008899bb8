"""A source of labelled faces: a folder of class folders, as FaceNet keeps them."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


@dataclasses.dataclass(frozen=True)
class FaceSource:
    """Labelled image files, in the order of their labels.

    Attributes:
        paths: list of str, one an image.
        labels: (images,) int32, never falling, so that the images of a class stand together.
        classes: list of class names, one a label.
    """

    paths: list
    labels: np.ndarray
    classes: list

    def digest(self):
        """Give a short text that changes with the names of classes and files and with their order."""
        classes = (self.classes[label] for label in self.labels)
        names = (f"{name}/{Path(path).name}" for name, path in zip(classes, self.paths, strict=True))
        return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def read_class_folders(data_dir, people=None):
    """List the images of class folders; the sorted names of the folders are the labels.

    Args:
        data_dir: a folder of folders of images (PNG, JPEG, BMP).
        people: names of the class folders to take; None takes all. A name without a folder, or with an
            empty one, is left out (a person whose every photograph failed to align has no folder).

    Returns:
        FaceSource.

    Raises:
        ValueError: no such folder, no images in it, or none of the people listed.
    """
    data_dir = Path(data_dir)
    if not data_dir.is_dir():
        raise ValueError(f"data_dir: expected a folder of class folders, got {data_dir}, which is none")
    folders = sorted(folder for folder in data_dir.iterdir() if folder.is_dir())
    if people is not None:
        wanted = set(people)
        folders = [folder for folder in folders if folder.name in wanted]
    paths, labels, classes = [], [], []
    for folder in folders:
        files = sorted(file for file in folder.iterdir() if _is_image(file))
        if files:
            paths += map(str, files)
            labels += [len(classes)] * len(files)
            classes.append(folder.name)
    if not paths:
        listed = "" if people is None else f" of the {len(set(people))} people listed"
        raise ValueError(
            f"data_dir: expected class folders{listed} with images ({', '.join(SUFFIXES)}) in {data_dir}, "
            "found none"
        )
    return FaceSource(paths, np.asarray(labels, np.int32), classes)


def _is_image(file):
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
