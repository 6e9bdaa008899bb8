"""Find the images named by a data set's lists, in its own folders or in a folder of aligned copies."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cshml_tf.files import normalised, printable
from cshml_tf.images import list_images


class LabelledImage(NamedTuple):
    """An image and the person it shows.

    Attributes:
        path: path of the file.
        label: the person.
    """

    path: Path
    label: int


def find_entry(folder: str | Path, *names: str) -> Path | None:
    """Follow the names of nested folders, and possibly of a file, in any letter case and any Unicode form.

    Args:
        folder: where to start.
        *names: one name per level; an exact match takes precedence over one in another letter case.

    Returns:
        Path, or None if it does not exist.
    """
    path = Path(folder)
    for name in names:
        exact = path / name
        if exact.exists():
            path = exact
            continue
        entries = sorted(path.iterdir()) if path.is_dir() else []
        match = next((entry for entry in entries if _folded(entry.name) == _folded(name)), None)
        if match is None:
            return None
        path = match
    return path


def find_list(folders: Sequence[Path | None], name: str, data_set: str) -> Path:
    """Find a data set's list in the first folder that contains it.

    Args:
        folders: folders to search, in order; the list is expected in the first. None entries are skipped.
        name: the list's file name, in any letter case.
        data_set: name of the data set, for the error message.

    Returns:
        Path.

    Raises:
        ValueError: no folder contains the list.
    """
    for folder in folders:
        path = folder and find_entry(folder, name)
        if path:
            return path
    raise ValueError(f"{folders[0]}: expected {data_set}'s list {name}, found none")


def images_by_stem(folder: str | Path) -> dict[str, Path]:
    """Map the stem (name without suffix, see `stem_of`) of every image below a folder to its path.

    `001_frontal.JPG` is thus also found as `001_frontal.png`, the name that alignment gives its copy.

    Args:
        folder: searched at any depth.

    Returns:
        dict of Paths, in the order of their names.

    Raises:
        ValueError: the folder does not exist or contains no image, or two images have the same stem.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of images, found none")
    found: dict[str, Path] = {}
    for relative in list_images(folder):
        stem = stem_of(relative.name)
        if stem in found:
            first = found[stem].relative_to(folder)
            raise ValueError(
                f"{printable(folder)}: expected one image named {printable(stem)}, found {printable(first)} and "
                f"{printable(relative)}"
            )
        found[stem] = folder / relative
    if not found:
        raise ValueError(f"{folder}: expected images, found none")
    return found


def find_listed(
    names: Sequence[str], labels: Sequence[int], folder: Path
) -> tuple[list[LabelledImage], list[LabelledImage], list[Path]]:
    """Find the images of a list in a folder, regardless of their suffix.

    Args:
        names: file names, as listed.
        labels: one person per name.
        folder: searched as in `images_by_stem`.

    Returns:
        Three lists: `LabelledImage` for the images found, in the order of the list; for those missing, with the
        expected path; and the paths of images in the folder that the list does not name.

    Raises:
        ValueError: as `images_by_stem`; also if two names differ only in suffix or letter case.
    """
    images = images_by_stem(folder)
    first_of: dict[str, str] = {}
    for name in names:
        first = first_of.setdefault(stem_of(name), name)
        if first != name:
            raise ValueError(
                f"{folder}: expected names of different images, got {first} and {name} in the list, "
                "which differ only in suffix or letter case"
            )
    found, missing = [], []
    for name, label in zip(names, labels, strict=True):
        path = images.get(stem_of(name))
        if path is None:
            missing.append(LabelledImage(Path(folder) / name, label))
        else:
            found.append(LabelledImage(path, label))
    return found, missing, [path for stem, path in images.items() if stem not in first_of]


def find_copies(distributed: Path, folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Find copies of a folder's images, which no list names, regardless of their suffix.

    Args:
        distributed: the folder as distributed, which defines the images; if it does not exist, `folder` does.
        folder: the copies, searched as in `images_by_stem`; may be the same folder.

    Returns:
        Three lists of Paths: images in both, in the order of their names; those only in `distributed`; and
        those only in `folder`.

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


def stem_of(name: str) -> str:
    """Return the key of a file name in `images_by_stem`: no suffix, in lower case and Unicode's composed form."""
    return _folded(Path(name).stem)


def _folded(name: str) -> str:
    return normalised(name).lower()
