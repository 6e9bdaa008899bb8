"""A source of labelled faces: a folder of class folders, as FaceNet keeps them."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from cshml_tf.files import PARTIAL_PREFIX
from cshml_tf.images import UnreadableImage, read_image

# Of `images.READ_SUFFIXES`, those that TensorFlow decodes as well.
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

    # Which stream of random numbers its batches follow.
    stream = "folders"

    @property
    def images(self):
        """The images in order: paths."""
        return self.paths

    def check(self, image_size, every=False):
        """Name the first image that cannot be trained on.

        Args:
            image_size: (height, width) expected.
            every: False looks at the first image only, True at all.

        Raises:
            ValueError: an image is unreadable, or of another size.
        """
        for path in self.paths if every else self.paths[:1]:
            try:
                size = read_image(path).shape[:2]
            except UnreadableImage as error:
                raise ValueError(f"{path}: expected an image, got a file that is {error}") from error
            check_size(path, size, image_size)

    def digest(self):
        """Give a short text that changes with the names of classes and files and with their order."""
        return digest_of(self.classes, self.labels, [Path(path).name for path in self.paths])


def check_size(name, size, image_size):
    """Refuse faces of another size, (height, width), than the network's.

    Raises:
        ValueError: they are, with their name.
    """
    if tuple(size) != tuple(image_size):
        raise ValueError(
            f"{name}: expected an aligned face of {image_size[0]} x {image_size[1]}, got {size[0]} x {size[1]}; "
            "align_dataset.py makes them"
        )


def digest_of(classes, labels, names):
    """Give a short text of labelled names, the same for files and for what was packed from them."""
    lines = (f"{classes[label]}/{name}" for label, name in zip(labels, names, strict=True))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


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
    folders = sorted(folder for folder in data_dir.iterdir() if _is_class(folder))
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


def _is_class(folder):
    return folder.is_dir() and not folder.name.startswith(PARTIAL_PREFIX)


def _is_image(file):
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
