"""The recipe, training set and test common to all cells of an ablation's folder, compared by content."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from cshml_tf.ablation.measurement import PairsTest
from cshml_tf.data.protocols import read_people
from cshml_tf.data.sources import open_source
from cshml_tf.data.unlabelled import open_unlabelled
from cshml_tf.files import read_json, write_json
from cshml_tf.model_folder import digest_of_network, read_card
from cshml_tf.settings.ablation import recipe_options
from cshml_tf.settings.losses import further_weight_names
from cshml_tf.settings.option import current_names
from cshml_tf.settings.training import LrSettings
from cshml_tf.training.experiment import schedule_of

_FILE = "ablation.json"
# The weights of further terms; 0 means that no cell has the term.
_FURTHER = frozenset(further_weight_names().values())


class _Note(TypedDict):
    """What is always in the note: the digest of each HR network, by the name of its folder."""

    networks: dict[str, str]


class Common:
    """The note in an ablation's folder, compared with the recipe, training set and test of the next cells.

    Args:
        output_dir: the ablation's folder, which may be absent.
        settings: those of any cell, from which the common ones are taken.
        options: the training options that all cells share.
        test: the pairs that every network is measured on.
        networks: model folders of HR networks.

    Raises:
        ValueError: the folder's note differs, or a named file or folder does not exist.
    """

    def __init__(
        self,
        output_dir: str | Path,
        settings: LrSettings,
        options: Mapping[str, Any],
        test: PairsTest,
        networks: Iterable[str | Path],
    ) -> None:
        self._path = Path(output_dir) / _FILE
        # A cell without a further term has set its weight to 0.
        further = {name: options.get(name, 0.0) for name in _FURTHER}
        self._shared = json.loads(json.dumps(_describe(settings, test) | further))
        self._networks = {Path(network).resolve().name: _digest_of_network(network) for network in networks}
        self.compare()

    def compare(self) -> None:
        """Compare with the folder's note, if it has one by now.

        Raises:
            ValueError: the note is of an ablation with another recipe, training set, test or network, or is
                damaged.
        """
        if self._path.exists():
            self._compare(self._read())

    def note(self) -> None:
        """Write the note; called once a cell has been trained."""
        noted: Mapping[str, Any] = self._read() if self._path.exists() else {"networks": {}}
        # A further term that no cell of this call has may be in cells of an earlier one.
        kept = {name: noted[name] for name in _FURTHER if noted.get(name) and not self._shared[name]}
        write_json(self._path, self._shared | kept | {"networks": noted["networks"] | self._networks})

    def _compare(self, noted):
        written = _in_current_names(noted)
        names = sorted((set(written) | set(self._shared)) - {"networks"})
        unused = {name for name in _FURTHER if not (written.get(name) and self._shared[name])}
        differing = [name for name in names if name not in unused and written.get(name) != self._shared.get(name)]
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
            return read_json(self._path, _Note)
        except ValueError as error:
            raise ValueError(f"{error}; expected the note of an ablation, got other content") from None


def _describe(settings, test):
    source = open_source(settings.data_dir, read_people(settings.people) if settings.people else None)
    test_options = dataclasses.asdict(test.options)
    # The number of images per forward pass changes no measurement.
    del test_options["batch_size"]
    recipe = settings.as_json()
    start, unlabelled = settings.pretrained_lr_model, settings.unlabelled_dir
    return {name: recipe[name] for name in recipe_options()} | {
        "learning rate schedule": schedule_of(settings).as_json(),
        "training data": source.digest(),
        "faces without names": unlabelled and open_unlabelled(unlabelled).digest(),
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
    return digest_of_network(model_dir)


def _digest(lines):
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
