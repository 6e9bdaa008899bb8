"""The images that a data set's lists name, found in its folders or in a folder of aligned copies."""

from pathlib import Path
from typing import NamedTuple

from cshml_tf.images import list_images


class LabelledImage(NamedTuple):
    """An image and who it shows.

    Attributes:
        path: Path of the file.
        label: int, the person.
    """

    path: Path
    label: int


def find_entry(folder, *names):
    """Follow names of folders, or of folders and a file, in any letter case.

    Args:
        folder: where to begin.
        names: one a level; an exact spelling goes before another.

    Returns:
        Path, or None where there is none.
    """
    path = Path(folder)
    for name in names:
        exact = path / name
        if exact.exists():
            path = exact
            continue
        entries = sorted(path.iterdir()) if path.is_dir() else []
        path = next((entry for entry in entries if entry.name.lower() == name.lower()), None)
        if path is None:
            return None
    return path


def find_list(folders, name, data_set):
    """Find a data set's list in the first folder that has it.

    Args:
        folders: where to look, in order; the first is where it belongs. None among them is passed over.
        name: the list's file name, in any letter case.
        data_set: whose list it is, for the error.

    Returns:
        Path.

    Raises:
        ValueError: none has it.
    """
    for folder in folders:
        path = folder and find_entry(folder, name)
        if path:
            return path
    raise ValueError(f"{folders[0]}: expected {data_set}'s list {name}, found none")


def images_by_stem(folder):
    """Find the images below a folder by their names without suffix, in lower case.

    So `001_frontal.JPG` is found again where alignment has written it as `001_frontal.png`.

    Args:
        folder: searched at any depth.

    Returns:
        dict of Paths, in the order of their names.

    Raises:
        ValueError: no such folder, no image in it, or two images of the same stem.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of images, found none")
    found = {}
    for relative in list_images(folder):
        stem = relative.stem.lower()
        if stem in found:
            first = found[stem].relative_to(folder)
            raise ValueError(f"{folder}: expected one image named {stem}, found {first} and {relative}")
        found[stem] = folder / relative
    if not found:
        raise ValueError(f"{folder}: expected images, found none")
    return found


def find_listed(names, labels, folder):
    """Find the images of a list in a folder, whatever their suffix there.

    Args:
        names: file names, as listed.
        labels: int, one a name.
        folder: searched as `images_by_stem`.

    Returns:
        Three lists: `LabelledImage` of those found, in the order of the list; of those missing, with the path
        that was expected; and Paths of the images in the folder that the list does not name.

    Raises:
        ValueError: as `images_by_stem`; also two names that differ in suffix or letter case alone.
    """
    images = images_by_stem(folder)
    first_of = {}
    for name in names:
        first = first_of.setdefault(stem_of(name), name)
        if first != name:
            raise ValueError(
                f"{folder}: expected names of images of their own, the list has {first} and {name}, "
                "which differ in suffix or letter case alone"
            )
    found, missing = [], []
    for name, label in zip(names, labels, strict=True):
        path = images.get(stem_of(name))
        if path is None:
            missing.append(LabelledImage(Path(folder) / name, label))
        else:
            found.append(LabelledImage(path, label))
    return found, missing, [path for stem, path in images.items() if stem not in first_of]


def find_copies(distributed, folder):
    """Find the images of a folder that no list names, whatever their suffix in a folder of copies.

    Args:
        distributed: the folder as distributed, which says what there is; where there is none, `folder` does.
        folder: searched as `images_by_stem`; may be the same.

    Returns:
        Three lists of Paths: those found, in the order of their names; those that only `distributed` has; and
        those that only `folder` has.

    Raises:
        ValueError: as `images_by_stem`.
    """
    copies = images_by_stem(folder)
    if not Path(distributed).is_dir() or Path(distributed) == Path(folder):
        return list(copies.values()), [], []
    originals = images_by_stem(distributed)
    found = [copies[stem] for stem in originals if stem in copies]
    missing = [path for stem, path in originals.items() if stem not in copies]
    return found, missing, [path for stem, path in copies.items() if stem not in originals]


def stem_of(name):
    """Give a listed file name as `images_by_stem` keys it."""
    return Path(name).stem.lower()
