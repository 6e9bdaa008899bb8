import cv2
import numpy as np
import pytest

from cshml_tf.plots import plot_roc, plot_score_histograms


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

    def test_the_same_figures_give_the_same_file(self, plot, tmp_path):
        for name in ("a.png", "b.png"):
            plot(tmp_path / name, curves(), "Title")
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    def test_another_curve_gives_another_picture(self, plot, tmp_path):
        for name, count in (("a.png", 1), ("b.png", 2)):
            plot(tmp_path / name, curves(count), "Title")
        assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()

    def test_a_folder_that_is_not_there(self, plot, tmp_path):
        with pytest.raises(OSError):
            plot(tmp_path / "absent" / "figure.png", curves(), "Title")


def test_roc_of_pairs_of_one_kind(tmp_path):
    with pytest.raises(ValueError, match="expected pairs of both kinds"):
        plot_roc(tmp_path / "figure.png", {"curve": ([0.1, 0.2], [True, True])}, "Title")
    assert not list(tmp_path.iterdir())


def test_histograms_of_opposite_scores(tmp_path):
    plot_score_histograms(tmp_path / "figure.png", {"panel": ([-1.0, 1.0], [False, True])}, "Title")
    assert (tmp_path / "figure.png").stat().st_size > 0
