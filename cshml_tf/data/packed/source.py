"""A packed folder as a source of labelled faces, and as the images of a test."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.data.face_source import FaceSource, check_size
from cshml_tf.data.selection import Selection

PIXELS, LABELS, CLASSES, NAMES, CARD = "pixels.npy", "labels.npy", "classes.txt", "names.txt", "packed.json"


@dataclasses.dataclass(frozen=True)
class PackedSource(FaceSource):
    """Labelled faces of one array, or those of some of its classes.

    Attributes:
        pixels: (all images, H, W, 3) uint8 RGB, memory-mapped, or an object that is indexed like it.
        rows: (images,) integers, the rows of `pixels` that belong to the source.
    """

    pixels: Any
    rows: np.ndarray

    @property
    def images(self) -> Selection:
        """The images in order, each read on access: a sequence of (H, W, 3) uint8 RGB."""
        return Selection(self.pixels, self.rows)

    def read(self, indices: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
        """Gather faces; see `FaceSource.read`. All have one size, so an error names the folder."""
        check_size(self.folder, self.pixels.shape[1:3], image_size)
        return np.asarray(self.pixels[self.rows[indices]])


def is_packed(folder: str | Path) -> bool:
    """Return whether a folder is a packed one."""
    return (Path(folder) / CARD).is_file()


def read_packed(packed_dir: str | Path, people: Iterable[str] | None = None) -> PackedSource:
    """Open a packed folder.

    Args:
        packed_dir: as `cshml_tf.data.packed.writer.pack` made it.
        people: names of the classes to take; None takes all. Names that the folder does not have are ignored.

    Returns:
        PackedSource.

    Raises:
        ValueError: it is not a packed folder, a part of it is damaged or cut short, or it has none of the people
            listed.
    """
    packed_dir = Path(packed_dir)
    card = _read_card(packed_dir / CARD)
    shape = (card["images"], *card["image_size"], 3)
    pixels = _read_array(packed_dir / PIXELS, np.uint8, shape, mapped=True)
    labels = _read_array(packed_dir / LABELS, np.int32, shape[:1])
    classes = _read_lines(packed_dir / CLASSES, card["classes"])
    names = _read_lines(packed_dir / NAMES, card["images"])
    if (np.diff(labels) < 0).any() or labels[0] < 0 or labels[-1] >= len(classes):
        raise ValueError(f"{packed_dir / LABELS}: expected labels 0 to {len(classes) - 1} in order, got others")
    if people is None:
        return PackedSource(labels, classes, names, packed_dir, pixels, np.arange(len(names)))
    wanted = set(people)
    taken = np.array([name in wanted for name in classes])
    rows = np.flatnonzero(taken[labels])
    if not len(rows):
        raise ValueError(f"data_dir: expected some of the {len(wanted)} people listed, found none in {packed_dir}")
    relabelled = (np.cumsum(taken) - 1).astype(np.int32)[labels[rows]]
    kept = [name for name, is_taken in zip(classes, taken, strict=True) if is_taken]
    return PackedSource(relabelled, kept, [names[row] for row in rows], packed_dir, pixels, rows)


def find_packed_images(packed_dir: str | Path, images: Iterable[Any]) -> dict[Any, np.ndarray]:
    """Find the images of a test.

    Args:
        packed_dir: a packed folder.
        images: `cshml_tf.data.protocols.FaceImage`s.

    Returns:
        dict of `FaceImage` to (H, W, 3) uint8 RGB; images that the folder does not have are left out.

    Raises:
        ValueError: as `read_packed`.
    """
    source = read_packed(packed_dir)
    stems = zip(source.labels, source.names, strict=True)
    rows = {(source.classes[label], Path(name).stem): row for row, (label, name) in enumerate(stems)}
    found = {image: rows.get((image.name, str(image))) for image in images}
    return {image: source.pixels[row] for image, row in found.items() if row is not None}


def _read_card(path):
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        height, width = card["image_size"]
        counts = (height, width, card["images"], card["classes"])
    except FileNotFoundError:
        raise ValueError(f"{path.parent}: expected a packed folder, got one without {CARD}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected the card of a packed folder, got other content") from error
    if not all(type(count) is int and count > 0 for count in counts):
        raise ValueError(f"{path}: expected positive sizes, got {counts}")
    return card


def _read_array(path, dtype, shape, mapped=False):
    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected an array, got a damaged or truncated file") from error
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{path}: expected {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")
    return array


def _read_lines(path, count):
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, got {error.reason}") from error
    if len(lines) != count:
        raise ValueError(f"{path}: expected {count} lines, got {len(lines)}")
    return lines
