"""The recipe, training set and test common to all cells of an ablation's folder, compared by content."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cshml_tf.ablation.measurement import PairsTest
from cshml_tf.data.protocols import read_people
from cshml_tf.data.sources import open_source
from cshml_tf.files import write_json
from cshml_tf.model_folder import RECOGNISER, read_card
from cshml_tf.settings.ablation import recipe_options
from cshml_tf.settings.option import current_names
from cshml_tf.settings.training import LrSettings
from cshml_tf.training.experiment import schedule_of

_FILE = "ablation.json"


class Common:
    """The note in an ablation's folder, compared with the recipe, training set and test of the next cells.

    Args:
        output_dir: the ablation's folder, which may be absent.
        settings: those of any cell, from which the common ones are taken.
        test: the pairs that every network is measured on.
        networks: model folders of HR networks.

    Raises:
        ValueError: the folder's note differs, or a named file or folder does not exist.
    """

    def __init__(
        self, output_dir: str | Path, settings: LrSettings, test: PairsTest, networks: Iterable[str | Path]
    ) -> None:
        self._path = Path(output_dir) / _FILE
        self._shared = json.loads(json.dumps(_describe(settings, test)))
        self._networks = {Path(network).resolve().name: _digest_of_network(network) for network in networks}
        if self._path.exists():
            self._compare(self._read())

    def note(self) -> None:
        """Write the note; called once a cell has been trained."""
        noted = self._read()["networks"] if self._path.exists() else {}
        write_json(self._path, self._shared | {"networks": noted | self._networks})

    def _compare(self, noted):
        written = _in_current_names(noted)
        names = sorted((set(written) | set(self._shared)) - {"networks"})
        differing = [name for name in names if written.get(name) != self._shared.get(name)]
        if differing:
            first = differing[0]
            raise ValueError(
                f"OUT_DIR: {self._path.parent} contains an ablation with other settings ({', '.join(differing)}): "
                f"{first} was {written.get(first)!r} and is {self._shared.get(first)!r}; choose another folder"
            )
        for name, digest in self._networks.items():
            if noted["networks"].get(name, digest) != digest:
                raise ValueError(
                    f"OUT_DIR: {self._path.parent} contains an ablation of another HR network {name}; choose "
                    "another folder"
                )

    def _read(self):
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(noted["networks"], dict):
                return noted
        except (ValueError, TypeError, KeyError):
            pass
        raise ValueError(f"{self._path}: expected the note of an ablation, got other content")


def _describe(settings, test):
    source = open_source(settings.data_dir, read_people(settings.people) if settings.people else None)
    test_options = dataclasses.asdict(test.options)
    # The number of images per forward pass changes no measurement.
    del test_options["batch_size"]
    recipe = settings.as_json()
    start = settings.pretrained_lr_model
    return {name: recipe[name] for name in recipe_options()} | {
        "learning rate schedule": schedule_of(settings).as_json(),
        "training data": source.digest(),
        "LR network to start from": start and _digest_of_network(start),
        "pairs": _digest(map(str, test.pairs)),
        "test images": _digest(sorted(map(str, test.images))),
        "test options": test_options,
    }


def _in_current_names(noted: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a note of an earlier version; options that it did not have get their defaults."""
    names = current_names(LrSettings)
    defaults = {field.name: field.default for field in dataclasses.fields(LrSettings)}
    absent = {name: defaults[name] for name in recipe_options()}
    return absent | {names.get(name, name): value for name, value in noted.items()}


def _digest_of_network(model_dir):
    read_card(model_dir)
    return hashlib.sha256((Path(model_dir) / RECOGNISER).read_bytes()).hexdigest()


def _digest(lines):
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
