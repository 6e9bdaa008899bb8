"""Pack class folders of aligned faces, or images of any origin, into one array."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.packed.source import CARD, CLASSES, LABELS, NAMES, PIXELS, is_packed
from cshml_tf.files import claimed, printable, remove_left_overs, replacing, write_json, write_text
from cshml_tf.images import IMAGE_SUFFIXES, READ_SUFFIXES, UnreadableImage, read_image


def pack(
    data_dir: str | Path,
    packed_dir: str | Path,
    people: Iterable[str] | None = None,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> dict[str, Any]:
    """Pack class folders.

    Args:
        data_dir: folder of class folders of aligned faces, all of one size.
        packed_dir: folder to make; it appears whole or not at all.
        people: names of the class folders to take; None takes all.
        progress: wraps the sequence of file paths, as `tqdm` does.

    Returns:
        The contents of `packed.json`.

    Raises:
        ValueError: there is nothing to pack; an image is unreadable, of another size than the first, or in a
            format that is not read; two images of a class have names that differ only in their suffix; a name is
            not UTF-8 or contains a line break; the folder exists, or another process is writing it.
        OSError: the folder cannot be written.
    """
    if is_packed(data_dir):
        raise ValueError(f"data_dir: expected a folder of class folders, got {data_dir}, which is packed already")
    with new_packed(packed_dir) as write:
        source = read_class_folders(data_dir, people)
        names = [Path(path).name for path in source.paths]
        _check_names(source, names)
        images = ((path, _read(path)) for path in progress(source.paths))
        return write(images, source.labels, source.classes, names)


@contextlib.contextmanager
def new_packed(packed_dir: str | Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Claim the name of a new packed folder, so that no other process writes it at the same time.

    Args:
        packed_dir: folder to make; it appears whole or not at all.

    Yields:
        A function that writes the folder. Its arguments are those of `write_packed` after the first; it returns
        what `write_packed` returns.

    Raises:
        ValueError: the folder exists, or another process is writing it.
        OSError: the folder cannot be written.
    """
    packed_dir = Path(packed_dir)
    _check_new(packed_dir)
    with claimed(packed_dir):
        # It may have been finished meanwhile.
        _check_new(packed_dir)
        # Left-overs of a large data set would fill the disk.
        remove_left_overs(packed_dir)
        yield lambda images, labels, classes, names: _write(packed_dir, images, labels, classes, names)


def write_packed(
    packed_dir: str | Path,
    images: Iterable[tuple[Any, np.ndarray]],
    labels: ArrayLike,
    classes: Sequence[str],
    names: Sequence[str],
) -> dict[str, Any]:
    """Write a packed folder of images of any origin, one at a time.

    Args:
        packed_dir: folder to make; it appears whole or not at all.
        images: for each image, its name for error messages and its pixels, (H, W, 3) uint8 RGB, all of one size.
        labels: (images,) integers in rising order.
        classes: class names, one per label.
        names: names of the images within their classes, without line breaks.

    Returns:
        The contents of `packed.json`.

    Raises:
        ValueError: the folder exists, another process is writing it, or an image has another size than the first.
        OSError: the folder cannot be written.
    """
    with new_packed(packed_dir) as write:
        return write(images, labels, classes, names)


def _write(packed_dir, images, labels, classes, names):
    with replacing(packed_dir) as partial:
        partial.mkdir()
        size = _write_pixels(partial / PIXELS, images, len(names))
        np.save(partial / LABELS, np.asarray(labels, np.int32))
        write_text(partial / CLASSES, "".join(f"{name}\n" for name in classes))
        write_text(partial / NAMES, "".join(f"{name}\n" for name in names))
        card = {"image_size": list(size), "images": len(names), "classes": len(classes)}
        write_json(partial / CARD, card)
    return card


def _check_new(packed_dir):
    if os.path.lexists(packed_dir):
        raise ValueError(f"packed_dir: expected a new folder, got {printable(packed_dir)}, which exists")


def _check_names(source, names):
    """Refuse names that the lists cannot store, and images that packing would silently omit."""
    for name in (*source.classes, *names):
        if "\n" in name or "\r" in name or not _is_utf8(name):
            raise ValueError(f"names: expected UTF-8 without line ends, got {name!r}")
    first_of = {}
    for label, name, path in zip(source.labels, names, source.paths, strict=True):
        other = first_of.setdefault((label, Path(name).stem), path)
        if other != path:
            raise ValueError(f"{path}: expected one image of this name, got {other} too")
    taken = set(source.paths)
    for folder in dict.fromkeys(Path(path).parent for path in source.paths):
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in IMAGE_SUFFIXES and str(file) not in taken and file.name[0] != ".":
                raise ValueError(f"{file}: expected only aligned faces in {', '.join(READ_SUFFIXES)}")


def _is_utf8(name):
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _read(path):
    try:
        return read_image(path)
    except UnreadableImage as error:
        raise ValueError(f"{path}: expected an image: {error}") from error


def _write_pixels(path: Path, images: Iterable[tuple[Any, np.ndarray]], count: int) -> tuple[int, int]:
    """Write the array, holding one image at a time; return (height, width)."""
    shape: tuple[int, int, int] | None = None
    with open(path, "wb") as file:
        for name, pixels in images:
            if shape is None:
                shape = pixels.shape[0], pixels.shape[1], pixels.shape[2]
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
                np.lib.format.write_array_header_1_0(file, header)
            if pixels.shape != shape:
                expected, got = (f"{height} x {width}" for height, width, _ in (shape, pixels.shape))
                raise ValueError(f"{name}: expected {expected} as the first image, got {got}")
            file.write(pixels.astype(np.uint8, order="C", copy=False).tobytes())
    if shape is None:
        raise ValueError("images: expected at least one, got none")
    return shape[:2]
