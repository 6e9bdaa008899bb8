"""LFW accuracy of a network during training."""

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from cshml_tf.data.protocols import Pair, read_pairs
from cshml_tf.data.sources import find_images
from cshml_tf.degradation.degrade import check_mode
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.embedding import View
from cshml_tf.evaluation.lfw import Options, evaluate
from cshml_tf.files import ListWarning, printable
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
        resolutions: the resolutions of the LR network, or of an HR network that learns LR copies too.
        degradation: "antialias" or "plain".

    Returns:
        None if the settings name no LFW folder. Otherwise a function of a recogniser that returns fractions by
        name: the accuracy "HR" for an HR network, and "HL 12", "LL 12" and so on at its resolutions; "HL 12",
        "LL 12", "gap_closed 12" (None if HR is not above HL) and so on for an LR network.

    Raises:
        ValueError: the pairs file is invalid, all of its images are missing, or the degradation is unknown.
        OSError: the pairs file cannot be read.

    Warns:
        ListWarning: pairs are left out, because an image is missing.
    """
    check_mode(degradation, "degradation")
    if settings.lfw_dir is None or settings.lfw_pairs is None:
        return None
    pairs, images = _find(settings.lfw_dir, settings.lfw_pairs)
    options = Options(
        batch_size=settings.embedding_batch_size,
        flip=settings.use_flipped_images,
        subtract_mean=settings.subtract_mean,
    )
    reduced = {"degradation": degradation, "options": options}
    if hr_recogniser is None:
        return functools.partial(_measure_hr, pairs, images, resolutions, reduced)
    # The HR network is frozen, so its embeddings are computed once for all validations.
    hr_embeddings: dict[View, np.ndarray] = {}
    kept = reduced | {"image_size": image_size_of(hr_recogniser), "hr_embeddings": hr_embeddings}
    return functools.partial(_measure_lr, pairs, images, hr_recogniser, resolutions, kept)


def _find(lfw_dir: str, lfw_pairs: str) -> tuple[list[Pair], dict[Any, Any]]:
    """Read the pairs, and find their images; warn of pairs that are left out."""
    pairs = read_pairs(lfw_pairs)
    images = find_images(lfw_dir, pairs)
    if not images:
        raise ValueError(f"lfw_dir: expected images of {lfw_pairs}, got none in {lfw_dir}")
    absent = sum(pair.first not in images or pair.second not in images for pair in pairs)
    if absent:
        warnings.warn(
            f"{printable(lfw_pairs)}: {absent} of {len(pairs)} pairs left out of the validation, because "
            f"{printable(lfw_dir)} lacks an image",
            ListWarning,
            stacklevel=3,
        )
    return pairs, images


def _measure_hr(
    pairs: Sequence[Pair],
    images: Mapping[Any, Any],
    resolutions: Sequence[Resolution],
    options: Mapping[str, Any],
    recogniser: keras.Model,
) -> dict[str, float | None]:
    """Measure an HR network; at resolutions too if it learns LR copies."""
    size = image_size_of(recogniser)
    report = evaluate(pairs, images, recogniser, resolutions=resolutions, image_size=size, **options).report
    figures = {"HR": report["HR"]["accuracy"]}
    for key in map(format_resolution, resolutions):
        for condition in ("HL", "LL"):
            figures[f"{condition} {key}"] = report[key][f"{condition}_hr_network"]["accuracy"]
    return figures


def _measure_lr(
    pairs: Sequence[Pair],
    images: Mapping[Any, Any],
    hr_recogniser: keras.Model,
    resolutions: Sequence[Resolution],
    options: Mapping[str, Any],
    recogniser: keras.Model,
) -> dict[str, float | None]:
    """Measure an LR network beside its HR network."""
    networks = dict.fromkeys(resolutions, recogniser)
    report = evaluate(pairs, images, hr_recogniser, lr_recognisers=networks, **options).report
    figures = {}
    for key in map(format_resolution, resolutions):
        figures[f"HL {key}"] = report[key]["HL"]["accuracy"]
        figures[f"LL {key}"] = report[key]["LL"]["accuracy"]
        figures[f"gap_closed {key}"] = report[key]["gap_closed"]
    return figures
