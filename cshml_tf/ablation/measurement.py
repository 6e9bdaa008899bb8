"""The test of an ablation: one list of pairs, on which every network is measured in the same way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.recogniser import image_size_of


class PairsTest:
    """Pairs of faces, their images, and how they are compared.

    Args:
        lfw_dir: class folders of aligned faces, or packed.
        lfw_pairs: file that lists their pairs.
        options: how the pairs are compared.

    Raises:
        ValueError: not a list of pairs, or all of its images are missing.
        OSError: the list cannot be read.
    """

    def __init__(self, lfw_dir: str | Path, lfw_pairs: str | Path, options: Options) -> None:
        self.options = options
        self.pairs = read_pairs(lfw_pairs)
        self.images = find_images(lfw_dir, self.pairs)
        if not self.images:
            raise ValueError(f"lfw_dir: expected the images of {lfw_pairs}, found none of them in {lfw_dir}")

    def measure(
        self,
        hr_recogniser: keras.Model,
        hr_embeddings: dict[Any, Any],
        resolutions: Sequence[int | tuple[int, int]],
        lr_recogniser: keras.Model | None = None,
        degradation: str = "antialias",
    ) -> dict[str, Any]:
        """Measure the HR network by itself, or together with an LR network.

        Args:
            hr_recogniser: the HR network.
            hr_embeddings: a dict, empty at first, that caches its embeddings between calls.
            resolutions: the resolutions to measure, each r or (h, w).
            lr_recogniser: the LR network for all of them, or None.
            degradation: "antialias" or "plain".

        Returns:
            The report of `cshml_tf.evaluation.lfw.evaluate`.
        """
        return evaluate(
            self.pairs,
            self.images,
            hr_recogniser,
            lr_recogniser and dict.fromkeys(resolutions, lr_recogniser),
            resolutions,
            degradation=degradation,
            options=self.options,
            image_size=image_size_of(hr_recogniser),
            hr_embeddings=hr_embeddings,
        ).report
