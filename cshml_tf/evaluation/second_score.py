"""The second score of a sharp portrait and a small probe: HL joined by LL.

HL is the cosine of the probe, embedded by the LR network, and of the sharp portrait, embedded by the HR network.
LL is the cosine of the same probe and of the portrait reduced to the probe's resolution, both embedded by the LR
network. The second score is (HL + w LL) / (1 + w), which lies between -1 and 1 as they do. HL and LL may also be
the log-likelihood ratios of a joint Bayesian classifier.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cshml_tf.degradation.resolution import Resolution, format_resolution, resolution_sides
from cshml_tf.evaluation.report import FUSED, resolution_keys

# The weight w by width: best at rank 1 on LFW's people of folds 1 to 5; see docs/results.md.
_WEIGHTS = {8: 0.5, 12: 0.5, 16: 0.25, 20: 0.25}


def default_weight(resolution: Resolution) -> float:
    """Return the default weight of the second score: that of the next width that was measured, or 0 above all.

    Args:
        resolution: r or (h, w).
    """
    width = resolution_sides(resolution)[1]
    return next((weight for least, weight in sorted(_WEIGHTS.items()) if width <= least), 0.0)


def choose_weights(given: Mapping[str, float], resolutions: Iterable[Resolution]) -> dict[str, float]:
    """Return the weight for each resolution, by its name.

    Args:
        given: weights by resolution, such as {"8": 1.0}; others have the default.
        resolutions: each r or (h, w).

    Raises:
        ValueError: a weight is for another resolution.
    """
    weights = {format_resolution(resolution): default_weight(resolution) for resolution in resolutions}
    if unknown := set(given) - set(weights):
        raise ValueError(
            f"second score: expected weights for {', '.join(weights) or 'no resolution'}, "
            f"got one for {', '.join(sorted(unknown))}"
        )
    return weights | dict(given)


def weights_of(report: dict[str, Any]) -> dict[str, float]:
    """Return the weight at each resolution of an LFW report that has the second score, by its name."""
    return {key: report[key][FUSED]["weight"] for key in resolution_keys(report) if FUSED in report[key]}


def join_scores(hl: np.ndarray, ll: np.ndarray, weight: float) -> np.ndarray:
    """Return (HL + w LL) / (1 + w).

    Both scores are products with the probe, so that the same sum of the portrait's two embeddings is the row whose
    product with the probe is the second score.

    Args:
        hl: scores, or the sharp portraits' embeddings, of any shape.
        ll: scores, or the reduced portraits' embeddings, of the same shape.
        weight: w, 0 or more.
    """
    return (hl + weight * ll) / (1 + weight)
