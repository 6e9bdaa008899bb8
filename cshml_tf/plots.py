"""Figures of an evaluation as PNG files: ROC curves, and histograms of scores."""

import os
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cshml_tf.metrics import area_under_curve, roc

# Okabe and Ito's colours, which colour-blind readers can tell apart.
_COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#56B4E9", "#009E73", "#CC79A7")
_SAME, _DIFFERENT = "#0072B2", "#D55E00"
_DPI = 120


def plot_roc(path, curves, title):
    """Draw ROC curves over a logarithmic false accept rate.

    Args:
        path: PNG file to write, whole or not at all; its folder must exist.
        curves: dict of a label to (scores (pairs,), same (pairs,) bool); the legend adds each area.
        title: the figure's title.

    Raises:
        ValueError: as `cshml_tf.metrics.roc`.
        OSError: the file can't be written.
    """
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    fewest = min(int(np.sum(~np.asarray(same, bool))) for _, same in curves.values())
    for index, (label, (scores, same)) in enumerate(curves.items()):
        curve = roc(scores, same)
        area = area_under_curve(scores, same)
        colour = _COLOURS[index % len(_COLOURS)]
        # The rate is a staircase: between two thresholds that differ in nothing it doesn't change.
        axes.step(curve.far, curve.tar, where="post", color=colour, label=f"{label} (AUC {area:.4f})")
    axes.set_xscale("log")
    # Rates below one in the number of different pairs can't be seen in these data.
    axes.set_xlim(1 / max(fewest, 2), 1)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("false accept rate (different people accepted)")
    axes.set_ylabel("true accept rate (same person accepted)")
    axes.set_title(title)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right", fontsize="small")
    _save(figure, path)


def plot_score_histograms(path, panels, title):
    """Draw histograms of the scores of same and of different pairs, a panel for each kind of comparison.

    Args:
        path: PNG file to write, whole or not at all; its folder must exist.
        panels: dict of a label to (scores (pairs,) -1..1, same (pairs,) bool).
        title: the figure's title.

    Raises:
        OSError: the file can't be written.
    """
    figure = Figure(figsize=(7, 0.8 + 1.9 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    lowest = min(np.min(scores) for scores, _ in panels.values())
    edges = np.linspace(np.floor(lowest * 10) / 10, 1.0, 61)
    for axes, (label, (scores, same)) in zip(all_axes, panels.items(), strict=True):
        scores, same = np.clip(scores, edges[0], 1.0), np.asarray(same, bool)
        for chosen, colour, name in ((same, _SAME, "same person"), (~same, _DIFFERENT, "different people")):
            share = np.full(chosen.sum(), 1 / max(chosen.sum(), 1))
            axes.hist(scores[chosen], edges, weights=share, color=colour, alpha=0.6, label=name)
        axes.set_title(label, fontsize="medium", loc="left")
        axes.set_ylabel("share of pairs")
        axes.grid(alpha=0.3)
    all_axes[0].legend(fontsize="small")
    all_axes[-1].set_xlabel("cosine similarity")
    figure.suptitle(title)
    _save(figure, path)


def _save(figure, path):
    """Write a figure so that no half-written file ever carries its name."""
    FigureCanvasAgg(figure)
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        # Without Matplotlib's version in it, the same figures give the same file.
        figure.savefig(partial, format="png", dpi=_DPI, metadata={"Software": None})
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
