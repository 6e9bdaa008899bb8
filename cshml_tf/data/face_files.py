"""Find the photographs that a list names, in class folders or in any other folder of aligned faces."""

import warnings
from collections.abc import Iterable
from pathlib import Path

from cshml_tf.data.named_faces import FaceImage, ListedFile, stem_of
from cshml_tf.files import ListWarning, is_hidden, normalised, printable
from cshml_tf.images import READ_SUFFIXES

# Alignment with --detect_multiple_faces writes NAME_0.png, NAME_1.png ..., the most prominent face first.
FIRST_FACE, SECOND_FACE = "_0", "_1"
_NAMES_SHOWN = 5


def find_image(folder: str | Path, image: FaceImage | ListedFile) -> Path | None:
    """Find a photograph in a folder: `Name/Name_0001.png`, or with another known suffix.

    Args:
        folder: the folder of class folders, or of the paths that the list names.
        image: as a list names it; its letter case counts, its Unicode form does not.

    Returns:
        Path, or None if it does not exist. The suffix in the list is preferred, then PNG, then JPEG, then others.
        `Name_0001_0.png`, the first of several faces, stands in for an absent `Name_0001.png`.

    Raises:
        ValueError: two files or folders have the same name in Unicode's composed form.
    """
    return FaceFolder(folder).find(image)


def find_images_below(
    folder: str | Path, images: Iterable[FaceImage | ListedFile]
) -> dict[FaceImage | ListedFile, Path]:
    """Find photographs as `find_image` does; absent ones are left out.

    Raises:
        ValueError: as `find_image`, or two listed paths lead to one file.

    Warns:
        ListWarning: some photographs have several aligned faces, of which the first one is taken.
    """
    faces = FaceFolder(folder)
    found = {image: faces.find(image) for image in images}
    present = {image: path for image, path in found.items() if path is not None}
    check_apart(present)
    several = [image for image, path in present.items() if faces.has_another_face(image, path)]
    warn_of_several_faces(several, len(present), folder)
    return present


def check_apart(found: dict[FaceImage | ListedFile, Path] | dict[FaceImage | ListedFile, int]) -> None:
    """Refuse two listed photographs that lead to one image.

    Args:
        found: the file, or the row, of each photograph.

    Raises:
        ValueError: two are the same.
    """
    first_of: dict[Path | int, FaceImage | ListedFile] = {}
    for image, place in found.items():
        first = first_of.setdefault(place, image)
        if first != image:
            raise ValueError(
                f"pairs: expected one image for each one listed, got the same for {printable(str(first))} and "
                f"{printable(str(image))}: {printable(str(place))}"
            )


def warn_of_several_faces(several: list[FaceImage | ListedFile], count: int, folder: str | Path) -> None:
    """Warn of photographs with several aligned faces; alignment's first choice stands for each.

    Args:
        several: these photographs.
        count: number of photographs found.
        folder: where they are.

    Warns:
        ListWarning: there is at least one.
    """
    if several:
        names = ", ".join(printable(str(image)) for image in several[:_NAMES_SHOWN])
        more = f" and {len(several) - _NAMES_SHOWN} more" if len(several) > _NAMES_SHOWN else ""
        warnings.warn(
            f"{len(several)} of {count} photographs in {printable(folder)} have several aligned faces; the first "
            f"one, NAME{FIRST_FACE}, which alignment found the most prominent, is used: {names}{more}",
            ListWarning,
            stacklevel=3,
        )


class FaceFolder:
    """A folder of faces, whose subfolders are listed once each when they are first needed.

    Args:
        folder: the folder of class folders, or of the paths that a list names.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._entries: dict[Path, dict[str, Path]] = {}

    def find(self, image: FaceImage | ListedFile) -> Path | None:
        """Find a photograph; see `find_image`."""
        listed = normalised(str(image)).rpartition("/")[2]
        own = [listed] if stem_of(listed) != listed else []
        for *folders, stem in image.places():
            entries = self._entries_of(tuple(folders))
            for name in (*own, *_file_names(stem), *_file_names(stem + FIRST_FACE)):
                path = entries.get(name)
                if path is not None and path.is_file():
                    return path
        return None

    def has_another_face(self, image: FaceImage | ListedFile, path: Path) -> bool:
        """Return whether the file that was found for a photograph is the first of several faces."""
        *_, stem = image.places()[0]
        is_first = stem_of(normalised(path.name)) == stem + FIRST_FACE
        return is_first and any(name in self._listing(path.parent) for name in _file_names(stem + SECOND_FACE))

    def _entries_of(self, folders: tuple[str, ...]) -> dict[str, Path]:
        path = self._folder
        for name in folders:
            below = self._listing(path).get(name)
            if below is None:
                return {}
            path = below
        return self._listing(path)

    def _listing(self, folder: Path) -> dict[str, Path]:
        """Return the entries of a folder by their names in composed form; none if it is not a folder."""
        if folder not in self._entries:
            entries: dict[str, Path] = {}
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
            for path in paths:
                first = entries.setdefault(normalised(path.name), path)
                if first != path:
                    raise ValueError(
                        f"{printable(folder)}: expected names that differ, got two that look alike and differ "
                        f"only in how Unicode composes them: {ascii(first.name)} and {ascii(path.name)}"
                    )
            self._entries[folder] = {name: path for name, path in entries.items() if not is_hidden(name)}
        return self._entries[folder]


def _file_names(stem: str) -> list[str]:
    return [stem + suffix for suffix in (*READ_SUFFIXES, *(suffix.upper() for suffix in READ_SUFFIXES))]
