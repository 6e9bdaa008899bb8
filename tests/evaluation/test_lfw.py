"""The LFW protocol compared with a naive loop over pairs; options, folds and missing images."""

import json

import keras
import numpy as np
import pytest

from cshml_tf import metrics
from cshml_tf.data.protocols import FaceImage, Pair
from cshml_tf.data.sources import find_images
from cshml_tf.degradation.degrade import degrade
from cshml_tf.evaluation.lfw import Options, evaluate, present_pairs
from cshml_tf.evaluation.report import format_lfw_table
from cshml_tf.images import write_image
from cshml_tf.metrics import confidence

SIZE = (16, 12)
PEOPLE = 12
FOLDS = 3


def pool_recogniser(cell):
    """Embeddings are the picture's mean colours, cell by cell; the smaller the cell, the more it sees."""
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Rescaling(1 / 127.5, -1.0),
            keras.layers.AveragePooling2D(cell),
            keras.layers.Reshape((SIZE[0] // cell * (SIZE[1] // cell) * 3,)),
        ]
    )


class HalfBlind:
    """A network with cells of 4 that sees the right half less and less well, with embeddings of the same size."""

    def __init__(self):
        self.shown = 0
        self.sees = pool_recogniser(4)

    def predict_on_batch(self, pixels):
        self.shown += len(pixels)
        return self.sees.predict_on_batch(np.array(pixels) * np.linspace(1, 0.2, SIZE[1])[:, None])


def make_faces(seed=0):
    """Three photographs of each person: a pattern of its own, under much noise."""
    random = np.random.default_rng(seed)
    faces = {}
    for person in range(PEOPLE):
        pattern = random.integers(0, 256, (4, 3, 3)).repeat(4, 0).repeat(4, 1)
        for number in (1, 2, 3):
            noise = random.normal(0, 90, (*SIZE, 3)) + random.normal(0, 60, (4, 3, 3)).repeat(4, 0).repeat(4, 1)
            pixels = np.clip(pattern + noise, 0, 255).astype(np.uint8)
            faces[FaceImage(f"P{person}", number)] = pixels
    return faces


def make_pairs():
    """Three folds of four people each: all pairs of one person, and as many of different people."""
    pairs = []
    for fold in range(FOLDS):
        names = [f"P{person}" for person in range(4 * fold, 4 * fold + 4)]
        for a, b in ((1, 2), (1, 3), (2, 3)):
            for index, name in enumerate(names):
                other = names[(index + a) % 4]
                pairs.append(Pair(FaceImage(name, a), FaceImage(name, b), True, fold))
                pairs.append(Pair(FaceImage(name, a), FaceImage(other, b), False, fold))
    return pairs


FACES, PAIRS = make_faces(), make_pairs()


def shown(image, resolution=None):
    return FACES[image] if resolution is None else np.asarray(degrade(FACES[image][None], resolution))[0]


def embedding(network, pixels, flip=False):
    def unit(pixels):
        vector = np.asarray(network.predict_on_batch(np.float32(pixels)[None]), np.float64)[0]
        return vector / np.linalg.norm(vector)

    both = unit(pixels) + unit(pixels[:, ::-1]) if flip else unit(pixels)
    return both / np.linalg.norm(both)


def naive_scores(first_network, first_resolution, second_network, second_resolution, swap=False, flip=False):
    """A loop over pairs, without batches, views or sharing."""
    scores = []
    for pair in PAIRS:
        one, two = (pair.second, pair.first) if swap else (pair.first, pair.second)
        left = embedding(first_network, shown(one, first_resolution), flip)
        right = embedding(second_network, shown(two, second_resolution), flip)
        scores.append(left @ right)
    return np.array(scores)


@pytest.fixture(scope="module")
def networks():
    return pool_recogniser(4), HalfBlind()


@pytest.fixture(scope="module")
def evaluation(networks):
    hr, lr = networks
    return evaluate(PAIRS, FACES, hr, {4: lr, (6, 4): lr}, options=Options(batch_size=5))


class TestEvaluate:
    def test_scores_are_those_of_a_naive_loop(self, networks, evaluation):
        hr, lr = networks
        expected = {
            ("HR",): naive_scores(hr, None, hr, None),
            ("4", "HL"): naive_scores(hr, None, lr, 4),
            ("4", "LL"): naive_scores(lr, 4, lr, 4),
            ("4", "HL_hr_network"): naive_scores(hr, None, hr, 4),
            ("4", "LL_hr_network"): naive_scores(hr, 4, hr, 4),
            ("6x4", "HL"): naive_scores(hr, None, lr, (6, 4)),
            ("6x4", "LL_hr_network"): naive_scores(hr, (6, 4), hr, (6, 4)),
        }
        for key, scores in expected.items():
            assert np.abs(evaluation.trials[key].scores - scores).max() < 1e-5, key
            np.testing.assert_array_equal(evaluation.trials[key].same, [pair.same for pair in PAIRS])
        assert len(evaluation.trials) == 9

    def test_figures_are_those_of_the_scores(self, evaluation):
        folds = [pair.fold for pair in PAIRS]
        for key, (scores, same) in evaluation.trials.items():
            figures = evaluation.report["HR"] if key == ("HR",) else evaluation.report[key[0]][key[1]]
            accuracy = metrics.kfold_accuracy(scores, same, folds)
            assert figures["accuracy"] == accuracy.mean
            assert figures["std"] == accuracy.std
            assert figures["pairs"] == len(PAIRS)
            assert figures["interval"] == list(confidence.accuracy_interval(accuracy.correct.sum(), len(PAIRS)))
            assert figures["auc"] == metrics.area_under_curve(scores, same)
            assert figures["eer"] == metrics.equal_error_rate(scores, same)
            assert figures["thresholds"]["0.1"] == metrics.threshold_at_far(scores[~same], 0.1)
            assert figures["thresholds"]["0.001"] is None
            assert figures["val"]["val"] == metrics.kfold_val(scores, same, folds).val

    def test_gap_and_gain(self, evaluation):
        report, folds = evaluation.report, [pair.fold for pair in PAIRS]
        part = report["4"]
        hr, before, after = (figures["accuracy"] for figures in (report["HR"], part["HL_hr_network"], part["HL"]))
        assert part["gap_closed"] == confidence.gap_closed(hr, before, after)
        for mode in ("HL", "LL"):
            judged = [
                metrics.kfold_accuracy(*evaluation.trials["4", name], folds).correct
                for name in (mode, f"{mode}_hr_network")
            ]
            difference, interval = confidence.paired_difference(*judged)
            assert part[f"{mode}_gain"] == {"difference": difference, "interval": list(interval)}

    def test_the_test_data_distinguish_the_networks(self, evaluation):
        """Otherwise the comparisons above would prove little."""
        accuracies = {figures["accuracy"] for figures in _all_figures(evaluation.report)}
        assert len(accuracies) >= 4
        assert 0.5 < min(accuracies) and max(accuracies) < 1

    def test_report_is_json_and_records_how_it_was_made(self, evaluation):
        report = json.loads(json.dumps(evaluation.report, allow_nan=False))
        protocol = report["protocol"]
        assert list(report) == ["HR", "4", "6x4", "protocol"]
        assert (protocol["folds"], protocol["pairs"], protocol["same"]) == (3, 72, 36)
        assert protocol["threshold"] == "chosen on the other folds"
        assert protocol["degradation"] == {"4": "antialias", "6x4": "antialias"}
        assert protocol["missing"] == protocol["dropped_folds"] == []
        assert protocol["images"] == len(FACES)
        options = {"flip": False, "subtract_mean": False, "average_orders": False}
        assert options.items() <= protocol["options"].items()

    def test_nothing_is_embedded_twice(self):
        """36 images, once at high resolution and twice at low for the HR network, twice for the LR network."""
        hr, lr = HalfBlind(), HalfBlind()
        evaluate(PAIRS, FACES, hr, {4: lr, 6: lr}, options=Options(batch_size=6))
        assert (hr.shown, lr.shown) == (3 * 36, 2 * 36)

    def test_embeddings_of_the_hr_network_can_be_kept(self):
        hr, lr, kept = HalfBlind(), HalfBlind(), {}
        first = evaluate(PAIRS, FACES, hr, {4: lr}, hr_embeddings=kept)
        hr_shown, lr_shown = hr.shown, lr.shown
        again = evaluate(PAIRS, FACES, hr, {4: lr}, hr_embeddings=kept)
        assert (hr.shown, lr.shown) == (hr_shown, 2 * lr_shown)
        for key, trials in first.trials.items():
            np.testing.assert_array_equal(again.trials[key].scores, trials.scores)
        evaluate(PAIRS, FACES, hr, hr_embeddings=kept)
        assert hr.shown == hr_shown

    def test_only_the_hr_network(self, networks, evaluation):
        report = evaluate(PAIRS, FACES, networks[0], resolutions=[4]).report
        assert list(report["4"]) == ["HL_hr_network", "LL_hr_network"]
        assert report["4"]["HL_hr_network"] == evaluation.report["4"]["HL_hr_network"]
        assert list(evaluate(PAIRS, FACES, networks[0]).report) == ["HR", "protocol"]

    def test_flips(self, networks):
        hr, lr = networks
        result = evaluate(PAIRS, FACES, hr, {4: lr}, options=Options(flip=True))
        expected = naive_scores(hr, None, lr, 4, flip=True)
        assert np.abs(result.trials["4", "HL"].scores - expected).max() < 1e-5
        assert result.report["protocol"]["options"]["flip"] is True

    def test_both_orders_are_tried(self, networks):
        hr, lr = networks
        result = evaluate(PAIRS, FACES, hr, {4: lr}, options=Options(average_orders=True))
        scores = np.append(naive_scores(hr, None, lr, 4), naive_scores(hr, None, lr, 4, swap=True))
        assert np.abs(result.trials["4", "HL"].scores - scores).max() < 1e-5
        figures = result.report["4"]["HL"]
        assert figures["pairs"] == len(PAIRS)
        accuracy = metrics.kfold_accuracy(
            result.trials["4", "HL"].scores, result.trials["4", "HL"].same, [pair.fold for pair in PAIRS] * 2
        )
        assert figures["accuracy"] == accuracy.mean
        judged = accuracy.correct.sum() / 2
        assert figures["interval"] == list(confidence.accuracy_interval(judged, len(PAIRS)))
        # Both images embedded alike: the other order would be the same trial.
        assert len(result.trials["4", "LL"].scores) == len(result.trials["HR",].scores) == len(PAIRS)

    def test_the_mean_of_the_other_folds_is_subtracted(self, networks):
        hr, lr = networks
        result = evaluate(PAIRS, FACES, hr, {4: lr}, options=Options(subtract_mean=True))
        left = np.stack([embedding(hr, shown(pair.first)) for pair in PAIRS])
        right = np.stack([embedding(lr, shown(pair.second, 4)) for pair in PAIRS])
        folds = np.array([pair.fold for pair in PAIRS])
        same = np.array([pair.same for pair in PAIRS])
        accuracies = []
        for fold in range(FOLDS):
            mean = np.concatenate([left[folds != fold], right[folds != fold]]).mean(axis=0)
            scores = np.array(
                [
                    (a - mean) @ (b - mean) / np.linalg.norm(a - mean) / np.linalg.norm(b - mean)
                    for a, b in zip(left, right, strict=True)
                ]
            )
            threshold = metrics.best_threshold(scores[folds != fold], same[folds != fold])
            accuracies.append(np.mean((scores >= threshold)[folds == fold] == same[folds == fold]))
            trial = result.trials["4", "HL"].scores[folds == fold]
            assert np.abs(trial - scores[folds == fold]).max() < 1e-5
        assert result.report["4"]["HL"]["fold_accuracies"] == pytest.approx(accuracies, abs=1e-12)

    def test_degradation_may_differ_by_resolution(self, networks):
        hr, lr = networks
        result = evaluate(PAIRS, FACES, hr, {4: lr, 6: lr}, degradation={4: "plain", 6: "antialias"})
        scores = []
        for pair in PAIRS:
            plain = np.asarray(degrade(FACES[pair.second][None], 4, "plain"))[0]
            scores.append(embedding(hr, FACES[pair.first]) @ embedding(hr, plain))
        assert np.abs(result.trials["4", "HL_hr_network"].scores - scores).max() < 1e-5
        assert result.report["protocol"]["degradation"] == {"4": "plain", "6": "antialias"}

    def test_images_as_they_are(self, networks):
        """Nothing is degraded; the gains are over HR, and the HR network embeds the first image."""
        hr, lr = networks
        result = evaluate(PAIRS, FACES, hr, {4: lr, 6: lr}, options=Options(as_they_are=True))
        expected = {
            ("HR",): naive_scores(hr, None, hr, None),
            ("4", "HL"): naive_scores(hr, None, lr, None),
            ("4", "LL"): naive_scores(lr, None, lr, None),
            ("6", "HL"): naive_scores(hr, None, lr, None),
            ("6", "LL"): naive_scores(lr, None, lr, None),
        }
        assert set(result.trials) == set(expected)
        for key, scores in expected.items():
            assert np.abs(result.trials[key].scores - scores).max() < 1e-5, key
        part = result.report["4"]
        assert list(part) == ["HL", "LL", "HL_gain", "LL_gain"]
        gain = part["HL"]["accuracy"] - result.report["HR"]["accuracy"]
        assert part["HL_gain"]["difference"] == pytest.approx(gain, abs=1e-12)
        assert gain != 0
        protocol = result.report["protocol"]
        assert protocol["degradation"] == {} and protocol["options"]["as_they_are"]
        assert "images used without degradation" in format_lfw_table(result.report)

    def test_images_as_they_are_in_both_orders(self, networks):
        hr, lr = networks
        options = Options(as_they_are=True, average_orders=True)
        result = evaluate(PAIRS, FACES, hr, {4: lr}, options=options)
        scores = np.append(naive_scores(hr, None, lr, None), naive_scores(hr, None, lr, None, swap=True))
        assert np.abs(result.trials["4", "HL"].scores - scores).max() < 1e-5

    def test_one_fold_is_marked_optimistic(self, networks):
        pairs = [pair for pair in PAIRS if pair.fold == 1]
        report = evaluate(pairs, FACES, networks[0]).report
        assert report["protocol"]["threshold"] == "chosen on the same fold"
        assert report["HR"]["std"] == 0

    def test_a_resolution_without_network(self, networks):
        with pytest.raises(ValueError, match=r"resolutions: expected ones with an LR network \(4\), got 8"):
            evaluate(PAIRS, FACES, networks[0], {4: networks[1]}, resolutions=[8])


class TestMissingImages:
    gone = FaceImage("P5", 3)

    def test_pairs_are_left_out_of_their_fold_and_named(self, networks):
        images = {image: pixels for image, pixels in FACES.items() if image != self.gone}
        result = evaluate(PAIRS, images, networks[0])
        protocol = result.report["protocol"]
        left_out = [pair for pair in PAIRS if self.gone in pair[:2]]
        assert len(left_out) == 4
        assert [entry["pair"] for entry in protocol["missing"]] == [
            [str(pair.first), str(pair.second)] for pair in left_out
        ]
        assert {(entry["fold"], *entry["absent"]) for entry in protocol["missing"]} == {(2, "P5_0003")}
        assert (protocol["pairs_listed"], protocol["pairs"]) == (72, 68)
        kept = np.array([self.gone not in pair[:2] for pair in PAIRS])
        scores = naive_scores(networks[0], None, networks[0], None)[kept]
        same, folds = np.array([(pair.same, pair.fold) for pair in PAIRS])[kept].T
        expected = metrics.kfold_accuracy(scores, same, folds)
        assert result.report["HR"]["fold_accuracies"] == pytest.approx(
            expected.fold_accuracies.tolist(), abs=1e-12
        )

    def test_an_empty_fold_is_dropped(self):
        images = {image: pixels for image, pixels in FACES.items() if image.name not in ("P4", "P5", "P6", "P7")}
        present, protocol = present_pairs(PAIRS, images)
        assert (protocol["folds"], protocol["dropped_folds"]) == (2, [2])
        assert {pair.fold for pair in present} == {0, 2}

    def test_no_pair_left(self, networks):
        with pytest.raises(
            ValueError, match="expected at least one with both images, got none of 72; P0_0001 is missing"
        ):
            evaluate(PAIRS, {}, networks[0])
        with pytest.raises(ValueError, match="got none of 0$"):
            evaluate([], FACES, networks[0])

    def test_pairs_of_one_kind_only(self, networks):
        with pytest.raises(ValueError, match="expected pairs of both kinds"):
            evaluate([pair for pair in PAIRS if pair.same], FACES, networks[0])


def test_find_images(tmp_path):
    for image in list(FACES)[:4]:
        (tmp_path / image.name).mkdir(exist_ok=True)
        write_image(tmp_path / image.name / f"{image}.png", FACES[image])
    found = find_images(tmp_path, PAIRS)
    assert set(found) == set(list(FACES)[:4])
    assert found[FaceImage("P1", 1)] == tmp_path / "P1" / "P1_0001.png"


def _all_figures(report):
    for key, part in report.items():
        if key == "HR":
            yield part
        elif key != "protocol":
            yield from (part[mode] for mode in ("HL", "LL", "HL_hr_network", "LL_hr_network"))
