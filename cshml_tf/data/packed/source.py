"""A packed folder as a source of labelled faces, and as the images of a test."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import numpy as np

from cshml_tf.data.class_names import check_class_names
from cshml_tf.data.face_files import FIRST_FACE, SECOND_FACE, check_apart, warn_of_several_faces
from cshml_tf.data.face_source import FaceSource, check_size
from cshml_tf.data.named_faces import stem_of
from cshml_tf.data.people import check_distinct, check_listed, choose_listed
from cshml_tf.data.selection import Selection
from cshml_tf.files import normalised, printable, read_array, read_bytes, read_json

# More than file systems allow.
_MAX_NAME_BYTES = 4096
_Count = Annotated[int, msgspec.Meta(ge=1, le=2**40)]
_Side = Annotated[int, msgspec.Meta(ge=1, le=2**16)]
PIXELS, LABELS, CLASSES, NAMES, CARD = "pixels.npy", "labels.npy", "classes.txt", "names.txt", "packed.json"


class PackedCard(TypedDict):
    """The content of `packed.json`."""

    image_size: Annotated[list[_Side], msgspec.Meta(min_length=2, max_length=2)]
    images: _Count
    classes: _Count


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

    def files(self, indices: np.ndarray) -> list[Path]:
        """Return the file of the array; see `FaceSource.files`."""
        return [self.folder / PIXELS if self.folder.is_dir() else self.folder]

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
        people: names of the classes to take, in any Unicode form; None takes all. Names that the folder does not
            have are left out with a warning.

    Returns:
        PackedSource.

    Raises:
        ValueError: it is not a packed folder, a part of it is damaged or cut short, it has none of the people
            listed, or two classes have the same name in Unicode's composed form.

    Warns:
        ListWarning: some of the people listed are absent.
    """
    packed_dir = Path(packed_dir)
    card = _read_card(packed_dir)
    pixels = _read_array(packed_dir / PIXELS, np.uint8, (card["images"], *card["image_size"], 3), mapped=True)
    labels = _read_array(packed_dir / LABELS, np.int32, (card["images"],))
    classes = _read_lines(packed_dir / CLASSES, card["classes"])
    check_class_names(classes, packed_dir / CLASSES)
    names = _read_lines(packed_dir / NAMES, card["images"])
    # Differences of int32 would wrap around.
    if (labels[1:] < labels[:-1]).any() or labels[0] < 0 or labels[-1] >= len(classes):
        raise ValueError(
            f"{printable(packed_dir / LABELS)}: expected labels 0 to {len(classes) - 1} in order, got others"
        )
    name, times = Counter(classes).most_common(1)[0]
    if times > 1:
        raise ValueError(
            f"{printable(packed_dir / CLASSES)}: expected each class once, got {name!r} {times} times"
        )
    check_distinct(classes, packed_dir)
    if people is None:
        return PackedSource(labels, classes, names, packed_dir, pixels, np.arange(len(names)))
    people = list(people)
    check_listed(people, classes, packed_dir)
    listed = set(choose_listed(classes, people))
    taken = np.array([name in listed for name in classes])
    rows = np.flatnonzero(taken[labels])
    relabelled = (np.cumsum(taken) - 1).astype(np.int32)[labels[rows]]
    kept = [name for name, is_taken in zip(classes, taken, strict=True) if is_taken]
    return PackedSource(relabelled, kept, [names[row] for row in rows], packed_dir, pixels, rows)


def find_packed_images(packed_dir: str | Path, images: Iterable[Any]) -> dict[Any, np.ndarray]:
    """Find the images of a test.

    Args:
        packed_dir: a packed folder.
        images: `FaceImage`s or `ListedFile`s of `cshml_tf.data.named_faces`.

    Returns:
        dict of them to (H, W, 3) uint8 RGB; images that the folder does not have are left out.

    Raises:
        ValueError: as `read_packed`, or two photographs lead to one image.

    Warns:
        ListWarning: photographs have several aligned faces, of which the most prominent one is taken.
    """
    source = read_packed(packed_dir)
    rows = {
        (normalised(source.classes[label]), stem_of(normalised(name))): row
        for row, (label, name) in enumerate(zip(source.labels, source.names, strict=True))
    }
    found: dict[Any, int] = {}
    several = []
    for image in images:
        place = _place_among(rows, image)
        if place is None:
            continue
        found[image] = rows[place]
        name, stem = place
        is_first = stem.endswith(FIRST_FACE) and place not in image.places()
        if is_first and (name, stem.removesuffix(FIRST_FACE) + SECOND_FACE) in rows:
            several.append(image)
    check_apart(found)
    warn_of_several_faces(several, len(found), packed_dir)
    return {image: source.pixels[row] for image, row in found.items()}


def _place_among(rows: dict[tuple[str, str], int], image: Any) -> tuple[str, str] | None:
    """Return the class and the name of a photograph; the first of several faces stands in for an absent one."""
    for *folders, stem in image.places():
        for name in (stem, stem + FIRST_FACE):
            if len(folders) == 1 and (folders[0], name) in rows:
                return folders[0], name
    return None


def _read_card(packed_dir: Path) -> PackedCard:
    try:
        return read_json(packed_dir / CARD, PackedCard)
    except FileNotFoundError:
        raise ValueError(f"{printable(packed_dir)}: expected a packed folder, got one without {CARD}") from None


def _read_array(path, dtype, shape, mapped=False):
    array = read_array(path, dtype, len(shape), mapped)
    if array.shape != shape:
        raise ValueError(f"{printable(path)}: expected shape {shape}, as {CARD} states, got {array.shape}")
    return array


def _read_lines(path, count):
    content = read_bytes(path, count * _MAX_NAME_BYTES)
    # Counted first: a list of lines takes many times the memory of the text.
    lines = content.count(b"\n")
    if lines != count:
        raise ValueError(f"{printable(path)}: expected {count} lines, got {lines}")
    try:
        return content.decode("utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        raise ValueError(f"{printable(path)}: expected text in UTF-8, got {error.reason}") from None
