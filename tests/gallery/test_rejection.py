"""Which figures predict errors, on faces of one colour whose figures follow by hand."""

import json

import numpy as np
import pytest
from drawn import SIZE

from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template
from cshml_tf.alignment.rows import COLUMNS, line_of, make_row
from cshml_tf.gallery.measurement import measure_gallery
from cshml_tf.gallery.rejection import (
    Searched,
    face_figures,
    format_rejection_table,
    fpir_of_rest,
    measure_rejection,
    panels_of,
    rate_figures,
    record_figures,
)


class Painted:
    """A source of faces of one colour each, named 0.png, 1.png ... within each person."""

    def __init__(self, people):
        """Take a list of colours per person."""
        self.labels = np.repeat(np.arange(len(people), dtype=np.int32), [len(each) for each in people])
        self.classes = [f"P{number}" for number in range(len(people))]
        self.names = [f"{number}.png" for each in people for number in range(len(each))]
        self.images = [np.tile(np.uint8(colour), (*SIZE, 1)) for each in people for colour in each]

    def read(self, indices, image_size):
        assert image_size == SIZE
        return np.stack([self.images[index] for index in indices])


def test_figures_that_follow_from_the_pixels(networks):
    """A face of one colour is its own mirror image, without edges; one that is half dark on the left is neither.

    The embedding is (p - 127.5) / 128 of the mean colour, by the LR network twice that: for 255 in each channel
    the length is sqrt(3) 127.5 / 128, and twice as much.
    """
    source = Painted([[(255, 255, 255), (20, 230, 20)]])
    source.images[1][:, :20] = 0
    rows = np.array([1, 0, 1])
    sharp, small = (face_figures(source, networks, kind, rows, batch_size=2) for kind in ("HR", "8"))
    assert sharp["quality"][1] == pytest.approx(3**0.5 * 127.5 / 128, abs=1e-5)
    assert small["quality"] == pytest.approx(2 * sharp["quality"], abs=0.02)
    assert sharp["sharpness"][1] == 0 < sharp["sharpness"][0] == sharp["sharpness"][2]
    # The mean colour of a mirror image is the same.
    assert sharp["mirror_distance"] == pytest.approx([0, 0, 0], abs=1e-5)
    assert small["sharpness"][0] < sharp["sharpness"][0]


def write_record(path, source, left_out=()):
    """Write the record of faces whose nose lies ever farther from the middle; the scores fall."""
    lines = [line_of(dict(zip(COLUMNS, COLUMNS, strict=True)))]
    for index, (label, name) in enumerate(zip(source.labels, source.names, strict=True)):
        landmarks = template()
        landmarks[2] += (landmarks[1] - landmarks[0]) * -0.1 * index
        output = f"{source.classes[label]}/{name}"
        if index not in left_out:
            face = Face(0, 0, 40, 48, 1 - 0.01 * index, landmarks)
            lines.append(line_of(make_row(output, "aligned", output, 1, face)))
    path.write_text("".join(lines))
    return path


def test_figures_of_the_record(tmp_path):
    source = Painted([[(0, 0, 0)] * 3, [(0, 0, 0)]])
    found = record_figures(source, write_record(tmp_path / "alignment.csv", source), np.array([3, 1]))
    assert found["detector_score"] == pytest.approx([0.97, 0.99])
    assert found["yaw"] == pytest.approx([-0.3, -0.1], abs=1e-3)
    assert found["pitch"] == pytest.approx([0, 0], abs=1e-3)
    write_record(tmp_path / "alignment.csv", source, left_out=(1, 3))
    message = r"expected the landmarks of every face, got none of P1/0.png \(2 such faces\)"
    with pytest.raises(ValueError, match=message):
        record_figures(source, tmp_path / "alignment.csv", np.array([3, 0, 1]))


def searched(errors, people=None):
    errors = np.array(errors, bool)
    people = np.arange(len(errors)) if people is None else people
    return Searched(people, {"rank_1": errors, "miss at FPIR 0.1": errors}, 1.0 - errors)


def test_a_figure_is_rated_at_each_resolution_and_over_all():
    """All errors are at 8, where the figure finds them; over all, the width finds them too, but not so well."""
    twenty = np.arange(20.0)
    wrong = twenty < 10
    both = {"8": searched(wrong), "12": searched(np.zeros(20)), "HR": searched(wrong)}
    figures = {"8": {"quality": twenty}, "12": {"quality": twenty + 5}, "HR": {"quality": -twenty}}
    report = json.loads(json.dumps(rate_figures(both, figures), allow_nan=False))
    kinds = report["kinds"]
    assert list(kinds) == ["8", "12", "HR", "all"]
    at_8, at_hr = kinds["8"]["rank_1"]["quality"], kinds["HR"]["rank_1"]["quality"]
    assert (at_8["gain"], at_8["random"], at_8["curve"][0], at_8["curve"][-1]) == pytest.approx((1, 0.5, 0.5, 0))
    assert at_hr["gain"] < -0.5 and at_hr["curve"][-1] == 1
    assert kinds["12"]["rank_1"]["quality"]["gain"] is None
    assert "width" not in kinds["8"]["rank_1"] and kinds["8"]["rank_1"]["best_score"]["gain"] == pytest.approx(1)
    pooled = kinds["all"]["miss at FPIR 0.1"]
    # By width all 20 faces of 8 pixels are tied: rejected, they leave no error; each half as many leave a share.
    assert pooled["width"]["curve"][-1] == 0 and pooled["width"]["random"] == 0.25
    assert 0 < pooled["width"]["gain"] < pooled["quality"]["gain"] < 1
    assert "width" in format_rejection_table(report) and "12, quality" in format_rejection_table(report)
    panels = panels_of(report, "rank_1")
    assert list(panels) == ["8", "12", "sharp", "all resolutions together"]
    assert panels["8"] == {"at random": [0.5] * 7, "quality": at_8["curve"]}


def test_the_false_positives_of_the_strangers_who_are_left():
    """Probes of quality 0 to 10: the shares' bounds are 0, 0.5, 1, 2, 3, 4, 5. Two of four strangers pass."""
    passed = {"0.1": np.array([True, False, True, False])}
    found = fpir_of_rest(passed, np.arange(11.0), np.array([0.7, 2.5, 3.5, 4.5]))
    assert found == {"0.1": [1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 2, 0, None]}


def test_the_errors_are_the_gallerys(networks):
    """Red is found; of two green people's probes, one looks blue and is wrong; strangers are grey.

    The wrong probe's colour is the weakest, so that its embedding is the shortest: quality finds it.
    """
    red, green, blue = (230, 20, 20), (20, 230, 20), (20, 20, 230)
    people = [
        [red, red, red],
        [green, (110, 110, 150), green],
        [blue, blue],
        *([(200 + n, 200, 190)] for n in range(10)),
    ]
    source, seen = Painted(people), {}
    found = measure_gallery(source, networks, rates=(0.2, 0.01), batch_size=4, seen=seen)
    report = measure_rejection(source, networks, seen, rates=(0.2, 0.01), batch_size=4)
    assert "8, FPIR 20% on the other strangers left, by quality, in %: " in format_rejection_table(report)
    for kind in ("HR", "8", "12"):
        rated = report["kinds"][kind]
        way = found["results"][kind]["hr_for_both" if kind == "HR" else "second_score"]
        assert report["fpir_on_others"][kind]["0.2"][0] == pytest.approx(way["rates"]["0.2"]["fpir_on_others"])
        # Five strangers cannot show a rate of 1 %.
        assert list(rated) == ["rank_1", "miss at FPIR 0.2"]
        assert list(rated["rank_1"]) == ["quality", "mirror_distance", "sharpness", "best_score"]
        assert rated["rank_1"]["quality"]["random"] == pytest.approx(1 - way["rank_1"]) == pytest.approx(1 / 5)
        assert rated["miss at FPIR 0.2"]["quality"]["random"] == pytest.approx(way["rates"]["0.2"]["miss_rate"])
        assert rated["rank_1"]["quality"]["gain"] == pytest.approx(1)
        # All faces are alike in sharpness: chance.
        assert rated["rank_1"]["sharpness"]["gain"] == pytest.approx(0)


def test_rating_does_not_change_the_embeddings(networks):
    """They are those of the saved network, which also refuses pixels of 0..1."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3)).astype(np.uint8)
    for kind in ("HR", "8"):
        network, _ = networks.network(kind)
        embeddings, qualities = networks.embed_and_rate(kind, pixels)
        np.testing.assert_allclose(embeddings, network.predict_on_batch(pixels), atol=1e-6)
        np.testing.assert_array_equal(networks.embed(kind, pixels), embeddings)
        means = (pixels.mean(axis=(1, 2)) - 127.5) / 128 * (2 if kind == "8" else 1)
        np.testing.assert_allclose(qualities, np.linalg.norm(means, axis=1), rtol=1e-4)
        with pytest.raises(ValueError, match="expected RGB of 0..255"):
            networks.embed_and_rate(kind, pixels / 255)
