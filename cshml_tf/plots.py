"""Plots of evaluations as PNG files: ROC and match curves, histograms, example pairs, accuracies, scatters."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from numpy.typing import ArrayLike

from cshml_tf.evaluation.examples import ExamplePair, ScoredPairs
from cshml_tf.files import replacing
from cshml_tf.metrics.verification import area_under_curve, roc

# The colours of Okabe and Ito, which colour-blind readers can distinguish.
_COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#56B4E9", "#009E73", "#CC79A7")
_SAME, _DIFFERENT = "#0072B2", "#D55E00"
_RIGHT = "#009E73"
_DPI = 120


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
        colour = _COLOURS[index % len(_COLOURS)]
        # The ROC is a step function: no rate lies between those of two successive thresholds.
        axes.step(curve.far, curve.tar, where="post", color=colour, label=f"{label} (AUC {area:.4f})")
    axes.set_xscale("log")
    # These data cannot show rates below 1 / number of different pairs.
    axes.set_xlim(1 / max(fewest, 2), 1)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("false accept rate (different people accepted)")
    axes.set_ylabel("true accept rate (same person accepted)")
    axes.set_title(title)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right", fontsize="small")
    _save(figure, path)


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
        colour = _COLOURS[index % len(_COLOURS)]
        ranks = np.arange(1, len(curve) + 1)
        axes.step(ranks, curve, where="post", color=colour, label=f"{label} (rank-1 {100 * curve[0]:.2f} %)")
    axes.set_xscale("log")
    axes.set_xlim(1, max(longest, 2))
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("rank")
    axes.set_ylabel("share of probes identified")
    axes.set_title(title)
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right", fontsize="small")
    _save(figure, path)


def plot_score_histograms(path: str | Path, panels: Mapping[str, tuple[ArrayLike, ArrayLike]], title: str) -> None:
    """Plot histograms of the scores of same and of different pairs, one panel per kind of comparison.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        panels: dict of label to (scores (pairs,) -1..1, same (pairs,) bool).
        title: title of the plot.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(7, 0.8 + 1.9 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    edges = _score_edges(scores for scores, _ in panels.values())
    for axes, (label, (scores, same)) in zip(all_axes, panels.items(), strict=True):
        _score_histogram(axes, scores, same, edges)
        axes.set_title(label, fontsize="medium", loc="left")
    all_axes[0].legend(fontsize="small")
    all_axes[-1].set_xlabel("cosine similarity")
    figure.suptitle(title)
    _save(figure, path)


def plot_pairs(
    path: str | Path,
    examples: Sequence[ExamplePair],
    scored: Mapping[str, ScoredPairs],
    title: str,
    picture_titles: Sequence[str],
    caption: str,
) -> None:
    """Plot example pairs with their scores relative to the threshold, and the histograms of all pairs.

    The bar of a pair starts at the threshold. A bar to the right means that the pair is judged to show one person,
    a bar to the left different people.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        examples: list of `cshml_tf.evaluation.examples.ExamplePair`, one per row.
        scored: dict of bar name to `cshml_tf.evaluation.examples.ScoredPairs`, one histogram each.
        title: title of the plot.
        picture_titles: heading of the column of first pictures, and of the column of second pictures.
        caption: text below the plot, already broken into lines that fit.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(13, 2.2 + max(1.05 * len(examples), 5)), layout="constrained")
    rows, panels = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.35, 1))[0]
    _draw_examples(rows, examples, scored, picture_titles)
    edges = _score_edges(of_all.scores for of_all in scored.values())
    all_axes = panels.subplots(len(scored), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, of_all) in zip(all_axes, scored.items(), strict=True):
        _score_histogram(axes, of_all.scores, of_all.same, edges)
        axes.axvline(of_all.threshold, color="black", linestyle="--", label=f"threshold {of_all.threshold:.2f}")
        axes.set_title(f"{name}: {of_all.networks}\n{100 * of_all.accuracy:.1f} % of all pairs right", loc="left")
        axes.legend()
    all_axes[-1].set_xlabel("cosine similarity of the pair")
    figure.suptitle(title, fontsize="x-large")
    figure.supxlabel(caption, fontsize="medium", x=0.01, ha="left")
    _save(figure, path)


def plot_by_resolution(
    path: str | Path,
    resolutions: Sequence[str],
    lines: Mapping[str, Mapping[str, Sequence[float]]],
    ceilings: Mapping[str, float],
    title: str,
) -> None:
    """Plot accuracy against resolution, one line per choice of networks and losses.

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
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for index, (label, by_resolution) in enumerate(lines.items()):
        shown = [resolution for resolution in resolutions if by_resolution.get(resolution)]
        # Side by side, because points at the same resolution would hide each other.
        offset = 0.5 * ((index + 0.5) / len(lines) - 0.5)
        places = [resolutions.index(resolution) + offset for resolution in shown]
        values = [by_resolution[resolution] for resolution in shown]
        # Rounding may put the mean of equal numbers just outside them.
        means = [np.clip(np.mean(of_seeds), min(of_seeds), max(of_seeds)) for of_seeds in values]
        spread = [
            [mean - min(of_seeds) for mean, of_seeds in zip(means, values, strict=True)],
            [max(of_seeds) - mean for mean, of_seeds in zip(means, values, strict=True)],
        ]
        marker, colour = "osD^v<>"[index // len(_COLOURS) % 7], _COLOURS[index % len(_COLOURS)]
        axes.errorbar(places, means, spread, capsize=3, linewidth=1, label=label, marker=marker, color=colour)
    for label, accuracy in ceilings.items():
        axes.axhline(accuracy, color="grey", linestyle=":", label=f"{label} ({accuracy:.2f})")
    axes.set_xticks(range(len(resolutions)), resolutions)
    axes.set_xlabel("resolution of the one image")
    axes.set_ylabel("accuracy on pairs, %")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    _save(figure, path)


def plot_scatters(
    path: str | Path, panels: Mapping[str, Mapping[str, np.ndarray]], labels: np.ndarray, title: str
) -> None:
    """Plot sets of points in the plane, one panel per set, HR and LR points with different markers.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        panels: dict of panel title to a dict of "HR" and "LR" to (points, 2) real.
        labels: (points,) integers, the class of each point, shared by all panels.
        title: title of the plot.

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
                colour = _COLOURS[1 + (2 * int(label) + (kind == "LR")) % (len(_COLOURS) - 1)]
                axes.scatter(*points.T, s=14, marker=marker, color=colour, linewidths=0.8, label=f"{kind} {label}")
        axes.set_title(name, fontsize="medium")
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    all_axes[0].legend(fontsize="small")
    figure.suptitle(title)
    _save(figure, path)


def _draw_examples(
    figure: SubFigure,
    examples: Sequence[ExamplePair],
    scored: Mapping[str, ScoredPairs],
    picture_titles: Sequence[str],
) -> None:
    """Draw one row per pair: two pictures, and one bar per way of scoring them."""
    grid = figure.subplots(len(examples), 3, width_ratios=(1, 1, 3), squeeze=False)
    farthest = max(abs(pair.scores[name] - scored[name].threshold) for pair in examples for name in scored)
    farthest = max(farthest, 0.01)  # An untrained network may give all pairs the same score.
    for axes, pair in zip(grid, examples, strict=True):
        for picture_axes, pixels in zip(axes, (pair.first, pair.second), strict=False):
            picture_axes.imshow(pixels, interpolation="nearest")
            picture_axes.set(xticks=[], yticks=[])
        kind = "same\nperson" if pair.same else "different\npeople"
        axes[0].set_ylabel(kind, rotation=0, ha="right", va="center")
        _draw_bars(axes[2], pair, scored)
        axes[2].set_xlim(-1.1 * farthest, 1.1 * farthest)
    for axes, words in zip(grid[0], picture_titles, strict=False):
        axes.set_title(words, fontsize="medium")
    grid[0, 2].set_title("\N{LEFTWARDS ARROW} judged different", fontsize="medium", loc="left")
    grid[0, 2].set_title("judged same \N{RIGHTWARDS ARROW}", fontsize="medium", loc="right")


def _draw_bars(axes: Axes, pair: ExamplePair, scored: Mapping[str, ScoredPairs]) -> None:
    """Draw one bar per score, starting at the threshold; sign, word, hatching and colour show the verdict."""
    for position, (name, of_all) in enumerate(scored.items()):
        score = pair.scores[name]
        excess = score - of_all.threshold
        right = (excess >= 0) == pair.same
        if right:
            axes.barh(position, excess, color=_RIGHT)
        else:
            axes.barh(position, excess, facecolor="white", edgecolor="black", hatch="////")
        # The bar of a score at the threshold would be invisible.
        axes.plot(excess, position, "o", color=_RIGHT if right else "black", markersize=5)
        verdict = "\N{CHECK MARK} right" if right else "\N{BALLOT X} wrong"
        words = {"va": "center", "transform": axes.get_yaxis_transform()}
        axes.text(1.03, position, verdict, fontweight="normal" if right else "bold", **words)
        axes.text(1.46, position, f"{score:z.2f}".replace("-", "\N{MINUS SIGN}"), ha="right", **words)
    axes.axvline(0, color="black", linestyle="--")
    axes.set_yticks(range(len(scored)), scored)
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.spines[:].set_visible(False)


def _score_edges(sets_of_scores: Iterable[ArrayLike]) -> np.ndarray:
    """Choose the bin edges of a histogram, shared by all its panels."""
    lowest = min(0.9, *(np.min(scores) for scores in sets_of_scores))
    return np.linspace(np.floor(lowest * 10) / 10, 1.0, 61)


def _score_histogram(axes: Axes, scores: ArrayLike, same: ArrayLike, edges: np.ndarray) -> None:
    scores, same = np.clip(np.asarray(scores), edges[0], 1.0), np.asarray(same, bool)
    for chosen, colour, name in ((same, _SAME, "same person"), (~same, _DIFFERENT, "different people")):
        share = np.full(chosen.sum(), 1 / max(chosen.sum(), 1))
        axes.hist(scores[chosen], edges.tolist(), weights=share, color=colour, alpha=0.6, label=name)
    axes.set_ylabel("share of pairs")
    axes.grid(alpha=0.3)


def _save(figure: Figure, path: str | Path) -> None:
    """Write a figure so that no incomplete file ever has its final name."""
    FigureCanvasAgg(figure)
    with replacing(path) as partial:
        # Leave out Matplotlib's version, so that the same data always give the same file.
        figure.savefig(partial, format="png", dpi=_DPI, metadata={"Software": None})
