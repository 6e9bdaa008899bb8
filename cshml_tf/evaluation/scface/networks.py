"""The networks of the SCface experiment: the HR network, and the network that serves each distance."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import keras

from cshml_tf.data.scface import DISTANCES
from cshml_tf.model_folder import card_of_kind, load_recogniser, read_card


class Served(NamedTuple):
    """The network that serves the probes of one distance.

    Attributes:
        folder: the model folder.
        recogniser: pixels 0..255 (batch, H, W, 3) -> (batch, E).
        is_hr: whether it is an HR network, which is never fine-tuned.
        degradation: how faces were degraded in its training, "antialias" or "plain".
    """

    folder: Path
    recogniser: keras.Model
    is_hr: bool
    degradation: str


class ScfaceNetworks(NamedTuple):
    """All networks of the experiment.

    Attributes:
        hr_recogniser: the HR network.
        served: dict of distance to the network that serves it.
        image_size: (height, width) of the faces, pixels.
    """

    hr_recogniser: keras.Model
    served: dict[int, Served]
    image_size: tuple[int, int]


def load_scface_networks(hr_dir: str | Path, by_distance: Mapping[int, str | Path]) -> ScfaceNetworks:
    """Load the networks of the experiment.

    Args:
        hr_dir: model folder of the HR network.
        by_distance: dict of distance to the model folder of its network; the HR network serves the others.

    Returns:
        `ScfaceNetworks`.

    Raises:
        ValueError: a folder is not a model folder, `hr_dir` is that of an LR network, or the image or embedding
            size of a network differs from the HR network's.
    """
    hr_dir = Path(hr_dir)
    image_size = card_of_kind(hr_dir, "hr")["image_size"]
    folders = {distance: Path(by_distance.get(distance, hr_dir)) for distance in DISTANCES}
    cards = {folder: read_card(folder) for folder in [hr_dir, *folders.values()]}
    for folder, card in cards.items():
        if card["image_size"] != image_size:
            raise ValueError(
                f"{folder}: expected the image size of {hr_dir}, {image_size}, got {card['image_size']}"
            )
    loaded = {folder: load_recogniser(folder) for folder in cards}
    size = loaded[hr_dir].output_shape[-1]
    for folder, recogniser in loaded.items():
        got = recogniser.output_shape[-1]
        if got != size:
            raise ValueError(f"{folder}: expected the embedding size of {hr_dir}, {size}, got {got}")
    served = {
        distance: Served(folder, loaded[folder], cards[folder]["kind"] == "hr", cards[folder]["degradation"])
        for distance, folder in folders.items()
    }
    return ScfaceNetworks(loaded[hr_dir], served, (image_size[0], image_size[1]))
