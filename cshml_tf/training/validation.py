"""LFW accuracy of a network during training."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from cshml_tf.data.protocols import read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.embedding import View
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.recogniser import image_size_of
from cshml_tf.settings.training import RunSettings


def make_lfw_evaluation(
    settings: RunSettings,
    hr_recogniser: keras.Model | None = None,
    resolutions: Sequence[Resolution] = (),
    degradation: str = "antialias",
) -> Callable[[keras.Model], dict[str, float | None]] | None:
    """Build a function that measures a recogniser on the LFW pairs of a run's settings.

    Args:
        settings: settings of the run.
        hr_recogniser: the HR network to measure LR networks with; None to measure HR networks.
        resolutions: the resolutions of the LR network.
        degradation: "antialias" or "plain".

    Returns:
        None if the settings name no LFW folder. Otherwise a function of a recogniser that returns fractions by
        name: the accuracy "HR" for an HR network; "HL 12", "LL 12", "gap_closed 12" (None if HR is not above HL)
        and so on for an LR network.

    Raises:
        ValueError: the pairs file is invalid, or all of its images are missing.
        OSError: the pairs file cannot be read.
    """
    if settings.lfw_dir is None or settings.lfw_pairs is None:
        return None
    pairs = read_pairs(settings.lfw_pairs)
    images = find_images(settings.lfw_dir, pairs)
    if not images:
        raise ValueError(f"lfw_dir: expected images of {settings.lfw_pairs}, got none in {settings.lfw_dir}")
    options = Options(
        batch_size=settings.embedding_batch_size,
        flip=settings.use_flipped_images,
        subtract_mean=settings.subtract_mean,
    )
    image_size = None if hr_recogniser is None else image_size_of(hr_recogniser)
    # The HR network is frozen, so its embeddings are computed once for all validations.
    hr_embeddings: dict[View, np.ndarray] = {}

    def measure(recogniser: keras.Model) -> dict[str, float | None]:
        if hr_recogniser is None:
            report = evaluate(
                pairs, images, recogniser, options=options, image_size=image_size_of(recogniser)
            ).report
            return {"HR": report["HR"]["accuracy"]}
        report = evaluate(
            pairs,
            images,
            hr_recogniser,
            lr_recognisers=dict.fromkeys(resolutions, recogniser),
            degradation=degradation,
            options=options,
            image_size=image_size,
            hr_embeddings=hr_embeddings,
        ).report
        figures = {}
        for key in map(format_resolution, resolutions):
            figures[f"HL {key}"] = report[key]["HL"]["accuracy"]
            figures[f"LL {key}"] = report[key]["LL"]["accuracy"]
            figures[f"gap_closed {key}"] = report[key]["gap_closed"]
        return figures

    return measure
