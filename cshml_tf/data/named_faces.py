"""How lists name photographs, by person and number or by path, and the pairs that they form."""

from pathlib import PurePosixPath
from typing import NamedTuple

from cshml_tf.files import normalised
from cshml_tf.images import IMAGE_SUFFIXES


class FaceImage(NamedTuple):
    """One photograph of a person, as LFW's lists name it.

    Attributes:
        name: the person, also the name of the class folder.
        number: number of the photograph among the person's own, starting at 1 in LFW.
    """

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}_{self.number:04d}"

    def places(self) -> list[tuple[str, ...]]:
        """Return where its file may be: `(class folder, name without suffix)`, in Unicode's composed form."""
        return [(normalised(self.name), normalised(str(self)))]


class ListedFile(NamedTuple):
    """One photograph, as a list of paths names it.

    Attributes:
        name: the person: the folder of the file, or for a path without folders, the file's name without its
            number.
        path: the path as listed, with "/" between folders.
    """

    name: str
    path: str

    def __str__(self) -> str:
        return self.path

    def places(self) -> list[tuple[str, ...]]:
        """Return where its file may be, the likeliest first.

        These are the listed path and, since lists often name folders above those of the faces, its ends of two or
        more parts; `Name/Name_0001.jpg` may also lie in a folder without class folders, and `Name_0001.jpg` in a
        class folder.

        Returns:
            Tuples of folders and the file's name without suffix, in Unicode's composed form.
        """
        *folders, name = (part for part in PurePosixPath(normalised(self.path)).parts if part not in ("/", ".."))
        stem = stem_of(name)
        places = [(*folders[start:], stem) for start in range(len(folders))]
        person = normalised(self.name)
        if not folders:
            return [(stem,), (person, stem)]
        return [*places, (stem,)] if stem.startswith(f"{folders[-1]}_") else places


class Pair(NamedTuple):
    """Two photographs to compare.

    Attributes:
        first: a `FaceImage` or a `ListedFile`.
        second: the same.
        same: whether both show the same person.
        fold: fold of the test to which the pair belongs, starting at 0.
    """

    first: FaceImage | ListedFile
    second: FaceImage | ListedFile
    same: bool
    fold: int


def stem_of(name: str) -> str:
    """Return a file's name without the suffix of an image; other dots belong to the name."""
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and f"{dot}{suffix}".lower() in IMAGE_SUFFIXES else name
