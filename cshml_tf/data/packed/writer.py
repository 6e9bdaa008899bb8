"""From class folders of aligned faces, or from images of any origin, to a packed folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.data.folder import read_class_folders
from cshml_tf.data.packed.source import CARD, CLASSES, LABELS, NAMES, PIXELS, is_packed
from cshml_tf.files import remove_left_overs, replacing, write_json, write_text
from cshml_tf.images import IMAGE_SUFFIXES, READ_SUFFIXES, UnreadableImage, read_image


def pack(data_dir, packed_dir, people=None, progress=iter):
    """Pack class folders.

    Args:
        data_dir: folder of class folders of aligned faces, all of one size.
        packed_dir: folder to make; it appears whole or not at all.
        people: names of the class folders to take; None takes all.
        progress: wraps the sequence of file paths, such as `tqdm`.

    Returns:
        dict: what `packed.json` says.

    Raises:
        ValueError: nothing to pack; an image that is unreadable, of another size than the first, or of a kind
            that training does not read; two images of a class whose names differ by their suffix alone; a name
            that is not UTF-8 or has a line end in it; or a folder that exists.
        OSError: it cannot be written.
    """
    if is_packed(data_dir):
        raise ValueError(f"data_dir: expected a folder of class folders, {data_dir} is packed already")
    _check_new(packed_dir)
    source = read_class_folders(data_dir, people)
    names = [Path(path).name for path in source.paths]
    _check_names(source, names)
    images = ((path, _read(path)) for path in progress(source.paths))
    return write_packed(packed_dir, images, source.labels, source.classes, names)


def write_packed(packed_dir, images, labels, classes, names):
    """Write a packed folder of images from anywhere, one at a time.

    Args:
        packed_dir: folder to make; it appears whole or not at all.
        images: iterable of what an image is called in an error, and its pixels, (H, W, 3) uint8 RGB of one size.
        labels: (images,) integers, never falling.
        classes: list of class names, one a label.
        names: list of the images' names within their classes, without line ends.

    Returns:
        dict: what `packed.json` says.

    Raises:
        ValueError: a folder that exists, or an image of another size than the first.
        OSError: it cannot be written.
    """
    packed_dir = Path(packed_dir)
    _check_new(packed_dir)
    packed_dir.parent.mkdir(parents=True, exist_ok=True)
    # Those of a large data set would fill the disk.
    remove_left_overs(packed_dir)
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
    if Path(packed_dir).exists():
        raise ValueError(f"packed_dir: expected a new folder, {packed_dir} exists")


def _check_names(source, names):
    """Refuse what the lists of names could not hold, or would leave out in silence."""
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
                raise ValueError(f"{file}: expected aligned faces of {', '.join(READ_SUFFIXES)} alone")


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
        raise ValueError(f"{path}: expected an image, got a file that is {error}") from error


def _write_pixels(path: Path, images: Iterable[tuple[Any, np.ndarray]], count: int) -> tuple[int, int]:
    """Write the array, holding one image at a time; return (height, width)."""
    shape: tuple[int, ...] = ()
    with open(path, "wb") as file:
        for name, pixels in images:
            if not shape:
                shape = pixels.shape
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
                np.lib.format.write_array_header_1_0(file, header)
            if pixels.shape != shape:
                expected, got = (f"{height} x {width}" for height, width, _ in (shape, pixels.shape))
                raise ValueError(f"{name}: expected {expected} as the first image, got {got}")
            file.write(pixels.astype(np.uint8, order="C", copy=False).tobytes())
    return shape[0], shape[1]
