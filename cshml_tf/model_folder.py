"""Model folders: a recogniser on disk that explains itself.

A folder holds `recogniser.keras` (pixels to unit embeddings), `model.json` (the card: every setting, the
preprocessing, the versions, the figures), `classifier.npy` (W), `classes.txt` (the class of each column of
W) and `people.txt` (everybody the network has been trained on, its ancestors included).
"""

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

import cshml_tf
from cshml_tf import imported_layers, layers  # noqa: F401  register the layers that a saved recogniser holds
from cshml_tf.files import write_json, write_text

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
    temporary = model_dir / f".{RECOGNISER}.partial.keras"
    recogniser.save(temporary)
    os.replace(temporary, model_dir / RECOGNISER)
    if centres is not None:
        temporary = model_dir / f".{CLASSIFIER}.partial.npy"
        np.save(temporary, np.asarray(centres, np.float32))
        os.replace(temporary, model_dir / CLASSIFIER)
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
    try:
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
        raise ValueError(f"{path}: expected JSON, got {error}") from error
    missing = {"kind", "image_size", "resolutions", "degradation", "figures"} - set(card)
    if missing:
        raise ValueError(f"{path}: expected the entries {', '.join(sorted(missing))}, which are missing")
    return card


def update_figures(model_dir, figures):
    """Add measured figures to the card of a model folder."""
    card = read_card(model_dir)
    write_json(Path(model_dir) / CARD, card | {"figures": card["figures"] | figures})


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
    centres = np.load(Path(model_dir) / CLASSIFIER)
    if centres.ndim != 2 or centres.shape[1] != len(classes):
        raise ValueError(f"{model_dir}: {CLASSIFIER} is {centres.shape}, {CLASSES} has {len(classes)} names")
    return centres, classes


def trained_people(model_dir):
    """Give the names of everybody the network of a model folder has ever been trained on, a frozenset."""
    return frozenset(_read_names(_file(model_dir, PEOPLE)))


def versions():
    """Give the versions that a run depends on, by name."""
    packages = ("tensorflow", "keras", "numpy")
    found = {name: metadata.version(name) for name in packages if _is_installed(name)}
    return {"cshml_tf": cshml_tf.__version__, "python": platform.python_version()} | found


def commit():
    """Give the commit of the source tree this library runs from, with "+changes"; None outside one."""
    command = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--abbrev=40",
        "--dirty=+changes",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


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
        reason = f"has no {name}" if Path(model_dir).is_dir() else "does not exist"
        raise ValueError(f"{model_dir}: expected a model folder, but it {reason}")
    return path
