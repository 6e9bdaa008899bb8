"""The networks of the SCface experiment: the HR network, and the network that serves each distance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras

from cshml_tf.data.scface import DISTANCES
from cshml_tf.degradation.resolution import Resolution, resolution_from_json
from cshml_tf.model_folder import card_of_kind, load_recogniser, read_card
from cshml_tf.runtimes.embedder import with_runtime


class Served(NamedTuple):
    """The network that serves the probes of one distance.

    Attributes:
        folder: the model folder.
        recogniser: pixels 0..255 (batch, H, W, 3) -> (batch, E).
        is_hr: whether it is an HR network, which is never fine-tuned.
        degradation: how faces were degraded in its training, "antialias" or "plain".
        resolution: the first resolution that it was trained for; None for an HR network.
    """

    folder: Path
    recogniser: keras.Model
    is_hr: bool
    degradation: str
    resolution: Resolution | None = None


class ScfaceNetworks(NamedTuple):
    """All networks of the experiment.

    Attributes:
        hr_recogniser: the HR network.
        served: dict of distance to the network that serves it.
        image_size: (height, width) of the faces, pixels.
        ricnn: a network for HR faces and their LR copies together, or None.
    """

    hr_recogniser: keras.Model
    served: dict[int, Served]
    image_size: tuple[int, int]
    ricnn: keras.Model | None = None


def load_scface_networks(
    hr_dir: str | Path,
    by_distance: Mapping[int, str | Path],
    ricnn_dir: str | Path | None = None,
    runtime: str = "auto",
    mixed_precision: str = "off",
) -> ScfaceNetworks:
    """Load the networks of the experiment.

    Args:
        hr_dir: model folder of the HR network.
        by_distance: dict of distance to the model folder of its network; the HR network serves the others.
        ricnn_dir: model folder of a network trained on HR faces and their LR copies together, or None. Its
            embeddings are compared only with each other, so their size may differ.
        runtime: what embeds, and
        mixed_precision: whether in bfloat16, see `cshml_tf.runtimes.embedder.with_runtime`.

    Returns:
        `ScfaceNetworks`.

    Raises:
        ValueError: a folder is not a model folder, `hr_dir` is that of an LR network, or the image or embedding
            size of a network differs from the HR network's; or the runtime is not installed.
    """
    hr_dir = Path(hr_dir)
    image_size = card_of_kind(hr_dir, "hr")["image_size"]
    folders = {distance: Path(by_distance.get(distance, hr_dir)) for distance in DISTANCES}
    apart = [] if ricnn_dir is None else [Path(ricnn_dir)]
    cards = {folder: read_card(folder) for folder in [hr_dir, *folders.values(), *apart]}
    for folder, card in cards.items():
        if card["image_size"] != image_size:
            raise ValueError(
                f"{folder}: expected the image size of {hr_dir}, {image_size}, got {card['image_size']}"
            )
    loaded = {
        folder: with_runtime(load_recogniser(folder), runtime, mixed_precision, str(folder)) for folder in cards
    }
    size = loaded[hr_dir].output_shape[-1]
    for folder in (hr_dir, *folders.values()):
        got = loaded[folder].output_shape[-1]
        if got != size:
            raise ValueError(f"{folder}: expected the embedding size of {hr_dir}, {size}, got {got}")
    served = {
        distance: Served(
            folder,
            loaded[folder],
            cards[folder]["kind"] == "hr",
            cards[folder]["degradation"],
            _first_resolution(cards[folder]),
        )
        for distance, folder in folders.items()
    }
    ricnn = loaded[apart[0]] if apart else None
    return ScfaceNetworks(loaded[hr_dir], served, (image_size[0], image_size[1]), ricnn)


def _first_resolution(card: Mapping[str, Any]) -> Resolution | None:
    if card["kind"] == "hr" or not card["resolutions"]:
        return None
    return resolution_from_json(card["resolutions"][0])
