"""Model folders: a self-describing recogniser on disk.

A folder contains `recogniser.keras` (pixels to unit embeddings), `model.json` (the card: every setting, the
preprocessing, the versions, the figures), `classifier.npy` (the classifier weights W), `classes.txt` (one class
name per column of W) and `people.txt` (everyone on whom the network, or a network it started from, was trained).
"""

import json
import platform
import subprocess
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

import cshml_tf
from cshml_tf import layers  # noqa: F401  registers the layers that a saved recogniser contains
from cshml_tf.backbones import BACKBONES, builder
from cshml_tf.degradation.degrade import MODES
from cshml_tf.files import replacing, write_json, write_text

CARD = "model.json"
RECOGNISER = "recogniser.keras"
CLASSIFIER = "classifier.npy"
CLASSES = "classes.txt"
PEOPLE = "people.txt"


def save_model(
    model_dir: str | Path,
    recogniser: keras.Model,
    card: dict[str, Any],
    centres: ArrayLike | None = None,
    classes: Sequence[str] = (),
    people: Iterable[str] = (),
) -> None:
    """Write a model folder; each file appears whole or not at all, the card last.

    Args:
        model_dir: folder, created if it does not exist.
        recogniser: float32, as returned by `cshml_tf.recogniser.build_recogniser`.
        card: contents of `model.json`, with at least "kind", "image_size", "resolutions", "degradation" and
            "figures"; the versions and the commit are added.
        centres: (E, classes) float32, or None without a classifier.
        classes: names, one per column of `centres`.
        people: names of everyone the network has been trained on.
    """
    model_dir = Path(model_dir)
    model_dir.mkdir(parents=True, exist_ok=True)
    with replacing(model_dir / RECOGNISER, ".keras") as partial:
        recogniser.save(partial)
    if centres is not None:
        with replacing(model_dir / CLASSIFIER, ".npy") as partial:
            np.save(partial, np.asarray(centres, np.float32))
    write_text(model_dir / CLASSES, "".join(f"{name}\n" for name in classes))
    write_text(model_dir / PEOPLE, "".join(f"{name}\n" for name in sorted(set(people))))
    write_json(model_dir / CARD, card | {"versions": versions(), "commit": commit()})


def load_recogniser(model_dir: str | Path) -> keras.Model:
    """Load the recogniser of a model folder.

    Args:
        model_dir: a folder that `save_model` wrote.

    Returns:
        keras.Model: RGB pixels (batch, H, W, 3), 0..255, of any size -> (batch, E) float32, unit length.

    Raises:
        ValueError: it is not a model folder, or the saved network is damaged.
    """
    path = _file(model_dir, RECOGNISER)
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: expected a saved recogniser, got a damaged or truncated file")
    for name in BACKBONES:
        # Importing a backbone's module registers its own layers, which a saved network may contain.
        builder(name)
    try:
        with warnings.catch_warnings():
            # Keras warns about a damaged part before it raises.
            warnings.simplefilter("ignore", UserWarning)
            return keras.models.load_model(path, compile=False)  # pyright: ignore[reportReturnType]
    except Exception as error:  # The exception type depends on which part of the file is damaged.
        first_line = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise ValueError(
            f"{path}: expected a recogniser, got a file that Keras cannot load: {first_line[0]}"
        ) from error


def read_card(model_dir: str | Path) -> dict[str, Any]:
    """Read the card of a model folder, `model.json`.

    Raises:
        ValueError: it is not a model folder, or the card is not a JSON object with the expected entries.
    """
    path = _file(model_dir, CARD)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: expected JSON, got other content: {error}") from error
    if not isinstance(card, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(card).__name__}")
    missing = {"kind", "image_size", "resolutions", "degradation", "figures"} - set(card)
    if missing:
        raise ValueError(f"{path}: expected the entries {', '.join(sorted(missing))} as well, got none of them")
    _check_card(path, card)
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
    try:
        centres = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected a NumPy array of numbers, got a damaged or different file") from error
    if centres.ndim != 2 or centres.shape[1] != len(classes):
        raise ValueError(
            f"{path}: expected one column per name of {CLASSES}, which has {len(classes)} names, "
            f"got shape {centres.shape}"
        )
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


def _check_card(path: Path, card: dict[str, Any]) -> None:
    def expect(entry: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ValueError(f"{path}: expected {entry} to be {expected}, got {card[entry]!r}")

    size = card["image_size"]
    is_size = isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)
    expect("kind", card["kind"] in ("hr", "lr"), "hr or lr")
    expect("image_size", is_size, "[height, width]")
    expect("resolutions", isinstance(card["resolutions"], list), "a list")
    expect("degradation", card["degradation"] in MODES, f"one of {', '.join(MODES)}")


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _read_names(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _file(model_dir: str | Path, name: str) -> Path:
    path = Path(model_dir) / name
    if not path.is_file():
        reason = "it does not exist"
        if Path(model_dir).exists():
            reason = f"it has no {name}" if Path(model_dir).is_dir() else "got a file"
        raise ValueError(f"{model_dir}: expected a model folder, but {reason}")
    return path
