"""What an export costs in accuracy on pairs: the protocol of `cshml_tf.evaluation.lfw`, before and after."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np

from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.embedding import View
from cshml_tf.evaluation.lfw import evaluate
from cshml_tf.export.format import Embed


class Exported:
    """An export in the place of a Keras model, for measurements.

    Args:
        embed: the export, loaded into its runtime.
    """

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def predict_on_batch(self, pixels: np.ndarray) -> np.ndarray:
        """Embed a batch (N, height, width, 3) of pixels 0..255."""
        return self._embed(np.ascontiguousarray(pixels, np.float32))


class Pairs:
    """Pairs on which the Keras model has been measured, to compare its exports with it.

    Args:
        pairs: the pairs.
        images: path or pixels of each image.
        recogniser: the network to export.
        hr_recogniser: the HR network that embeds sharp faces; None if `recogniser` is the HR network.
        resolutions: of HL and LL.
        degradation: "antialias" or "plain".
        image_size: (height, width) that images must have.
    """

    def __init__(
        self,
        pairs: Sequence[Any],
        images: Mapping[Any, str | Path | np.ndarray],
        recogniser: keras.Model,
        hr_recogniser: keras.Model | None,
        resolutions: Sequence[Resolution],
        degradation: str,
        image_size: tuple[int, int],
    ) -> None:
        self._hr, self._resolutions = hr_recogniser, resolutions
        self._given = (pairs, images, degradation, image_size)
        self._sharp: dict[View, np.ndarray] = {}
        self.before = self._measure(recogniser)

    def after(self, embed: Embed) -> dict[str, float]:
        """Return the accuracies with an export in the place of the network.

        Args:
            embed: the export, loaded into its runtime.

        Returns:
            dict of accuracies, 0..1: "HR" if the HR network was exported, and "HL at R" of each resolution.
        """
        return self._measure(cast(keras.Model, Exported(embed)))

    def _measure(self, recogniser: keras.Model) -> dict[str, float]:
        pairs, images, degradation, size = self._given
        if self._hr is None:
            measured = evaluate(pairs, images, recogniser, {}, self._resolutions, degradation, image_size=size)
            figures, mode = {"HR": measured.report["HR"]["accuracy"]}, "HL_hr_network"
        else:
            networks = dict.fromkeys(self._resolutions, recogniser)
            measured = evaluate(
                *(pairs, images, self._hr, networks, self._resolutions, degradation),
                image_size=size,
                hr_embeddings=self._sharp,
            )
            figures, mode = {}, "HL"
        keys = {resolution: format_resolution(resolution) for resolution in self._resolutions}
        return figures | {f"HL at {key}": measured.report[key][mode]["accuracy"] for key in keys.values()}
