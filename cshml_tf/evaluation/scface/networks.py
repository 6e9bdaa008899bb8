"""The networks of the experiment on SCface: the HR network, and what serves each distance."""

from pathlib import Path
from typing import Any, NamedTuple

from cshml_tf.data.scface import DISTANCES
from cshml_tf.model_folder import card_of_kind, load_recogniser, read_card


class Served(NamedTuple):
    """What serves the probes of one distance.

    Attributes:
        folder: Path of the model folder.
        recogniser: keras.Model, pixels 0..255 (batch, H, W, 3) -> (batch, E).
        is_hr: whether it is an HR network, which is never fine-tuned.
        degradation: how faces were reduced in its training, "antialias" or "plain".
    """

    folder: Path
    recogniser: Any
    is_hr: bool
    degradation: str


class Networks(NamedTuple):
    """All of them.

    Attributes:
        hr_recogniser: keras.Model of the HR network.
        served: dict of a distance to `Served`.
        image_size: (height, width) of the faces, pixels.
    """

    hr_recogniser: Any
    served: dict
    image_size: tuple


def load_networks(hr_dir, by_distance):
    """Load the networks.

    Args:
        hr_dir: model folder of the HR network.
        by_distance: dict of a distance to the model folder that serves it; the HR network serves the others.

    Returns:
        `Networks`.

    Raises:
        ValueError: no model folder, an HR folder that holds an LR network, or a network of another image or
            embedding size than the HR network's.
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
    return Networks(loaded[hr_dir], served, tuple(image_size))
