"""Plots: what they show, that they repeat exactly, and that no words overlap."""

import cv2
import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from cshml_tf import plots
from cshml_tf.evaluation.examples import ExamplePair, ScoredPairs
from cshml_tf.plots import (
    plot_by_resolution,
    plot_cumulative_matches,
    plot_error_reject,
    plot_pairs,
    plot_roc,
    plot_scatters,
    plot_score_histograms,
)


def curves(count=2, pairs=60):
    random = np.random.default_rng(0)
    same = np.arange(pairs) % 2 == 0
    return {f"curve {i}": (np.tanh(random.normal(size=pairs) + i * same), same) for i in range(count)}


@pytest.mark.parametrize("plot", [plot_roc, plot_score_histograms])
class TestBoth:
    def test_writes_a_picture_with_ink(self, plot, tmp_path):
        plot(tmp_path / "figure.png", curves(), "Title")
        picture = cv2.imread(str(tmp_path / "figure.png"))
        assert min(picture.shape[:2]) > 300
        assert np.mean(picture < 128) > 0.01
        assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]

    def test_the_same_data_make_the_same_file(self, plot, tmp_path):
        for name in ("a.png", "b.png"):
            plot(tmp_path / name, curves(), "Title")
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    def test_another_curve_makes_another_picture(self, plot, tmp_path):
        for name, count in (("a.png", 1), ("b.png", 2)):
            plot(tmp_path / name, curves(count), "Title")
        assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()

    def test_a_folder_that_is_not_there(self, plot, tmp_path):
        with pytest.raises(OSError):
            plot(tmp_path / "absent" / "figure.png", curves(), "Title")


@pytest.mark.parametrize("accuracies", [[0.05, 0.05, 0.05], [90.0], [88.0, 91.5]])
def test_accuracies_by_resolution(tmp_path, accuracies):
    """The mean of 0.05 three times is rounded up above 0.05; no bar has a negative length."""
    lines = {"one": {"8": accuracies, "12": [93.0]}, "other": {"12": [95.0]}}
    plot_by_resolution(tmp_path / "figure.png", ["8", "12"], lines, {"HR": 99.25}, "Title")
    assert np.mean(cv2.imread(str(tmp_path / "figure.png")) < 128) > 0.005


def test_error_reject_curves(tmp_path, figures):
    """Three panels, each with its title and curves; the legend lists every label once, and hides no words."""
    curves = {"at random": [0.3, 0.3, 0.3], "quality": [0.3, 0.2, 0.1]}
    panels = {"8": curves, "12": curves, "all": curves | {"width": [0.3, 0.3, 0.2]}}
    plot_error_reject(tmp_path / "figure.png", [0, 0.1, 0.2], panels, "Title")
    (figure,) = figures
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in shown] == ["8", "12", "all"]
    for axes, drawn in zip(shown, panels.values(), strict=True):
        assert [line.get_label() for line in axes.lines] == list(drawn)
        np.testing.assert_array_equal(axes.lines[1].get_xydata(), [[0, 0.3], [0.1, 0.2], [0.2, 0.1]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["at random", "quality", "width"]
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.xaxis.label.get_window_extent()) for axes in shown)
    assert sum(bool(axes.get_xlabel()) for axes in shown) == 2


def test_roc_of_pairs_of_one_kind(tmp_path):
    with pytest.raises(ValueError, match="expected pairs of both kinds"):
        plot_roc(tmp_path / "figure.png", {"curve": ([0.1, 0.2], [True, True])}, "Title")
    assert not list(tmp_path.iterdir())


def test_histograms_of_opposite_scores(tmp_path):
    plot_score_histograms(tmp_path / "figure.png", {"panel": ([-1.0, 1.0], [False, True])}, "Title")
    assert (tmp_path / "figure.png").stat().st_size > 0


def plot_examples(path, scores=((0.1, 0.6), (0.5, 0.7), (0.45, 0.1), (-0.2, 0.5))):
    """Plot pairs, the first half of one person each; the thresholds are 0.3 before and 0.5 after."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (len(scores), 2, 112, 96, 3)).astype(np.uint8)
    kinds = np.arange(len(scores)) < len(scores) // 2
    examples = [
        ExamplePair(*pictures, bool(kind), {"before": before, "after": after})
        for pictures, kind, (before, after) in zip(pixels, kinds, scores, strict=True)
    ]
    all_scores, same = curves(1)["curve 0"]
    scored = {
        "before": ScoredPairs("HR network for both pictures", all_scores, same, 0.3, 0.75),
        "after": ScoredPairs("LR network for the low-resolution picture", all_scores**2, same, 0.5, 0.8),
    }
    plot_pairs(path, examples, scored, "A question?\nTwo lines", ("sharp", "112 x 100"), "A caption.\n" * 3)


@pytest.fixture
def figures(monkeypatch):
    """The Matplotlib figures that were saved."""
    collected, save = [], plots.common.save

    def collect(figure, path):
        save(figure, path)
        collected.append(figure)

    monkeypatch.setattr(plots.common, "save", collect)
    return collected


def text_boxes(figure):
    """Return the boxes of all texts that are drawn; labels of ticks beyond the end of an axis are not."""
    # After saving, some positions are in the file's pixels, others in the figure's.
    figure.draw_without_rendering()
    beyond = set()
    for axis in figure.findobj(Axis):
        low, high = sorted(axis.get_view_interval())
        beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text not in beyond]
    # Empty or invisible texts have no size.
    return [box for box in boxes if box.width > 1]


class TestPairs:
    def test_verdicts_and_bars(self, tmp_path, figures):
        plot_examples(tmp_path / "figure.png")
        rows = figures[0].subfigs[0].axes
        bars = [patch.get_width() for axes in rows for patch in axes.patches]
        # Each score minus the threshold of its own network, row by row.
        assert np.abs(np.subtract(bars, [-0.2, 0.1, 0.2, 0.2, 0.15, -0.4, -0.5, 0.0])).max() < 1e-12
        hatched = [bool(patch.get_hatch()) for axes in rows for patch in axes.patches]
        verdicts = [text.get_text()[2:] for axes in rows for text in axes.texts if text.get_text()[2:].isalpha()]
        scores = [text.get_text() for axes in rows for text in axes.texts if text.get_text()[-1].isdigit()]
        assert scores == ["0.10", "0.60", "0.50", "0.70", "0.45", "0.10", "\N{MINUS SIGN}0.20", "0.50"]
        # Same, same, different, different; at the threshold a pair is accepted.
        assert verdicts == ["wrong", "right", "right", "right", "wrong", "right", "right", "wrong"]
        assert hatched == [verdict == "wrong" for verdict in verdicts]

    @pytest.mark.parametrize("repeats", [1, 3])
    def test_no_words_overlap_or_leave_the_figure(self, tmp_path, figures, repeats):
        plot_examples(tmp_path / "figure.png", ((0.1, 0.6), (-0.2, 0.5)) * repeats)
        width, height = figures[0].bbox.size
        boxes = text_boxes(figures[0])
        assert len(boxes) > 20
        assert min(min(box.x0, box.y0, width - box.x1, height - box.y1) for box in boxes) >= 0
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:index])

    @pytest.mark.slow
    def test_the_same_pairs_make_the_same_file(self, tmp_path):
        for name in ("a.png", "b.png"):
            plot_examples(tmp_path / name)
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
        assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png"}

    def test_scores_at_the_threshold(self, tmp_path):
        plot_examples(tmp_path / "figure.png", ((0.3, 0.5), (0.3, 0.5)))
        assert (tmp_path / "figure.png").stat().st_size > 0


def test_cumulative_matches_rise_from_rank_1(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(plots.common, "save", lambda figure, path: shown.append(figure))
    plot_cumulative_matches(tmp_path / "cmc.png", {"one": [0.25, 0.5, 1.0], "other": [0.5]}, "Title")
    (axes,) = shown[0].axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 0.25], [2, 0.5], [3, 1]])
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["one (rank-1 25.00 %)", "other (rank-1 50.00 %)"]
    assert axes.get_xlim() == (1, 3)


def test_cumulative_matches_are_written(tmp_path):
    plot_cumulative_matches(tmp_path / "cmc.png", {"one": [0.25]}, "Title")
    assert np.mean(cv2.imread(str(tmp_path / "cmc.png")) < 128) > 0.005


def drawn_by(monkeypatch, plot, *arguments):
    """Draw a figure, and return it."""
    figures = []
    monkeypatch.setattr(plots.common, "save", lambda figure, path: figures.append(figure))
    plot("figure.png", *arguments)
    return figures[0]


def test_thresholds_are_marked_in_the_histograms(monkeypatch):
    thresholds = {"curve 0": {"best": 0.25, "at FAR 0.1": 0.5}, "curve 1": {"best": -0.125}}
    figure = drawn_by(monkeypatch, plot_score_histograms, curves(), "Title", thresholds)
    marked = [[line.get_xdata()[0] for line in axes.lines] for axes in figure.axes]
    assert marked == [[0.25, 0.5], [-0.125]]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["same person", "different people", "best", "at FAR 0.1"]
    assert figure.axes[-1].get_xlabel() == "cosine similarity of the pair"


def test_one_resolution_is_a_list_of_accuracies(monkeypatch):
    """No place along an axis of resolutions: one row per choice, the accuracy along the other axis."""
    lines = {"one": {"12": [90.0, 92.0]}, "other": {"12": [95.0]}, "elsewhere": {"8": [1.0]}}
    (axes,) = drawn_by(monkeypatch, plot_by_resolution, ["12"], lines, {"HR": 99.25}, "HL").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "other"]
    means = axes.containers[0].lines[0]
    assert list(means.get_xdata()) == [91.0, 95.0] and list(means.get_ydata()) == [0, 1]
    assert axes.get_xlabel() == "accuracy on pairs, %" and axes.get_title() == "HL, resolution 12"
    assert axes.lines[-1].get_xdata()[0] == 99.25


def test_scatters_have_axis_labels_and_titles_that_fit(monkeypatch):
    points = np.random.default_rng(0).normal(size=(6, 2))
    panels = {
        name: {"HR": points, "LR": -points} for name in ("short", "a name of many words that needs two lines")
    }
    figure = drawn_by(
        monkeypatch, plot_scatters, panels, np.arange(6) % 2, "Title", ("component 1", "component 2")
    )
    assert (figure.get_supxlabel(), figure.get_supylabel(), figure.get_suptitle()) == (
        "component 1",
        "component 2",
        "Title",
    )
    FigureCanvasAgg(figure).draw()
    words = [axes.title.get_window_extent() for axes in figure.axes]
    assert not words[0].overlaps(words[1])
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_tightbbox()) for axes in figure.axes)
