"""What a command's paths must lead to before its long work begins: files, folders, model folders, faces."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypedDict

import msgspec

from cshml_tf.files import is_hidden, is_in_use, read_json

CARD = "model.json"
_Side = Annotated[int, msgspec.Meta(gt=0)]


class _Card(TypedDict):
    """What is needed of a model folder's card."""

    image_size: tuple[_Side, _Side]


@dataclasses.dataclass(frozen=True)
class Place:
    """What an option's path must lead to.

    Attributes:
        words: what is expected there, such as "a model folder".
        problem: function of a path that returns what is wrong with it, such as "which does not exist", or None.
        is_input: whether the command reads it.
        is_apart: whether it must lie outside everything that the command reads.
    """

    words: str
    problem: Callable[[Path], str | None]
    is_input: bool = True
    is_apart: bool = False


def folder(words: str = "a folder") -> Place:
    """Return the place of an existing folder."""
    return Place(words, lambda path: None if path.is_dir() else _absent(path, "a file"))


def file(words: str = "a file") -> Place:
    """Return the place of an existing file."""
    return Place(words, lambda path: None if path.is_file() else _absent(path, "a folder"))


def new_folder(words: str = "a folder that is absent or empty", with_hidden: bool = False) -> Place:
    """Return the place of a folder to write that must be absent or empty.

    Args:
        words: what is expected, for error messages.
        with_hidden: whether the hidden entries of other programs are in the way.
    """
    return Place(words, _not_empty if with_hidden else _in_use, is_input=False)


def output_folder(words: str = "a folder", is_apart: bool = False) -> Place:
    """Return the place of a folder to write that may contain earlier work."""
    return Place(words, _not_a_folder, is_input=False, is_apart=is_apart)


def size_in_card(model_dir: str | os.PathLike[str]) -> tuple[int, int]:
    """Return (height, width) of the faces that a network takes, from its model folder's card.

    Raises:
        ValueError: the card is damaged.
        OSError: it cannot be read.
    """
    card: _Card = read_json(Path(model_dir) / CARD, _Card)
    return card["image_size"]


def output_file(is_apart: bool = False) -> Place:
    """Return the place of a file to write, new or not."""
    return Place(
        "a file", lambda path: "which is a folder" if path.is_dir() else None, is_input=False, is_apart=is_apart
    )


def _absent(path: Path, other: str) -> str:
    if path.exists() and not (path.is_dir() or path.is_file()):
        other = "a pipe, a socket or a device"
    return f"which is {other}" if path.exists() else "which does not exist"


def _not_a_model(path: Path) -> str | None:
    if (path / CARD).is_file():
        return None
    return f"which has no {CARD}" if path.is_dir() else _absent(path, "a file")


def _not_of_kind(kind: str) -> Callable[[Path], str | None]:
    def problem(path: Path) -> str | None:
        if (reason := _not_a_model(path)) is not None:
            return reason
        try:
            found = read_json(path / CARD, dict).get("kind", kind)
        except (OSError, ValueError):
            # A damaged card is reported later, when the model is loaded.
            return None
        return None if found == kind else f"whose {CARD} says kind {found!r}"

    return problem


def _not_a_folder(path: Path) -> str | None:
    if path.exists():
        return None if path.is_dir() else "which is a file"
    return _below_a_file(path)


def _below_a_file(path: Path) -> str | None:
    """Refuse a place that no folder can be made at."""
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    return None if nearest.is_dir() else f"but {nearest.name} is a file"


def _not_empty(path: Path) -> str | None:
    if path.is_dir():
        return "which is not empty" if is_in_use(path, with_hidden=True) else None
    return _not_a_folder(path)


def _in_use(path: Path) -> str | None:
    if path.is_dir():
        return "which is not empty" if is_in_use(path) else None
    return _not_a_folder(path)


def _not_new(path: Path) -> str | None:
    return "which exists" if path.exists() else _below_a_file(path)


def _not_a_report(path: Path) -> str | None:
    if path.is_dir():
        return "which is a folder"
    if path.is_file():
        return None if path.suffix == ".json" else "which exists"
    return _below_a_file(path)


def _no_faces(path: Path) -> str | None:
    """Accept a folder with faces, or either file of InsightFace's records; their contents are checked later."""
    if path.is_dir():
        return None if _has_faces(path) else "which has no class folder with files in it"
    if path.is_file() and path.suffix in (".rec", ".idx"):
        return None
    return _absent(path, "a file")


def _not_pairs(path: Path) -> str | None:
    """Accept a file, or CFP's folder, which contains one folder per fold."""
    if path.is_file() or (path.is_dir() and any((fold / "same.txt").is_file() for fold in path.iterdir())):
        return None
    return _absent(path, "a folder, and not one of CFP's (Split/FF, Split/FP)")


def _has_faces(path: Path) -> bool:
    """Return whether a folder has a class folder that is not empty, or files; stop at the first."""
    with os.scandir(path) as entries:
        visible = (entry for entry in entries if not is_hidden(entry.name))
        return any(entry.is_file() or (entry.is_dir() and _has_entry(entry.path)) for entry in visible)


def _has_entry(path: str) -> bool:
    with os.scandir(path) as entries:
        return any(not is_hidden(entry.name) for entry in entries)


def _no_pairs(path: Path) -> str | None:
    """Accept a folder, or a pair set of InsightFace."""
    return None if path.is_dir() or (path.is_file() and path.suffix == ".bin") else _absent(path, "a file")


MODEL = Place("a model folder", _not_a_model)
HR_MODEL = Place("the model folder of an HR network", _not_of_kind("hr"))
LR_MODEL = Place("the model folder of an LR network", _not_of_kind("lr"))
NEW = Place("a new folder", _not_new, is_input=False)
FACES = Place("a folder of class folders, a packed folder or a train.rec", _no_faces)
REPORT = Place("a new file or an earlier report (.json)", _not_a_report, is_input=False, is_apart=True)
PAIRS = Place("a file", _not_pairs)
TEST_FACES = folder("a folder of aligned faces")
PAIR_FACES = Place("a folder of aligned faces, or a pair set (.bin)", _no_pairs)
