"""Model folders: a recogniser on disk that explains itself.

A folder holds `recogniser.keras` (pixels to unit embeddings), `model.json` (the card: every setting, the
preprocessing, the versions, the figures), `classifier.npy` (W), `classes.txt` (the class of each column of
W) and `people.txt` (everybody the network has been trained on, its ancestors included).
"""

import json
import platform
import subprocess
import warnings
import zipfile
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

import cshml_tf
from cshml_tf import layers  # noqa: F401  register the layers that a saved recogniser holds
from cshml_tf.backbones import BACKBONES, builder
from cshml_tf.degradation.degrade import MODES
from cshml_tf.files import replacing, write_json, write_text

CARD = "model.json"
RECOGNISER = "recogniser.keras"
CLASSIFIER = "classifier.npy"
CLASSES = "classes.txt"
PEOPLE = "people.txt"


def save_model(model_dir, recogniser, card, centres=None, classes=(), people=()):
    """Write a model folder; each file appears whole or not at all, the card last.

    Args:
        model_dir: folder, made if absent.
        recogniser: float32, as `cshml_tf.recogniser.build_recogniser` gives.
        card: dict for `model.json`, with at least "kind", "image_size", "resolutions", "degradation" and
            "figures"; versions are added.
        centres: (E, classes) float32, or None where there is no classifier.
        classes: names, one a column of `centres`.
        people: names of everybody the network has been trained on.
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


def load_recogniser(model_dir):
    """Load the recogniser of a model folder.

    Args:
        model_dir: a folder that `save_model` wrote.

    Returns:
        keras.Model: RGB pixels (batch, H, W, 3), 0..255, of any size -> (batch, E) float32, unit length.

    Raises:
        ValueError: it is no model folder, or its file is damaged.
    """
    path = _file(model_dir, RECOGNISER)
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: expected a saved recogniser, got a damaged or cut file")
    for name in BACKBONES:
        # A saved network may hold layers of its own, which are known once its module is imported.
        builder(name)
    try:
        with warnings.catch_warnings():
            # Of a damaged part Keras warns before it raises.
            warnings.simplefilter("ignore", UserWarning)
            return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the damaged part happens to raise.
        first_line = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise ValueError(f"{path}: cannot be loaded as a recogniser: {first_line[0]}") from error


def read_card(model_dir):
    """Read `model.json` of a model folder: a dict.

    Raises:
        ValueError: it is no model folder, or the card is no JSON object.
    """
    path = _file(model_dir, CARD)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: expected JSON: {error}") from error
    if not isinstance(card, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(card).__name__}")
    missing = {"kind", "image_size", "resolutions", "degradation", "figures"} - set(card)
    if missing:
        raise ValueError(f"{path}: expected the entries {', '.join(sorted(missing))}, which are missing")
    _check_card(path, card)
    return card


def card_of_kind(model_dir, kind):
    """Read the card of a model folder of one kind, "hr" or "lr".

    Raises:
        ValueError: it is of the other kind, or no model folder.
    """
    card = read_card(model_dir)
    if card["kind"] != kind:
        raise ValueError(
            f"{model_dir}: expected the model folder of an {kind.upper()} network, "
            f"its card says kind {card['kind']!r}"
        )
    return card


def read_classifier(model_dir):
    """Read W and its classes.

    Returns:
        (E, classes) float32 and a list of class names, or None and [] where the model has no classifier.

    Raises:
        ValueError: W and the names differ in number.
    """
    classes = _read_names(_file(model_dir, CLASSES))
    if not (Path(model_dir) / CLASSIFIER).exists():
        return None, classes
    path = Path(model_dir) / CLASSIFIER
    try:
        centres = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected an array of numbers, got a damaged or foreign file") from error
    if centres.ndim != 2 or centres.shape[1] != len(classes):
        raise ValueError(f"{model_dir}: {CLASSIFIER} is {centres.shape}, {CLASSES} has {len(classes)} names")
    return centres, classes


def trained_people(model_dir):
    """Give the names of everybody the network of a model folder has ever been trained on, a frozenset."""
    return frozenset(_read_names(_file(model_dir, PEOPLE)))


def versions():
    """Give the versions that a run depends on, by name."""
    packages = (keras.backend.backend(), "keras", "numpy")
    found = {name: metadata.version(name) for name in packages if _is_installed(name)}
    return {"cshml_tf": cshml_tf.__version__, "python": platform.python_version()} | found


def commit():
    """Give the commit of the source tree this library runs from, with "+changes"; None outside one."""
    tree = Path(__file__).resolve().parents[1]

    def git(*words):
        return subprocess.run(
            ["git", "-C", str(tree), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        # An installed copy may lie within somebody else's repository.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != tree:
            return None
        return git("describe", "--always", "--abbrev=40", "--dirty=+changes")
    except (OSError, subprocess.CalledProcessError):
        return None


def _check_card(path, card):
    def expect(entry, holds, expected):
        if not holds:
            raise ValueError(f"{path}: expected {entry} to be {expected}, got {card[entry]!r}")

    size = card["image_size"]
    is_size = isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)
    expect("kind", card["kind"] in ("hr", "lr"), "hr or lr")
    expect("image_size", is_size, "[height, width]")
    expect("resolutions", isinstance(card["resolutions"], list), "a list")
    expect("degradation", card["degradation"] in MODES, f"one of {', '.join(MODES)}")


def _is_installed(package):
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _read_names(path):
    return path.read_text(encoding="utf-8").splitlines()


def _file(model_dir, name):
    path = Path(model_dir) / name
    if not path.is_file():
        reason = "it does not exist"
        if Path(model_dir).exists():
            reason = f"it has no {name}" if Path(model_dir).is_dir() else "got a file"
        raise ValueError(f"{model_dir}: expected a model folder, but {reason}")
    return path
