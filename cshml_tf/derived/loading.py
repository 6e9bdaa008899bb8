"""Load a network to derive another from, and check that its card describes it."""

from pathlib import Path
from typing import Any

import keras

from cshml_tf.model_folder import CARD, load_recogniser
from cshml_tf.recogniser import image_size_of


def load_as_described(folder: Path, card: dict[str, Any]) -> keras.Model:
    """Load the recogniser of a model folder.

    Args:
        folder: model folder.
        card: its card, as `cshml_tf.model_folder.read_card` returns it.

    Returns:
        keras.Model, see `cshml_tf.model_folder.load_recogniser`.

    Raises:
        ValueError: it cannot be loaded, or is for faces of another size than the card says.
        OSError: it cannot be read.
    """
    recogniser = load_recogniser(folder)
    wanted, got = ("{} x {}".format(*size) for size in (card["image_size"], image_size_of(recogniser)))
    if wanted != got:
        raise ValueError(f"{folder}: expected a network for faces of {wanted}, as its {CARD} says, got {got}")
    return recogniser
