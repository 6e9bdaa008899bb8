"""Model folders: a self-describing recogniser on disk.

A folder contains `recogniser.keras` (pixels to unit embeddings), `model.json` (the card: every setting, the
preprocessing, the versions, the figures), `classifier.npy` (the classifier weights W), `classes.txt` (one class
name per column of W) and `people.txt` (everyone on whom the network, or a network it started from, was trained).
"""

import platform
import subprocess
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import keras
import msgspec
import numpy as np
from numpy.typing import ArrayLike

import cshml_tf
from cshml_tf.degradation.degrade import MODES, check_mode
from cshml_tf.files import (
    digest_of_file,
    printable,
    read_array,
    read_json,
    read_lines,
    remove_left_overs,
    replacing,
    write_json,
    write_text,
)
from cshml_tf.layers.preprocessing import STANDARDISATIONS
from cshml_tf.recogniser import checked, unchecked
from cshml_tf.saved_recogniser import load_saved

CARD = "model.json"
RECOGNISER = "recogniser.keras"
CLASSIFIER = "classifier.npy"
CLASSES = "classes.txt"
PEOPLE = "people.txt"

_Side = Annotated[int, msgspec.Meta(ge=1, le=4096)]
_Size = Annotated[list[_Side], msgspec.Meta(min_length=2, max_length=2)]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class Card(TypedDict):
    """The content of `model.json`, as this version and earlier ones write it; other entries are allowed."""

    kind: Literal["hr", "lr"]
    image_size: _Size
    resolutions: list[_Side | _Size]
    degradation: str
    figures: dict[str, float | None]
    standardisation: NotRequired[str]
    template: NotRequired[Literal["landmarks", "box"]]
    colours: NotRequired[Literal["rgb", "bgr"]]
    stem_pool_stride: NotRequired[int]
    tap: NotRequired[str]
    source: NotRequired[dict[str, str | list[str]]]
    learning_rate_schedule: NotRequired[list[list[float]] | dict[str, list[float]]]
    classes: NotRequired[_Count]
    images: NotRequired[_Count]
    steps: NotRequired[_Count]
    complete: NotRequired[bool]
    weights: NotRequired[str]
    settings: NotRequired[dict[str, Any]]
    versions: NotRequired[dict[str, str]]
    commit: NotRequired[str | None]


def save_model(
    model_dir: str | Path,
    recogniser: keras.Model,
    card: dict[str, Any],
    centres: ArrayLike | None = None,
    classes: Sequence[str] = (),
    people: Iterable[str] = (),
) -> None:
    """Write a model folder; each file appears whole or not at all, the card last.

    No other process may be writing the folder: what a killed one left is removed.

    Args:
        model_dir: folder, created if it does not exist.
        recogniser: float32, as returned by `cshml_tf.recogniser.build_recogniser`.
        card: contents of `model.json`, with at least "kind", "image_size", "resolutions", "degradation" and
            "figures"; the versions and the commit are added.
        centres: (E, classes) float32, or None without a classifier.
        classes: names, one per column of `centres`.
        people: names of everyone the network has been trained on.

    Raises:
        ValueError: the card's degradation is unknown.
        OSError: the folder cannot be written.
    """
    check_mode(card["degradation"], "degradation")
    model_dir = Path(model_dir)
    model_dir.mkdir(parents=True, exist_ok=True)
    for name in (RECOGNISER, CLASSIFIER, CLASSES, PEOPLE, CARD):
        remove_left_overs(model_dir / name)
    with replacing(model_dir / RECOGNISER, ".keras") as partial:
        unchecked(recogniser).save(partial)
    if centres is not None:
        with replacing(model_dir / CLASSIFIER, ".npy") as partial:
            np.save(partial, np.asarray(centres, np.float32, order="C"))
    write_text(model_dir / CLASSES, "".join(f"{name}\n" for name in classes))
    write_text(model_dir / PEOPLE, "".join(f"{name}\n" for name in sorted(set(people))))
    write_json(model_dir / CARD, card | {"versions": versions(), "commit": commit()})


def digest_of_network(model_dir: str | Path) -> str:
    """Return the SHA-256 of a model folder's network, in hexadecimal: a text that differs for every network.

    Raises:
        ValueError: what should be the network is not a regular file.
        OSError: the folder has no network, or it cannot be read.
    """
    return digest_of_file(Path(model_dir) / RECOGNISER)


def load_recogniser(model_dir: str | Path) -> keras.Model:
    """Load the recogniser of a model folder.

    Args:
        model_dir: a folder that `save_model` wrote.

    Returns:
        CheckedRecogniser: RGB pixels (batch, H, W, 3), 0..255, of any size -> (batch, E) float32, unit length.
        It refuses pixels of 0..1.

    Raises:
        ValueError: it is not a model folder, or the saved network is damaged or contains unknown layers.
        OSError: it cannot be read.
    """
    return checked(load_saved(_file(model_dir, RECOGNISER)))


def read_card(model_dir: str | Path) -> dict[str, Any]:
    """Read the card of a model folder, `model.json`.

    Raises:
        ValueError: it is not a model folder, or the card is not JSON with the entries of `Card`; the message names
            the first entry that differs.
        OSError: it cannot be read.
    """
    path = _file(model_dir, CARD)
    card = read_json(path, Card)
    for entry, choices in (("degradation", tuple(MODES)), ("standardisation", STANDARDISATIONS)):
        if entry in card and card[entry] not in choices:
            got = printable(card[entry][:40])
            raise ValueError(f"{printable(path)}: {entry}: expected one of {', '.join(choices)}, got {got!r}")
    return card


def card_of_kind(model_dir: str | Path, kind: str) -> dict[str, Any]:
    """Read the card of a model folder and check its kind, "hr" or "lr".

    Raises:
        ValueError: the network is of the other kind, or it is not a model folder.
    """
    card = read_card(model_dir)
    if card["kind"] != kind:
        raise ValueError(
            f"{model_dir}: expected the model folder of an {kind.upper()} network, got kind {card['kind']!r}"
        )
    return card


def read_classifier(model_dir: str | Path) -> tuple[np.ndarray | None, list[str]]:
    """Read the classifier weights W and the class names.

    Returns:
        (E, classes) float32 and a list of class names, one per column; None and [] if the model has no classifier.

    Raises:
        ValueError: it is not a model folder, W is damaged, or the number of names does not match W.
    """
    classes = _read_names(_file(model_dir, CLASSES))
    if not (Path(model_dir) / CLASSIFIER).exists():
        return None, classes
    path = Path(model_dir) / CLASSIFIER
    centres = read_array(path, np.float32, 2)
    if centres.shape[1] != len(classes):
        raise ValueError(
            f"{printable(path)}: expected one column per name of {CLASSES}, which has {len(classes)} names, "
            f"got shape {centres.shape}"
        )
    if not np.isfinite(centres).all():
        raise ValueError(f"{printable(path)}: expected finite numbers, got NaN or infinity")
    return centres, classes


def trained_people(model_dir: str | Path) -> frozenset[str]:
    """Return the names of everyone on whom a network, or a network it started from, was trained."""
    return frozenset(_read_names(_file(model_dir, PEOPLE)))


def versions() -> dict[str, str]:
    """Return the versions of this library, Python and the main packages, by name."""
    packages = (keras.backend.backend(), "keras", "numpy")
    found = {name: metadata.version(name) for name in packages if _is_installed(name)}
    return {"cshml_tf": cshml_tf.__version__, "python": platform.python_version()} | found


def commit() -> str | None:
    """Return the commit of the source tree that this library runs from, or None for an installed copy.

    If the tree has uncommitted changes, "+changes" is appended.
    """
    tree = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(tree), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        # An installed copy may lie inside an unrelated repository.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != tree:
            return None
        return git("describe", "--always", "--abbrev=40", "--dirty=+changes")
    except (OSError, subprocess.CalledProcessError):
        return None


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _read_names(path: Path) -> list[str]:
    return read_lines(path)


def _file(model_dir: str | Path, name: str) -> Path:
    path = Path(model_dir) / name
    if not path.is_file():
        reason = "it does not exist"
        if Path(model_dir).exists():
            reason = f"it has no {name}" if Path(model_dir).is_dir() else "got a file"
        raise ValueError(f"{model_dir}: expected a model folder, but {reason}")
    return path
