"""Examples of the HL condition: random pairs as the networks see them, with their scores before and after.

"Before" uses the HR network for both images, "after" uses the LR network for the degraded one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.data.protocols import Pair
from cshml_tf.degradation.degrade import check_mode, degrade
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.lfw import Evaluation
from cshml_tf.images import read_image
from cshml_tf.metrics.verification import best_threshold


@dataclass(frozen=True)
class ScoredPairs:
    """All pairs of a test, scored with one choice of networks.

    Attributes:
        networks: which network embeds which picture, in words.
        scores: (pairs,) float64, cosine similarity -1..1.
        same: (pairs,) bool, whether the pair shows one person.
        threshold: the threshold with the highest accuracy on these same pairs; a pair is accepted at or above it.
        accuracy: 0..1, as in the report: mean over the folds, each judged by the threshold of the others.
    """

    networks: str
    scores: np.ndarray
    same: np.ndarray
    threshold: float
    accuracy: float


@dataclass(frozen=True)
class ExamplePair:
    """One pair to look at.

    Attributes:
        first: (H, W, 3) uint8 RGB, undegraded.
        second: (H, W, 3) uint8 RGB, degraded and resized back, as the network sees it.
        same: whether both show one person.
        scores: cosine similarity by the keys of `score_before_and_after`.
    """

    first: np.ndarray
    second: np.ndarray
    same: bool
    scores: dict[str, float]


def score_before_and_after(evaluation: Evaluation, resolution: Resolution) -> dict[str, ScoredPairs]:
    """Extract the HL scores at one resolution from an evaluation.

    Args:
        evaluation: as returned by `cshml_tf.evaluation.lfw.evaluate`, with an LR network for that resolution and
            without mean subtraction or averaged orders.
        resolution: r or (h, w).

    Returns:
        dict of "before" and "after" to `ScoredPairs`.
    """
    key = format_resolution(resolution)
    conditions = {
        "before": ("HL_hr_network", "HR network for both pictures"),
        "after": ("HL", "LR network for the low-resolution picture"),
    }
    scored = {}
    for name, (condition, networks) in conditions.items():
        scores, same = evaluation.trials[key, condition]
        accuracy = evaluation.report[key][condition]["accuracy"]
        scored[name] = ScoredPairs(networks, scores, same, best_threshold(scores, same), accuracy)
    return scored


def draw_pairs(same: ArrayLike, count: int, seed: int = 0) -> np.ndarray:
    """Draw pairs at random without replacement, half of them of each kind.

    Args:
        same: (pairs,) bool, whether the pair shows one person.
        count: number of pairs to draw, even.
        seed: whole number, 0 or more; the same seed draws the same pairs.

    Returns:
        (count,) integers, positions in `same`, pairs of one person first.

    Raises:
        ValueError: the count is odd or below 2, the seed is negative, or there are too few pairs of one kind.
    """
    if count < 2 or count % 2:
        raise ValueError(f"pairs: expected an even number of at least 2, half of each kind, got {count}")
    if seed < 0:
        raise ValueError(f"seed: expected a whole number, 0 or more, got {seed}")
    same = np.asarray(same, bool)
    random = np.random.default_rng(seed)
    drawn = []
    for kind, name in ((same, "one person"), (~same, "different people")):
        if kind.sum() < count // 2:
            raise ValueError(f"pairs: expected at least {count // 2} of {name} in the list, got {kind.sum()}")
        drawn.append(random.choice(np.flatnonzero(kind), count // 2, replace=False))
    return np.concatenate(drawn)


def example_pairs(
    pairs: Sequence[Pair],
    images: Mapping[Any, str | Path | np.ndarray],
    scored: Mapping[str, ScoredPairs],
    drawn: Iterable[int],
    resolution: Resolution,
    degradation: str = "antialias",
) -> list[ExamplePair]:
    """Collect pairs as the networks saw them, with their scores.

    Args:
        pairs: the pairs that were scored, in the same order.
        images: path or pixels of each image, as returned by `cshml_tf.data.sources.find_images`.
        scored: as returned by `score_before_and_after`.
        drawn: positions in `pairs`, as returned by `draw_pairs`.
        resolution: r or (h, w).
        degradation: "antialias" or "plain".

    Returns:
        One `ExamplePair` per drawn pair, in the same order.

    Raises:
        ValueError: an image cannot be read, or the degradation is unknown.
    """
    check_mode(degradation, "degradation")
    return [
        ExamplePair(
            first=_pixels(images[pairs[index].first]),
            second=_degraded(_pixels(images[pairs[index].second]), resolution, degradation),
            same=pairs[index].same,
            scores={name: float(of_all.scores[index]) for name, of_all in scored.items()},
        )
        for index in drawn
    ]


def _pixels(image: str | Path | np.ndarray) -> np.ndarray:
    return image if isinstance(image, np.ndarray) else read_image(image)


def _degraded(pixels: np.ndarray, resolution: Resolution, degradation: str) -> np.ndarray:
    return np.asarray(degrade(pixels[None], resolution, degradation))[0].astype(np.uint8)
