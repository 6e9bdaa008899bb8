"""The frozen HR network's outputs for each training face and its mirror image, read from memory-mapped arrays."""

import dataclasses
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.unreadable import UnreadableFace
from cshml_tf.files import printable

# How the names of these outputs begin in a batch.
OF_TEACHER = "teacher_"
# The checksum of a face that could not be read, which no face has.
UNREAD = -1


@dataclasses.dataclass(frozen=True)
class TeacherValues:
    """The outputs of the HR network that equation 6 needs; several threads may read at once.

    Attributes:
        folder: where the arrays are, for error messages.
        source: the faces that they belong to.
        checksums: (images,) int64, as `checksums_of` returns; `UNREAD` for a face that could not be read.
        values: arrays by name, each (images, views, ...) float16; view 0 is the face, view 1 its mirror image.
    """

    folder: Path
    source: FaceSource
    checksums: np.ndarray
    values: Mapping[str, np.ndarray]

    def signature(self, rows: int) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return the shape and the dtype of each array that `take` returns, by its name in a batch."""
        return {
            f"{OF_TEACHER}{name}": ((rows, *array.shape[2:]), np.float16) for name, array in self.values.items()
        }

    def check(self, images: np.ndarray, faces: np.ndarray) -> None:
        """Compare faces with those that the HR network saw.

        Args:
            images: (n,) integers, places in the source.
            faces: (n, H, W, 3) uint8 RGB, as read.

        Raises:
            UnreadableFace: the pixels of a face have changed.
        """
        changed = checksums_of(faces) != self.checksums[images]
        if changed.any():
            raise UnreadableFace(changed_face(self.folder, self.source, int(images[changed.argmax()])))

    def take(self, images: np.ndarray, mirrored: np.ndarray) -> dict[str, np.ndarray]:
        """Return the values of a batch's HR faces.

        Args:
            images: (rows,) integers, places in the source.
            mirrored: (rows,) bool, which faces are mirrored.

        Returns:
            dict of (rows, ...) float16, by name in a batch: "teacher_embedding", "teacher_pooled".

        Raises:
            UnreadableFace: a value is not finite, which none was when it was written.
        """
        taken = {name: array[images, mirrored.astype(int)] for name, array in self.values.items()}
        for name, values in taken.items():
            if not np.isfinite(values).all():
                raise UnreadableFace(
                    f"{printable(self.folder)}: expected finite outputs of the HR network, got NaN or infinity "
                    f"in its {name}; remove the folder to compute them anew"
                )
        return {f"{OF_TEACHER}{name}": values for name, values in taken.items()}


def checksums_of(faces: np.ndarray) -> np.ndarray:
    """Return the CRC-32 of each face's pixels.

    Args:
        faces: (n, H, W, 3) uint8.

    Returns:
        (n,) int64, 0 to 2^32 - 1.
    """
    return np.array([zlib.crc32(face) for face in np.ascontiguousarray(faces)], np.int64)


def changed_face(folder: Path, source: FaceSource, image: int) -> str:
    """Return the error of a face whose pixels have changed since its outputs were computed."""
    return (
        f"{printable(source.name_of(image))}: expected the pixels from which the HR network's outputs were "
        f"computed, got others; restore the image, or remove {printable(folder)} to compute them anew"
    )
