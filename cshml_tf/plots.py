"""Figures of evaluations as PNG files: ROC and match curves, histograms, pairs, accuracies, scatters."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cshml_tf.files import replacing
from cshml_tf.metrics.verification import area_under_curve, roc

# Okabe and Ito's colours, which colour-blind readers can tell apart.
_COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#56B4E9", "#009E73", "#CC79A7")
_SAME, _DIFFERENT = "#0072B2", "#D55E00"
_RIGHT = "#009E73"
_DPI = 120


def plot_roc(path, curves, title):
    """Draw ROC curves over a logarithmic false accept rate.

    Args:
        path: PNG file to write, whole or not at all; its folder must exist.
        curves: dict of a label to (scores (pairs,), same (pairs,) bool); the legend adds each area.
        title: the figure's title.

    Raises:
        ValueError: as `cshml_tf.metrics.verification.roc`.
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


def plot_cumulative_matches(path, curves, title):
    """Draw cumulative match curves over a logarithmic rank.

    Args:
        path: PNG file to write, whole or not at all; its folder must exist.
        curves: dict of a label to (ranks,) shares 0..1, item k - 1 that of the probes identified at rank k; the
            legend adds the first one.
        title: the figure's title.

    Raises:
        OSError: the file can't be written.
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
    edges = _score_edges(scores for scores, _ in panels.values())
    for axes, (label, (scores, same)) in zip(all_axes, panels.items(), strict=True):
        _score_histogram(axes, scores, same, edges)
        axes.set_title(label, fontsize="medium", loc="left")
    all_axes[0].legend(fontsize="small")
    all_axes[-1].set_xlabel("cosine similarity")
    figure.suptitle(title)
    _save(figure, path)


def plot_pairs(path, examples, scored, title, picture_titles, caption):
    """Draw example pairs with their scores beside the threshold, and the histograms of all pairs.

    A pair's bar starts at the threshold: to the right of it the pair is judged one person, to the left
    different people.

    Args:
        path: PNG file to write, whole or not at all; its folder must exist.
        examples: list of `cshml_tf.evaluation.examples.ExamplePair`, a row each.
        scored: dict of `cshml_tf.evaluation.examples.ScoredPairs` by the name of a bar, a histogram each.
        title: the figure's title.
        picture_titles: words above the first pictures, and above the second ones.
        caption: words below it all, in lines short enough for the figure.

    Raises:
        OSError: the file can't be written.
    """
    figure = Figure(figsize=(13, 2.2 + max(1.05 * len(examples), 5)), layout="constrained")
    rows, panels = figure.subfigures(1, 2, width_ratios=(1.35, 1))
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


def plot_by_resolution(path, resolutions, lines, ceilings, title):
    """Draw accuracies over resolutions, a line for each choice of networks and losses.

    Args:
        path: PNG file to write, whole or not at all; its folder must exist.
        resolutions: names of the resolutions, from left to right.
        lines: dict of a label to a dict of resolution to a list of accuracies in %, one a seed: the mean is
            drawn, and a bar from the least to the greatest.
        ceilings: dict of a label to an accuracy in % that is drawn across.
        title: the figure's title.

    Raises:
        OSError: the file can't be written.
    """
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for index, (label, by_resolution) in enumerate(lines.items()):
        shown = [resolution for resolution in resolutions if by_resolution.get(resolution)]
        # Beside one another, or points of one resolution would hide each other.
        shift = 0.5 * ((index + 0.5) / len(lines) - 0.5)
        places = [resolutions.index(resolution) + shift for resolution in shown]
        values = [by_resolution[resolution] for resolution in shown]
        # The mean of equal numbers may lie a rounding beyond them.
        means = [np.clip(np.mean(of_seeds), min(of_seeds), max(of_seeds)) for of_seeds in values]
        spread = [
            [mean - min(of_seeds) for mean, of_seeds in zip(means, values, strict=True)],
            [max(of_seeds) - mean for mean, of_seeds in zip(means, values, strict=True)],
        ]
        style = {"marker": "osD^v<>"[index // len(_COLOURS) % 7], "color": _COLOURS[index % len(_COLOURS)]}
        axes.errorbar(places, means, spread, capsize=3, linewidth=1, label=label, **style)
    for label, accuracy in ceilings.items():
        axes.axhline(accuracy, color="grey", linestyle=":", label=f"{label} ({accuracy:.2f})")
    axes.set_xticks(range(len(resolutions)), resolutions)
    axes.set_xlabel("resolution of the one image")
    axes.set_ylabel("accuracy on pairs, %")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    _save(figure, path)


def plot_scatters(path, panels, labels, title):
    """Draw points of a plane, a panel for each set of them, HR ones beside LR ones.

    Args:
        path: PNG file to write, whole or not at all; its folder must exist.
        panels: dict of a title to a dict of "HR" and "LR" to (points, 2) real.
        labels: (points,) integers, the class of each point, the same in all.
        title: the figure's title.

    Raises:
        OSError: the file can't be written.
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


def _draw_examples(figure, examples, scored, picture_titles):
    """Draw a row a pair: two pictures, and a bar for each way of scoring them."""
    grid = figure.subplots(len(examples), 3, width_ratios=(1, 1, 3), squeeze=False)
    farthest = max(abs(pair.scores[name] - scored[name].threshold) for pair in examples for name in scored)
    farthest = max(farthest, 0.01)  # An untrained network may score all pairs alike.
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


def _draw_bars(axes, pair, scored):
    """Draw a bar from the threshold to the score, and the verdict: sign, word and hatching, not colour alone."""
    for position, (name, of_all) in enumerate(scored.items()):
        score = pair.scores[name]
        excess = score - of_all.threshold
        right = (excess >= 0) == pair.same
        fill = {"color": _RIGHT} if right else {"facecolor": "white", "edgecolor": "black", "hatch": "////"}
        axes.barh(position, excess, **fill)
        # A score beside the threshold has no bar that could be seen.
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


def _score_edges(sets_of_scores):
    """Choose the edges of a histogram's bins, the same for all its panels."""
    lowest = min(0.9, *(np.min(scores) for scores in sets_of_scores))
    return np.linspace(np.floor(lowest * 10) / 10, 1.0, 61)


def _score_histogram(axes, scores, same, edges):
    scores, same = np.clip(scores, edges[0], 1.0), np.asarray(same, bool)
    for chosen, colour, name in ((same, _SAME, "same person"), (~same, _DIFFERENT, "different people")):
        share = np.full(chosen.sum(), 1 / max(chosen.sum(), 1))
        axes.hist(scores[chosen], edges, weights=share, color=colour, alpha=0.6, label=name)
    axes.set_ylabel("share of pairs")
    axes.grid(alpha=0.3)


def _save(figure, path):
    """Write a figure so that no half-written file ever carries its name."""
    FigureCanvasAgg(figure)
    with replacing(path) as partial:
        # Without Matplotlib's version in it, the same figures give the same file.
        figure.savefig(partial, format="png", dpi=_DPI, metadata={"Software": None})
