"""Examples of HL: pairs drawn at random, as the camera sees them, with their scores before and after.

Before is the HR network for both images, after is the LR network for the degraded one.
"""

from dataclasses import dataclass

import numpy as np

from cshml_tf.degradation.degrade import degrade
from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.images import read_image
from cshml_tf.metrics.verification import best_threshold


@dataclass(frozen=True)
class ScoredPairs:
    """All pairs of a test as one choice of networks scores them.

    Attributes:
        networks: which network embeds what, in words.
        scores: (pairs,) float64, cosine similarity -1..1.
        same: (pairs,) bool, whether a pair is of one person.
        threshold: the one of highest accuracy over these very pairs; at or above it a pair is accepted.
        accuracy: 0..1 as the report gives it: mean over folds, each judged by the others' threshold.
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
        first: (H, W, 3) uint8 RGB, the image as it is.
        second: (H, W, 3) uint8 RGB, degraded and brought back to its size, as a network is shown it.
        same: whether both are of one person.
        scores: dict of float by the names that `score_before_and_after` gives.
    """

    first: np.ndarray
    second: np.ndarray
    same: bool
    scores: dict


def score_before_and_after(evaluation, resolution):
    """Take the scores of HL at a resolution from an evaluation.

    Args:
        evaluation: as `cshml_tf.evaluation.lfw.evaluate` gives, with an LR network of that resolution and
            without mean subtraction and averaged orders.
        resolution: r or (h, w).

    Returns:
        dict of `ScoredPairs`: "before" and "after".
    """
    key = format_resolution(resolution)
    modes = {
        "before": ("HL_hr_network", "HR network for both pictures"),
        "after": ("HL", "LR network for the low-resolution picture"),
    }
    scored = {}
    for name, (mode, networks) in modes.items():
        scores, same = evaluation.trials[key, mode]
        accuracy = evaluation.report[key][mode]["accuracy"]
        scored[name] = ScoredPairs(networks, scores, same, best_threshold(scores, same), accuracy)
    return scored


def draw_pairs(same, count, seed=0):
    """Draw pairs at random without repetition, as many of each kind.

    Args:
        same: (pairs,) bool, whether a pair is of one person.
        count: how many to draw, an even number.
        seed: whole number from 0 on; the same one draws the same pairs.

    Returns:
        (count,) integers, positions in `same`: those of one person first.

    Raises:
        ValueError: an odd count or one below 2, a negative seed, or fewer pairs of a kind than asked for.
    """
    if count < 2 or count % 2:
        raise ValueError(f"pairs: expected an even number from 2 on, half of each kind, got {count}")
    if seed < 0:
        raise ValueError(f"seed: expected a whole number from 0 on, got {seed}")
    same = np.asarray(same, bool)
    random = np.random.default_rng(seed)
    drawn = []
    for kind, name in ((same, "one person"), (~same, "different people")):
        if kind.sum() < count // 2:
            raise ValueError(f"pairs: {count // 2} of {name} asked for, the list has {kind.sum()} to compare")
        drawn.append(random.choice(np.flatnonzero(kind), count // 2, replace=False))
    return np.concatenate(drawn)


def example_pairs(pairs, images, scored, drawn, resolution, degradation="antialias"):
    """Take pairs as the networks saw them, with their scores.

    Args:
        pairs: list of `cshml_tf.data.protocols.Pair`: those that were scored, in the same order.
        images: mapping of `FaceImage` to a path or to pixels, as `cshml_tf.data.sources.find_images` gives.
        scored: as `score_before_and_after` gives.
        drawn: integers, positions in `pairs`, as `draw_pairs` gives.
        resolution: r or (h, w).
        degradation: "antialias" or "plain".

    Returns:
        list of `ExamplePair`, in the order drawn.

    Raises:
        ValueError: an image can't be read.
    """
    return [
        ExamplePair(
            first=_pixels(images[pairs[index].first]),
            second=_degraded(_pixels(images[pairs[index].second]), resolution, degradation),
            same=pairs[index].same,
            scores={name: float(of_all.scores[index]) for name, of_all in scored.items()},
        )
        for index in drawn
    ]


def _pixels(image):
    return image if isinstance(image, np.ndarray) else read_image(image)


def _degraded(pixels, resolution, degradation):
    return np.asarray(degrade(pixels[None], resolution, degradation))[0].astype(np.uint8)
