"""Curves: receiver operating characteristic, cumulative matches, errors by share rejected."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from cshml_tf.metrics.verification import area_under_curve, roc
from cshml_tf.plots import common


def plot_roc(path: str | Path, curves: Mapping[str, tuple[ArrayLike, ArrayLike]], title: str) -> None:
    """Plot ROC curves with a logarithmic false accept rate.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        curves: dict of label to (scores (pairs,), same (pairs,) bool); the legend adds the area under each curve.
        title: title of the plot.

    Raises:
        ValueError: as for `cshml_tf.metrics.verification.roc`.
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    fewest = min(int(np.sum(~np.asarray(same, bool))) for _, same in curves.values())
    for index, (label, (scores, same)) in enumerate(curves.items()):
        curve = roc(scores, same)
        area = area_under_curve(scores, same)
        colour = common.COLOURS[index % len(common.COLOURS)]
        # The ROC is a step function: no rate lies between those of two successive thresholds.
        axes.step(curve.far, curve.tar, where="post", color=colour, label=f"{label} (AUC {area:.4f})")
    # These data cannot show rates below 1 / number of different pairs.
    axes.set(xscale="log", xlim=(1 / max(fewest, 2), 1), ylim=(0, 1.01), title=title)
    axes.set_xlabel("false accept rate (different people accepted)")
    axes.set_ylabel("true accept rate (same person accepted)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right", fontsize="small")
    common.save(figure, path)


def plot_cumulative_matches(path: str | Path, curves: Mapping[str, np.ndarray], title: str) -> None:
    """Plot cumulative match curves with a logarithmic rank.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        curves: dict of label to (ranks,) shares 0..1, where item k - 1 is the share of probes identified at rank
            k; the legend adds the share at rank 1.
        title: title of the plot.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    longest = max(len(curve) for curve in curves.values())
    for index, (label, curve) in enumerate(curves.items()):
        colour = common.COLOURS[index % len(common.COLOURS)]
        ranks = np.arange(1, len(curve) + 1)
        axes.step(ranks, curve, where="post", color=colour, label=f"{label} (rank-1 {100 * curve[0]:.2f} %)")
    axes.set(xscale="log", xlim=(1, max(longest, 2)), ylim=(0, 1.01), title=title)
    axes.set(xlabel="rank", ylabel="share of probes identified")
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right", fontsize="small")
    common.save(figure, path)


def plot_error_reject(
    path: str | Path,
    rejected: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
) -> None:
    """Plot error rates by the share of probes rejected, one panel per resolution or kind of error.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        rejected: the shares rejected, 0..1, ascending.
        panels: dict of panel title to a dict of label to the error rates at those shares, 0..1.
        title: title of the plot.

    Raises:
        OSError: the file cannot be written.
    """
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(5 * columns, 3.6 * rows + 0.8), layout="constrained")
    all_axes = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axes, (name, curves) in zip(all_axes, panels.items(), strict=False):
        for index, (label, rates) in enumerate(curves.items()):
            colour = common.COLOURS[index % len(common.COLOURS)]
            dashes = common.DASHES[index // len(common.COLOURS) % len(common.DASHES)]
            axes.plot(rejected, rates, color=colour, linestyle=dashes, label=label)
        axes.set_title(name, fontsize="medium", loc="left")
        axes.set_ylim(0, None)
        axes.grid(alpha=0.3)
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    for axes in all_axes[max(len(panels) - columns, 0) : len(panels)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("share of probes rejected, the lowest figure first")
    # A panel may have curves that the others lack.
    shown = {
        label: line for axes in all_axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(shown.values(), shown, fontsize="small", loc="outside lower center", ncols=3)
    figure.supylabel("error rate of the others", fontsize="medium")
    figure.suptitle(title)
    common.save(figure, path)
