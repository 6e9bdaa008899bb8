"""What every source of labelled faces offers training: labels, classes, and pixels by index."""

import abc
import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.files import normalised


@dataclasses.dataclass(frozen=True)
class FaceSource(abc.ABC):
    """Labelled faces in the order of their labels; several threads may read from it at once.

    Attributes:
        labels: (images,) int32 in rising order, so that the images of each class are contiguous.
        classes: list of class names, one per label.
        names: list of the images' file names within their classes, one per image.
        folder: path of the source, a folder or a file.
    """

    labels: np.ndarray
    classes: list[str]
    names: list[str]
    folder: Path

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @functools.cached_property
    def class_sizes(self) -> np.ndarray:
        """Number of images of each class: (classes,) integers."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def name_of(self, image: int) -> str:
        """Return the name of an image, "class/file"."""
        return f"{self.classes[self.labels[image]]}/{self.names[image]}"

    @property
    @abc.abstractmethod
    def images(self) -> Sequence[Any]:
        """The images in order, as `cshml_tf.evaluation.embedding.embed` takes them: paths or pixels."""

    @abc.abstractmethod
    def read(self, indices: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
        """Read faces.

        Args:
            indices: (n,) integers, places in `labels`.
            image_size: (height, width) that every face must have.

        Returns:
            (n, height, width, 3) uint8 RGB.

        Raises:
            ValueError: a face is unreadable or has another size; the message names its file.
        """

    def files(self, indices: np.ndarray) -> list[Path]:
        """Return the files that contain these faces, one or more: here, the one file of the whole source."""
        return [self.folder]

    def check(self, image_size: tuple[int, int]) -> None:
        """Read the first face, so that a wrong size is reported before training begins.

        Args:
            image_size: (height, width) expected.

        Raises:
            ValueError: as `read`.
        """
        self.read(np.zeros(1, np.int64), image_size)

    def digest(self) -> str:
        """Return a short text that changes with the names of classes and images and with their order.

        It is the same for a source and for the packed folder made from it, and for names in Unicode's composed and
        decomposed forms: copying to macOS changes one into the other.
        """
        lines = (
            normalised(f"{self.classes[label]}/{name}")
            for label, name in zip(self.labels, self.names, strict=True)
        )
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def check_size(name: Any, size: Sequence[int], image_size: tuple[int, int]) -> None:
    """Refuse a face whose size is not that of the network's input.

    Args:
        name: name of the face in the error message.
        size: (height, width) of the face.
        image_size: (height, width) of the network.

    Raises:
        ValueError: the two differ.
    """
    if tuple(size) != tuple(image_size):
        raise ValueError(
            f"{name}: expected an aligned face of {image_size[0]} x {image_size[1]}, got {size[0]} x {size[1]}; "
            "align_dataset.py makes faces of this size"
        )
