"""Verification reports: the figures of one set of scored pairs, the table of a whole test, its thresholds.

All figures are fractions; what can't be measured is None (null in JSON), never NaN.
"""

import numpy as np

from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.tables import align_columns, some_of
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

_MODES = {
    "HL": "HL  LR network",
    "LL": "LL  LR network",
    "HL_hr_network": "HL  HR network for both",
    "LL_hr_network": "LL  HR network for both",
}


def verification_figures(scores, same, folds, orders=1, fars=FARS):
    """Measure everything a report says of one set of scored pairs.

    Args:
        scores: (trials,) real, higher is more alike; or (folds, trials), one row for each held-out fold.
        same: (trials,) bool.
        folds: (trials,) integers.
        orders: how many trials a pair has; trial i + k x pairs is pair i in its k-th order.
        fars: false accept rates, each between 0 and 1, to give thresholds and TAR for.

    Returns:
        (figures, correct). `figures` is a dict ready for JSON: "accuracy" (mean over folds), "pairs", "std",
        "interval" (Wilson's 95 %, of all pairs together; a pair tried in two orders counts once), "auc",
        "eer", "val" (at 1e-3), "thresholds" and "tar" (by FAR, on all pairs; None for a FAR below one in
        the number of different pairs), "fold_accuracies", "fold_thresholds". `correct` is (pairs,) float64,
        the share of a pair's orders judged right.

    Raises:
        ValueError: pairs of one kind only, or scores that are not finite.
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


def held_out_scores(scores, folds):
    """Give each trial the score it has while its own fold is held out: (trials,) float64."""
    scores = np.asarray(scores, np.float64)
    if scores.ndim == 1:
        return scores
    row = np.unique(folds, return_inverse=True)[1]
    return scores[row, np.arange(len(row))]


def format_table(report):
    """Write a report as a plain-text table, percentages in aligned columns.

    Args:
        report: dict as `cshml_tf.evaluation.lfw.evaluate` gives.

    Returns:
        str of several lines.
    """
    rows = [("", "accuracy %", "95 % interval", "AUC", "EER %", f"VAL % at FAR {VAL_FAR:g}")]
    rows.append(_table_row("HR", report["HR"]))
    notes = []
    for key in resolution_keys(report):
        part = report[key]
        rows += [_table_row(f"{key} {_MODES[mode]}", part[mode]) for mode in _MODES if mode in part]
        notes += _gain_lines(key, part)
    lines = align_columns(rows)
    if any(row[-1].endswith("*") for row in rows):
        notes.append(
            f"* too few pairs for FAR {VAL_FAR:g}: accepted above every different pair of the other folds"
        )
    return "\n".join([*lines, *notes, protocol_line(report["protocol"])])


def resolution_keys(report):
    """Give the entries that are resolutions, such as "12" and "14x12", in their order, of a report of any kind."""
    return [key for key in report if key not in ("HR", "protocol", "cell")]


def read_threshold(report, mode, resolution=None, far=1e-3, flip=False):
    """Look up the threshold that a report gives for a kind of comparison at a false accept rate.

    Args:
        report: dict, a report of LFW read back from JSON.
        mode: "HR", "HL", "LL", "HL_hr_network" or "LL_hr_network".
        resolution: r or (h, w), or the report's name for it, such as "14x12"; not used for "HR".
        far: the false accept rate, one of those that the report states.
        flip: whether the scores to be judged come from embeddings averaged with the mirror image's.

    Returns:
        float: accept a pair where its cosine similarity is at or above it.

    Raises:
        ValueError: the report has no such threshold, or its scores were made in another way.
    """
    options = report.get("protocol", {}).get("options", {})
    if options.get("subtract_mean"):
        raise ValueError(
            "report: its thresholds are for embeddings with the test's mean subtracted, "
            "not for plain cosine similarities; evaluate without mean subtraction"
        )
    if bool(options.get("flip")) != bool(flip):
        made = "with" if options.get("flip") else "without"
        raise ValueError(f"report: its thresholds are for embeddings {made} flip averaging, flip is {flip}")
    if mode == "HR":
        where, figures = "HR", report.get("HR")
    else:
        key = resolution if isinstance(resolution, str) else format_resolution(resolution)
        where, figures = f"{key} {mode}", report.get(key, {}).get(mode)
    if figures is None:
        known = ["HR", *(f"{key} {m}" for key in resolution_keys(report) for m in _MODES if m in report[key])]
        raise ValueError(f"report: expected an entry {where}, it has {', '.join(known)}")
    stated = {float(name): threshold for name, threshold in figures["thresholds"].items()}
    if far not in stated:
        raise ValueError(
            f"report: no threshold of {where} at FAR {far:g}, it states {', '.join(figures['thresholds'])}"
        )
    if stated[far] is None:
        raise ValueError(f"report: too few pairs were compared to tell the threshold of {where} at FAR {far:g}")
    return stated[far]


def remarks(protocol):
    """Give the lines to warn with, of a report's protocol: pairs left out, folds dropped, people trained on."""
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
        lines.append(f"warning: no pair is left of fold {folds}")
    trained = protocol["trained_people"]
    if trained["people"]:
        lines.append(
            f"warning: the networks were trained on {trained['people']} of the people compared "
            f"({trained['pairs']} pairs): the figures flatter them"
        )
    return lines


def protocol_line(protocol):
    """Say in a line what was compared and how, of a report's protocol."""
    options = protocol["options"]
    switches = {
        "flip averaging": options["flip"],
        "mean subtraction": options["subtract_mean"],
        "both orders": options["average_orders"],
    }
    modes = sorted(set(protocol["degradation"].values()))
    return "; ".join(
        [
            f"{protocol['pairs']} pairs, {protocol['folds']} fold(s), threshold {protocol['threshold']}"
            + (" (optimistic)" if protocol["folds"] == 1 else ""),
            *(f"{name} {'on' if on else 'off'}" for name, on in switches.items()),
            *([f"degradation {', '.join(modes)}"] if modes else []),
            *(["images as they are, nothing degraded"] if options.get("as_they_are") else []),
        ]
    )


def _table_row(name, figures):
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


def _gain_lines(key, part):
    lines = []
    for mode in ("HL", "LL"):
        gain = part.get(f"{mode}_gain")
        if gain:
            low, high = (100 * bound for bound in gain["interval"])
            lines.append(
                f"{key} {mode}: LR network minus HR network {100 * gain['difference']:+.2f} points "
                f"(95 % interval {low:+.2f} to {high:+.2f})"
            )
    if "gap_closed" in part:
        closed = part["gap_closed"]
        shown = "not defined, HR is not above HL" if closed is None else f"{100 * closed:.1f} %"
        lines.append(f"{key} gap closed: {shown}")
    return lines
