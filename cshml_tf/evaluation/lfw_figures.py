"""From the scored pairs of each comparison to the figures of an LFW report."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cshml_tf.evaluation.report import FUSED, FUSED_BAYESIAN, JOINT_BAYESIAN, held_out_scores, verification_figures
from cshml_tf.metrics.confidence import gap_closed, paired_difference


class Trials(NamedTuple):
    """Scored pairs, for curves and histograms.

    Attributes:
        scores: (trials,) float64, cosine similarity, computed after subtracting the mean for the trial's fold if
            `subtract_mean` is set; or the log-likelihood ratio of a joint Bayesian classifier.
        same: (trials,) bool.
    """

    scores: np.ndarray
    same: np.ndarray


class Scored(NamedTuple):
    """The trials of a comparison: scores, (trials,) or (folds, trials), what they show, and orders per pair."""

    scores: np.ndarray
    same: np.ndarray
    folds: np.ndarray
    orders: int


class Measured(NamedTuple):
    """The figures of a comparison, the share of each pair's trials judged correctly, and the trials."""

    figures: dict[str, Any]
    correct: np.ndarray
    trials: Trials


def measure(scored: Scored, fars: Sequence[float]) -> Measured:
    """Measure one comparison.

    Args:
        scored: its trials.
        fars: false accept rates, each between 0 and 1, to report thresholds for.

    Returns:
        `Measured`.
    """
    scores, same, folds, orders = scored
    figures, correct = verification_figures(scores, same, folds, orders, fars)
    return Measured(figures, correct, Trials(held_out_scores(scores, folds), same))


def report_of(measured: Mapping[tuple[str, ...], Measured]) -> dict[str, Any]:
    """Return the entries of a report: "HR", and one per resolution with its comparisons and gains.

    Args:
        measured: by ("HR",) or (resolution, condition).

    Returns:
        JSON-compatible dict.
    """
    report: dict[str, Any] = {}
    for key, of_one in measured.items():
        if key == ("HR",):
            report["HR"] = of_one.figures
        else:
            report.setdefault(key[0], {})[key[1]] = of_one.figures
    for key, part in report.items():
        if key == "HR" or "HL" not in part:
            continue
        if "HL_hr_network" in part:
            ends = report["HR"]["accuracy"], part["HL_hr_network"]["accuracy"]
            part["gap_closed"] = gap_closed(*ends, part["HL"]["accuracy"])
            for name in (FUSED, "HL_hjb", FUSED_BAYESIAN):
                if name in part:
                    part[f"{name}_gap_closed"] = gap_closed(*ends, part[name]["accuracy"])
        for condition in ("HL", "LL"):
            reference = measured.get((key, f"{condition}_hr_network"), measured[("HR",)])
            part[f"{condition}_gain"] = _gain(measured[key, condition], reference)
        for name, plain in {FUSED: "HL", **JOINT_BAYESIAN, FUSED_BAYESIAN: "HL"}.items():
            if name in part:
                part[f"{name}_gain"] = _gain(measured[key, name], measured[key, plain])
    return report


def _gain(measured: Measured, reference: Measured) -> dict[str, Any]:
    difference, interval = paired_difference(measured.correct, reference.correct)
    return {"difference": difference, "interval": list(interval)}
