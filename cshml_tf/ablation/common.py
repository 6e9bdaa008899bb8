"""What all cells of an ablation's folder have in common, by content: one recipe, one training set, one test."""

import dataclasses
import hashlib
import json
from pathlib import Path

from cshml_tf.data.protocols import read_people
from cshml_tf.data.sources import open_source
from cshml_tf.files import write_json
from cshml_tf.model_folder import RECOGNISER, read_card
from cshml_tf.training.experiment import schedule_of
from cshml_tf.training.settings import LrSettings

_FILE = "ablation.json"
# What says where something lies; the digests beside it say what it is.
_PLACES = ("data_dir", "people", "learning_rate_schedule_file", "lr_model")


class Common:
    """The note of a folder, compared with what the next cells would be trained and measured by.

    Args:
        output_dir: the ablation's folder, which may be absent.
        options: dict of `LrSettings`'s fields, the same for all cells.
        test: `cshml_tf.ablation.runner.PairsTest`.
        networks: model folders of HR networks.

    Raises:
        ValueError: the folder's note says otherwise, or something named is not there.
    """

    def __init__(self, output_dir, options, test, networks):
        self._path = Path(output_dir) / _FILE
        self._said = json.loads(json.dumps(_say(options, test)))
        self._networks = {Path(network).resolve().name: _digest_of_network(network) for network in networks}
        if self._path.exists():
            self._compare(self._read())

    def note(self):
        """Write it down, once a cell has been trained with it."""
        noted = self._read()["networks"] if self._path.exists() else {}
        write_json(self._path, self._said | {"networks": noted | self._networks})

    def _compare(self, noted):
        names = sorted((set(noted) | set(self._said)) - {"networks"})
        differing = [name for name in names if noted.get(name) != self._said.get(name)]
        if differing:
            first = differing[0]
            raise ValueError(
                f"OUT_DIR: {self._path.parent} holds an ablation with other settings ({', '.join(differing)}): "
                f"{first} was {noted.get(first)!r} and is {self._said.get(first)!r}; choose another folder"
            )
        for name, digest in self._networks.items():
            if noted["networks"].get(name, digest) != digest:
                raise ValueError(
                    f"OUT_DIR: {self._path.parent} holds an ablation of another HR network {name}; choose another "
                    "folder"
                )

    def _read(self):
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(noted["networks"], dict):
                return noted
        except (ValueError, TypeError, KeyError):
            pass
        raise ValueError(f"{self._path}: expected the note of an ablation, got other content")


def _say(options, test):
    settings = LrSettings(**options | {"resolution": (1,)})
    source = open_source(settings.data_dir, read_people(settings.people) if settings.people else None)
    own = {name for name in options if name not in (*_PLACES, *LrSettings.CONTINUATION)}
    test_options = dataclasses.asdict(test.options)
    # The number of images in a forward pass changes no figure.
    del test_options["batch_size"]
    return {name: options[name] for name in own} | {
        "learning rate schedule": schedule_of(settings).as_json(),
        "training data": source.digest(),
        "LR network to start from": settings.lr_model and _digest_of_network(settings.lr_model),
        "pairs": _digest(map(str, test.pairs)),
        "test images": _digest(sorted(map(str, test.images))),
        "test options": test_options,
    }


def _digest_of_network(model_dir):
    read_card(model_dir)
    return hashlib.sha256((Path(model_dir) / RECOGNISER).read_bytes()).hexdigest()


def _digest(lines):
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
