"""Verification reports: the figures of one set of scored pairs, the table of a whole test, its thresholds.

All figures are fractions; what cannot be measured is None (null in JSON), never NaN.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.data.protocols import STATED
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.tables import align_columns, some_of
from cshml_tf.files import printable
from cshml_tf.metrics.confidence import accuracy_interval
from cshml_tf.metrics.verification import (
    area_under_curve,
    equal_error_rate,
    kfold_accuracy,
    kfold_val,
    tar_at_far,
    threshold_at_far,
)

VAL_FAR = 1e-3
FARS = (0.1, 0.01, 0.001)
# A threshold that rejects every pair lies just above a score of 1.
LARGEST_THRESHOLD = 1 + 1e-6

# The entry of the second score, see `cshml_tf.evaluation.second_score`.
FUSED = "HL_fused"
# The entries scored by a joint Bayesian classifier, and those that compare the same embeddings by their cosine.
JOINT_BAYESIAN = {"HL_hjb": "HL", "LL_hjb": "LL"}
# The entry of the second score made of these two.
FUSED_BAYESIAN = "HL_hjb_fused"
# The entries that have a weight, see `cshml_tf.evaluation.second_score`, and the HL and LL that each joins.
SECOND_SCORES = {FUSED: ("HL", "LL"), FUSED_BAYESIAN: ("HL_hjb", "LL_hjb")}
# The entries of a report that say how much of the gap between HL before and HR is closed, and by which score.
GAPS_CLOSED = {
    "gap_closed": "",
    f"{FUSED}_gap_closed": " by the second score",
    "HL_hjb_gap_closed": " by joint Bayesian",
    f"{FUSED_BAYESIAN}_gap_closed": " by the second score, joint Bayesian",
}
ABOVE_WHOLE = "above 100 %: HL is above HR itself, as happens near chance and with few pairs"
_CONDITIONS = {
    "HL": "HL  LR network",
    FUSED: "HL  second score",
    "HL_hjb": "HL  joint Bayesian",
    FUSED_BAYESIAN: "HL  second score, joint Bayesian",
    "LL": "LL  LR network",
    "LL_hjb": "LL  joint Bayesian",
    "HL_hr_network": "HL  HR network for both",
    "LL_hr_network": "LL  HR network for both",
}


def verification_figures(
    scores: np.ndarray, same: np.ndarray, folds: np.ndarray, orders: int = 1, fars: Sequence[float] = FARS
) -> tuple[dict[str, Any], np.ndarray]:
    """Measure everything that a report states about one set of scored pairs.

    Args:
        scores: (trials,) real, higher is more alike; or (folds, trials), one row per held-out fold.
        same: (trials,) bool.
        folds: (trials,) integers.
        orders: number of trials per pair; trial i + k x pairs is pair i in its k-th order.
        fars: false accept rates, each between 0 and 1, to report thresholds and TAR for.

    Returns:
        (figures, correct). `figures` is a JSON-compatible dict: "accuracy" (mean over folds), "pairs", "std",
        "interval" (Wilson, 95 %, all pairs pooled; a pair tried in two orders counts once), "auc", "eer", "val"
        (at FAR 1e-3), "thresholds" and "tar" (by FAR, on all pairs; None for a FAR below 1 / number of different
        pairs), "fold_accuracies", "fold_thresholds". `correct` is (pairs,) float64, the share of a pair's orders
        that were judged correctly.

    Raises:
        ValueError: all pairs are of one kind, or a score is not finite.
    """
    accuracy = kfold_accuracy(scores, same, folds)
    val = kfold_val(scores, same, folds, VAL_FAR)
    correct = accuracy.correct.reshape(orders, -1).mean(axis=0)
    held_out = held_out_scores(scores, folds)
    figures = {
        "accuracy": accuracy.mean,
        "pairs": len(correct),
        "std": accuracy.std,
        "interval": list(accuracy_interval(float(correct.sum()), len(correct))),
        "auc": area_under_curve(held_out, same),
        "eer": equal_error_rate(held_out, same),
        "val": {
            "far": VAL_FAR,
            "val": val.val,
            "std": val.std,
            "far_measured": val.far_measured,
            "resolved": val.resolved,
        },
        "thresholds": {f"{far:g}": threshold_at_far(held_out[~same], far) for far in fars},
        "tar": {f"{far:g}": tar_at_far(held_out, same, far) for far in fars},
        "fold_accuracies": accuracy.fold_accuracies.tolist(),
        "fold_thresholds": accuracy.thresholds.tolist(),
    }
    return figures, correct


def held_out_scores(scores: ArrayLike, folds: ArrayLike) -> np.ndarray:
    """Return the score of each trial while its own fold is held out: (trials,) float64."""
    rows = np.asarray(scores, np.float64)
    if rows.ndim == 1:
        return rows
    row = np.unique(folds, return_inverse=True)[1]
    return rows[row, np.arange(len(row))]


def format_lfw_table(report: dict[str, Any]) -> str:
    """Format an LFW report as a plain-text table with aligned columns, in %.

    Args:
        report: as produced by `cshml_tf.evaluation.lfw.evaluate`.

    Returns:
        Several lines of text.
    """
    head = ("", "accuracy %", "95 % interval", "AUC", "EER %", f"VAL % at FAR {VAL_FAR:g}")
    rows: list[tuple[str, ...]] = [head, _table_row("HR", report["HR"])]
    notes = []
    for key in resolution_keys(report):
        part = report[key]
        rows += [_table_row(f"{key} {words}", part[name]) for name, words in _CONDITIONS.items() if name in part]
        notes += _gain_lines(key, part)
    lines = align_columns(rows)
    if any(row[-1].endswith("*") for row in rows):
        notes.append(
            f"* too few pairs for FAR {VAL_FAR:g}: threshold above every different pair of the other folds"
        )
    return "\n".join([*lines, *notes, protocol_line(report["protocol"])])


def resolution_keys(report: dict[str, Any]) -> list[str]:
    """Return the keys of a report that are resolutions, such as "12" and "14x12", in their order."""
    return [key for key in report if key not in ("HR", "protocol", "cell")]


class StoredReport(dict[str, Any]):
    """A report read from a file, which errors about it name.

    Args:
        content: the report.
        path: the file.
    """

    def __init__(self, content: dict[str, Any], path: str | Path) -> None:
        super().__init__(content)
        self.path = path


def read_threshold(
    report: dict[str, Any],
    mode: str,
    resolution: Resolution | str | None = None,
    far: float = 1e-3,
    flip: bool = False,
) -> float:
    """Look up the threshold that a report states for a test condition and a false accept rate.

    Args:
        report: an LFW report read from JSON.
        mode: the condition, "HR", "HL", "HL_fused", "LL", "HL_hr_network" or "LL_hr_network".
        resolution: r or (h, w), or its name in the report, such as "14x12"; not used for "HR".
        far: false accept rate, one that the report states thresholds for.
        flip: whether the scores to be judged come from embeddings averaged with those of mirrored images.

    Returns:
        float: a pair is accepted where its cosine similarity is at or above this.

    Raises:
        ValueError: the report has no such threshold, or its scores were computed in a different way.
    """
    name = printable(report.path) if isinstance(report, StoredReport) else "report"
    options = report.get("protocol", {}).get("options", {})
    if options.get("subtract_mean"):
        raise ValueError(
            f"{name}: expected thresholds for plain cosine similarities, got ones for embeddings with the test's "
            "mean subtracted; evaluate without mean subtraction"
        )
    if bool(options.get("flip")) != bool(flip):
        wanted, made = ("with", "without") if flip else ("without", "with")
        raise ValueError(
            f"{name}: expected thresholds for embeddings {wanted} flip averaging, got ones for embeddings {made}"
        )
    if mode == "HR":
        where, figures = "HR", report.get("HR")
    elif resolution is None:
        raise ValueError(f"resolution: expected r or (h, w) for condition {mode}, got None")
    else:
        key = resolution if isinstance(resolution, str) else format_resolution(resolution)
        where, figures = f"{key} {mode}", report.get(key, {}).get(mode)
    if figures is None:
        known = [
            "HR",
            *(f"{key} {name}" for key in resolution_keys(report) for name in _CONDITIONS if name in report[key]),
        ]
        raise ValueError(f"{name}: expected an entry {where}, got {', '.join(known)}")
    return _stated_threshold(f"{name}: expected a threshold for {where}", figures["thresholds"], far)


def _stated_threshold(expected: str, thresholds: dict[str, float | None], far: float) -> float:
    """Return the threshold at a false accept rate; `expected` begins the error messages."""
    stated = {float(rate): threshold for rate, threshold in thresholds.items()}
    if far not in stated:
        raise ValueError(f"{expected} at FAR {far:g}, got thresholds at {', '.join(thresholds)}")
    threshold = stated[far]
    if threshold is None:
        raise ValueError(f"{expected} at FAR {far:g}, got too few pairs for one")
    if not is_threshold(threshold):
        raise ValueError(f"{expected} between -1 and 1, a cosine similarity, got {threshold!r}")
    return threshold


def is_threshold(value: Any) -> bool:
    """Return whether a value can be a threshold of cosine similarities: finite, and -1..1 but for rounding."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -LARGEST_THRESHOLD <= value <= LARGEST_THRESHOLD


def marked_thresholds(figures: dict[str, Any]) -> dict[str, float]:
    """Return the thresholds that a report states for one comparison, by their names in a figure's legend.

    Args:
        figures: one comparison's part of a report; thresholds that it has too few pairs for are left out.
    """
    middle = {"threshold of highest accuracy (mean of the folds)": float(np.mean(figures["fold_thresholds"]))}
    by_far = figures["thresholds"].items()
    return middle | {f"threshold at FAR {far}": value for far, value in by_far if value is not None}


def remarks(protocol: dict[str, Any]) -> list[str]:
    """Return warnings about a report's protocol: pairs left out, folds dropped, people trained on."""
    lines = []
    missing = protocol["missing"]
    if missing:
        absent = sorted({name for entry in missing for name in entry["absent"]})
        lines.append(
            f"warning: {len(missing)} of {protocol['pairs_listed']} pairs left out, "
            f"for {len(absent)} missing or unaligned images: {some_of(absent)}"
        )
    if protocol["dropped_folds"]:
        folds = ", ".join(map(str, protocol["dropped_folds"]))
        lines.append(f"warning: no pairs left in fold {folds}")
    trained = protocol["trained_people"]
    if trained["people"]:
        lines.append(
            f"warning: the networks were trained on {trained['people']} of the people compared "
            f"({trained['pairs']} pairs): the figures are too optimistic"
        )
    return lines


def protocol_line(protocol: dict[str, Any]) -> str:
    """Summarise in one line what was compared and how, from a report's protocol."""
    options = protocol["options"]
    switches = {
        "flip averaging": options["flip"],
        "mean subtraction": options["subtract_mean"],
        "both orders": options["average_orders"],
    }
    modes = sorted(set(protocol["degradation"].values()))
    folds_by = protocol.get("folds_by", STATED)
    cut = "" if folds_by == STATED else f" ({folds_by})"
    return "; ".join(
        [
            f"{protocol['pairs']} pairs, {protocol['folds']} fold(s){cut}, threshold {protocol['threshold']}"
            + (" (optimistic)" if protocol["folds"] == 1 else ""),
            *(f"{name} {'on' if on else 'off'}" for name, on in switches.items()),
            *([f"degradation {', '.join(modes)}"] if modes else []),
            *(["images used without degradation"] if options.get("as_they_are") else []),
        ]
    )


def _table_row(name: str, figures: dict[str, Any]) -> tuple[str, ...]:
    low, high = figures["interval"]
    val = figures["val"]
    return (
        name,
        f"{100 * figures['accuracy']:.2f} ± {100 * figures['std']:.2f}",
        f"{100 * low:.2f} to {100 * high:.2f}",
        f"{figures['auc']:.4f}",
        f"{100 * figures['eer']:.2f}",
        f"{100 * val['val']:.2f} ± {100 * val['std']:.2f}" + (" " if val["resolved"] else "*"),
    )


def _points(gain: dict[str, Any]) -> str:
    low, high = (100 * bound for bound in gain["interval"])
    return f"{100 * gain['difference']:+.2f} points (95 % interval {low:+.2f} to {high:+.2f})"


def _gain_lines(key: str, part: dict[str, Any]) -> list[str]:
    lines = []
    for condition in ("HL", "LL"):
        gain = part.get(f"{condition}_gain")
        if gain:
            lines.append(f"{key} {condition}: LR network minus HR network {_points(gain)}")
    for name, plain in JOINT_BAYESIAN.items():
        if gain := part.get(f"{name}_gain"):
            lines.append(f"{key} {plain}: joint Bayesian minus cosine {_points(gain)}")
    for name, words in {FUSED: "second score", FUSED_BAYESIAN: "second score by joint Bayesian"}.items():
        if gain := part.get(f"{name}_gain"):
            made = f"HL with {part[name]['weight']:g} LL"
            lines.append(f"{key} HL: {words} ({made}) minus plain HL {_points(gain)}")
    for field, words in GAPS_CLOSED.items():
        if field in part:
            closed = part[field]
            shown = "not defined, HR is not above HL" if closed is None else f"{100 * closed:.1f} %"
            above = "" if closed is None or closed <= 1 else f"; {ABOVE_WHOLE}"
            lines.append(f"{key} gap closed{words}: {shown}{above}")
    return lines
