"""Experiments: accuracies by resolution, and embeddings in the plane."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cshml_tf.plots import common


def plot_by_resolution(
    path: str | Path,
    resolutions: Sequence[str],
    lines: Mapping[str, Mapping[str, Sequence[float]]],
    ceilings: Mapping[str, float],
    title: str,
) -> None:
    """Plot accuracy against resolution, one line per choice of networks and losses; or list them at one.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        resolutions: names of the resolutions, from left to right.
        lines: dict of label to a dict of resolution to a list of accuracies in %, one per seed. The mean is
            plotted with a bar from the lowest to the highest.
        ceilings: dict of label to an accuracy in %, plotted as a horizontal line.
        title: title of the plot.

    Raises:
        OSError: the file cannot be written.
    """
    if len(resolutions) == 1:
        _plot_at_one_resolution(path, resolutions[0], lines, ceilings, title)
        return
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for index, (label, by_resolution) in enumerate(lines.items()):
        shown = [resolution for resolution in resolutions if by_resolution.get(resolution)]
        # Side by side, because points at the same resolution would hide each other.
        offset = 0.5 * ((index + 0.5) / len(lines) - 0.5)
        places = [resolutions.index(resolution) + offset for resolution in shown]
        means, spread = _means_and_spread([by_resolution[resolution] for resolution in shown])
        marker, colour = "osD^v<>"[index // len(common.COLOURS) % 7], common.COLOURS[index % len(common.COLOURS)]
        axes.errorbar(places, means, spread, capsize=3, linewidth=1, label=label, marker=marker, color=colour)
    for label, accuracy in ceilings.items():
        axes.axhline(accuracy, color="grey", linestyle=":", label=f"{label} ({accuracy:.2f})")
    axes.set_xticks(range(len(resolutions)), resolutions)
    axes.set(xlabel="resolution of the one image", ylabel="accuracy on pairs, %", title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    common.save(figure, path)


def _plot_at_one_resolution(
    path: str | Path,
    resolution: str,
    lines: Mapping[str, Mapping[str, Sequence[float]]],
    ceilings: Mapping[str, float],
    title: str,
) -> None:
    shown = {label: line[resolution] for label, line in lines.items() if line.get(resolution)}
    means, spread = _means_and_spread(list(shown.values()))
    figure = Figure(figsize=(9, 1.6 + 0.4 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(
        means, range(len(shown)), xerr=spread, capsize=3, linestyle="none", marker="o", color=common.SAME
    )
    for label, accuracy in ceilings.items():
        axes.axvline(accuracy, color="grey", linestyle=":", label=f"{label} ({accuracy:.2f})")
    axes.set_yticks(range(len(shown)), [textwrap.fill(label, 44) for label in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set(xlabel="accuracy on pairs, %", title=f"{title}, resolution {resolution}")
    axes.grid(alpha=0.3)
    if ceilings:
        figure.legend(fontsize="small", loc="outside lower center")
    common.save(figure, path)


def _means_and_spread(values: Sequence[Sequence[float]]) -> tuple[list[float], list[list[float]]]:
    """Return the mean of each list, and the distances from it to the lowest and to the highest value."""
    # Rounding may put the mean of equal numbers just outside them.
    means = [float(np.clip(np.mean(of_seeds), min(of_seeds), max(of_seeds))) for of_seeds in values]
    below = [mean - min(of_seeds) for mean, of_seeds in zip(means, values, strict=True)]
    above = [max(of_seeds) - mean for mean, of_seeds in zip(means, values, strict=True)]
    return means, [below, above]


def plot_scatters(
    path: str | Path,
    panels: Mapping[str, Mapping[str, np.ndarray]],
    labels: np.ndarray,
    title: str,
    axis_labels: tuple[str, str],
) -> None:
    """Plot sets of points in the plane, one panel per set, HR and LR points with different markers.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        panels: dict of panel title to a dict of "HR" and "LR" to (points, 2) real.
        labels: (points,) integers, the class of each point, shared by all panels.
        title: title of the plot.
        axis_labels: what the horizontal and the vertical axis show.

    Raises:
        OSError: the file cannot be written.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4 * columns, 3.6 * rows + 0.6), layout="constrained")
    all_axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (name, sets) in zip(all_axes, panels.items(), strict=False):
        for kind, marker in (("HR", "."), ("LR", "x")):
            for label in np.unique(labels):
                points = sets[kind][labels == label]
                colour = common.COLOURS[1 + (2 * int(label) + (kind == "LR")) % (len(common.COLOURS) - 1)]
                axes.scatter(
                    *points.T,
                    s=14,
                    marker=marker,
                    color=colour,
                    linewidths=0.8,
                    label=f"{kind} {label}",
                    zorder=3 if kind == "HR" else 2,
                )
        axes.set_title(textwrap.fill(name, 34))
        axes.grid(alpha=0.3)
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    for axes in all_axes[max(len(panels) - columns, 0) : len(panels)]:
        axes.tick_params(labelbottom=True)
    figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside right upper")
    figure.supxlabel(axis_labels[0])
    figure.supylabel(axis_labels[1])
    figure.suptitle(title, fontsize="x-large")
    common.save(figure, path)
