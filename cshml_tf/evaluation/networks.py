"""Choose the model folder for each resolution of a test, and check whether it was trained on the test's people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from cshml_tf.data.protocols import Pair
from cshml_tf.degradation.degrade import check_mode
from cshml_tf.degradation.resolution import (
    Resolution,
    check_reductions,
    format_resolution,
    resolution_from_json,
)
from cshml_tf.files import normalised
from cshml_tf.model_folder import card_of_kind, load_recogniser, trained_people
from cshml_tf.runtimes.embedder import with_runtime


@dataclass(frozen=True)
class ModelFolders:
    """The model folders of a test.

    Attributes:
        hr_dir: folder of the HR network.
        lr_dirs: folder of the LR network for each resolution, r or (h, w); empty without LR networks.
        resolutions: the resolutions to measure, in order.
        degradation: dict of resolution to "antialias" or "plain".
        image_size: (height, width) of the faces in pixels, the same for all networks.
    """

    hr_dir: Path
    lr_dirs: dict[Resolution, Path]
    resolutions: tuple[Resolution, ...]
    degradation: dict[Resolution, str]
    image_size: tuple[int, int]

    def model_dirs(self) -> list[Path]:
        """Return every folder once, the HR network's first."""
        return list(dict.fromkeys([self.hr_dir, *self.lr_dirs.values()]))

    def load(
        self, runtime: str = "auto", mixed_precision: str = "off"
    ) -> tuple[keras.Model, dict[Resolution, keras.Model]]:
        """Load the networks.

        Args:
            runtime: what embeds, and
            mixed_precision: whether in bfloat16, see `cshml_tf.runtimes.embedder.with_runtime`.

        Returns:
            The HR recogniser, and the LR recogniser of each resolution.

        Raises:
            ValueError: a network cannot be loaded, or its embeddings differ in length from the HR network's; or
                the runtime is not installed.
        """
        loaded = {
            model_dir: with_runtime(load_recogniser(model_dir), runtime, mixed_precision, str(model_dir))
            for model_dir in self.model_dirs()
        }
        size = loaded[self.hr_dir].output_shape[-1]
        for model_dir, recogniser in loaded.items():
            got = recogniser.output_shape[-1]
            if got != size:
                raise ValueError(f"{model_dir}: expected the embedding size of {self.hr_dir}, {size}, got {got}")
        lr_recognisers = {resolution: loaded[folder] for resolution, folder in self.lr_dirs.items()}
        return loaded[self.hr_dir], lr_recognisers


def choose_networks(
    hr_dir: str | Path,
    lr_dirs: Iterable[str | Path] = (),
    resolutions: Iterable[Resolution] | None = None,
    degradation: str | None = None,
) -> ModelFolders:
    """Find the LR network for each resolution: the one whose model folder lists it.

    Args:
        hr_dir: model folder of the HR network.
        lr_dirs: model folders of LR networks.
        resolutions: resolutions to measure, each r or (h, w); None for all those of the LR networks.
        degradation: "antialias" or "plain" for all; None for the mode that each LR network was trained with
            ("antialias" without LR networks).

    Returns:
        `ModelFolders`.

    Raises:
        ValueError: a folder is not a model folder, or is of the wrong kind or image size, or a resolution is not
            listed by exactly one LR network; the message names the folders. Or the degradation is unknown.
    """
    if degradation is not None:
        check_mode(degradation, "degradation")
    hr_dir = Path(hr_dir)
    hr_card = card_of_kind(hr_dir, "hr")
    cards = {folder: card_of_kind(folder, "lr") for folder in dict.fromkeys(map(Path, lr_dirs))}
    for folder, card in cards.items():
        if card["image_size"] != hr_card["image_size"]:
            raise ValueError(
                f"{folder}: expected the image size of {hr_dir}, {hr_card['image_size']}, got {card['image_size']}"
            )
    listed = {
        folder: [resolution_from_json(entry) for entry in card["resolutions"]] for folder, card in cards.items()
    }
    if resolutions is None:
        resolutions = [resolution for entries in listed.values() for resolution in entries]
    resolutions = tuple(dict.fromkeys(resolutions))
    check_reductions(resolutions, hr_card["image_size"])
    serving = {resolution: _serving(resolution, listed) for resolution in resolutions} if listed else {}
    own = {resolution: cards[folder]["degradation"] for resolution, folder in serving.items()}
    return ModelFolders(
        hr_dir=hr_dir,
        lr_dirs=serving,
        resolutions=resolutions,
        degradation={r: degradation or own.get(r, "antialias") for r in resolutions},
        image_size=(hr_card["image_size"][0], hr_card["image_size"][1]),
    )


def people_trained_on(model_dirs: Iterable[str | Path], people: Iterable[str]) -> list[str]:
    """Find the people of a test on whom a network, or a network it started from, was trained.

    Args:
        model_dirs: model folders.
        people: names of the people in the test, in any Unicode form.

    Returns:
        The names that at least one of the folders lists, sorted.

    Raises:
        ValueError: a folder is not a model folder.
    """
    known = {normalised(name) for folder in model_dirs for name in trained_people(folder)}
    return sorted(name for name in set(people) if normalised(name) in known)


def trained_on(
    model_dirs: Iterable[str | Path], pairs: Sequence[Pair], images: Mapping[Any, Any]
) -> dict[str, Any]:
    """Report which of the compared people the networks were trained on.

    Args:
        model_dirs: model folders.
        pairs: the listed pairs.
        images: mapping whose keys are the available images; pairs with a missing image are not compared.

    Returns:
        JSON-compatible dict: "people" and "pairs", the numbers of both, and "names".

    Raises:
        ValueError: a folder is not a model folder.
    """
    compared = [pair for pair in pairs if pair.first in images and pair.second in images]
    people = {image.name for pair in compared for image in (pair.first, pair.second)}
    known = people_trained_on(model_dirs, people)
    affected = sum(pair.first.name in known or pair.second.name in known for pair in compared)
    return {"people": len(known), "pairs": affected, "names": known}


def _serving(resolution: Resolution, listed: Mapping[Path, Sequence[Resolution]]) -> Path:
    folders = [folder for folder, entries in listed.items() if resolution in entries]
    if len(folders) == 1:
        return folders[0]
    shown = format_resolution(resolution)
    if folders:
        names = " and ".join(str(folder) for folder in folders)
        raise ValueError(f"resolution {shown}: expected one LR network that lists it, got {names}")
    has = "; ".join(
        f"{folder} ({', '.join(format_resolution(entry) for entry in entries)})"
        for folder, entries in listed.items()
    )
    raise ValueError(f"resolution {shown}: expected an LR network that lists it, got {has}")
