"""Scores of pairs: histograms, and example pairs with their scores."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import ArrayLike

from cshml_tf.evaluation.examples import ExamplePair, ScoredPairs
from cshml_tf.plots import common

_RIGHT = "#009E73"


def plot_score_histograms(
    path: str | Path,
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]],
    title: str,
    thresholds: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Plot histograms of the scores of same and of different pairs, one panel per kind of comparison.

    Args:
        path: PNG file to write, which appears whole or not at all; its folder must exist.
        panels: dict of label to (scores (pairs,) -1..1, same (pairs,) bool).
        title: title of the plot.
        thresholds: dict of a panel's label to a dict of the thresholds to mark in it, by their names in the
            legend.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(figsize=(7, 0.8 + 1.9 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    edges = _score_edges(scores for scores, _ in panels.values())
    for axes, (label, (scores, same)) in zip(all_axes, panels.items(), strict=True):
        _score_histogram(axes, scores, same, edges)
        axes.set_title(label, fontsize="medium", loc="left")
        for place, (name, threshold) in enumerate(((thresholds or {}).get(label) or {}).items()):
            axes.axvline(
                threshold,
                color="black",
                linestyle=common.DASHES[place % len(common.DASHES)],
                label=name,
                linewidth=1.2,
            )
    shown = {
        words: artist for axes in all_axes for artist, words in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(shown.values(), shown, fontsize="small", loc="outside lower center", ncols=3)
    all_axes[-1].set_xlabel("cosine similarity of the pair")
    figure.suptitle(title)
    common.save(figure, path)


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
    common.save(figure, path)


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
    for chosen, colour, name in (
        (same, common.SAME, "same person"),
        (~same, common.DIFFERENT, "different people"),
    ):
        share = np.full(chosen.sum(), 1 / max(chosen.sum(), 1))
        axes.hist(scores[chosen], edges.tolist(), weights=share, color=colour, alpha=0.6, label=name)
    axes.set_ylabel("share of pairs")
    axes.grid(alpha=0.3)
