"""Faces of any width: found, served by the network that suits them, scored and judged."""

import json

import keras
import numpy as np
import pytest

from cshml_tf import backbones
from cshml_tf.alignment.crops import align_face
from cshml_tf.alignment.detector import Face
from cshml_tf.alignment.geometry import template
from cshml_tf.comparing import (
    FoundFace,
    choose_far,
    decide,
    embed_faces,
    embed_found,
    find_face,
    pair_kind,
    score_faces,
    score_matrix,
    second_scores,
    threshold_for,
)
from cshml_tf.degradation.degrade import degrade
from cshml_tf.evaluation.serving import ServingNetworks, load_serving_networks
from cshml_tf.layers import fit_to_size
from cshml_tf.model_folder import save_model
from cshml_tf.recogniser import build_recogniser

SIZE = (48, 40)


class KnownFaces:
    """A detector that finds the same faces in every picture and records whether it was called."""

    def __init__(self, *faces):
        self.faces = list(faces)
        self.asked = 0

    def detect(self, image):
        self.asked += 1
        return self.faces


def face_at(x, y, scale=1.0, image_size=(112, 96)):
    """Return a face whose crop begins at x, y and has `scale` picture pixels per pixel; its box is narrower."""
    height, width = image_size
    landmarks = template(image_size) * scale + [x, y]
    return Face(x + 0.1 * width * scale, y, 0.8 * width * scale, height * scale, 0.9, landmarks)


def small_recogniser(seed, image_size=SIZE, embedding_size=16):
    keras.utils.set_random_seed(seed)
    return build_recogniser(backbones.build("small_resnet", image_size, embedding_size, width=2))


@pytest.fixture
def photograph():
    return np.random.default_rng(0).integers(0, 256, (200, 240, 3)).astype(np.uint8)


def test_a_photographs_face_is_aligned(photograph):
    found = find_face(photograph, (112, 96), KnownFaces(face_at(50, 30)))
    np.testing.assert_array_equal(found.pixels, photograph[30:142, 50:146])
    assert found.width == pytest.approx(96)
    assert (found.face.x, found.note) == (59.6, "")


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.5])
def test_width_is_the_crops_in_pixels_of_the_picture(photograph, scale):
    found = find_face(photograph, (112, 96), KnownFaces(face_at(20, 10, scale)))
    assert found.pixels.shape == (112, 96, 3)
    assert found.width == pytest.approx(96 * scale)


def test_of_several_faces_the_large_and_central_one_is_used(photograph):
    """Box 77 x 112 with its centre (98, 86) near the picture's (120, 100); the other is a quarter of it."""
    found = find_face(photograph, (112, 96), KnownFaces(face_at(0, 0, 0.5), face_at(50, 30)))
    assert found.width == pytest.approx(96)
    assert found.note == "2 faces found: the largest, most central one is used"


def test_a_picture_without_a_face_has_none(photograph):
    detector = KnownFaces()
    assert find_face(photograph, (112, 96), detector) is None
    assert detector.asked == 2


class LargeFaces:
    """A detector that finds nothing in pictures below 100 pixels, else a face that fills the middle."""

    def detect(self, image):
        height, width = image.shape[:2]
        # The crop is the middle of the picture, half its size.
        return [face_at(width / 4 - 0.5, height / 4 - 0.5, width / 2 / 96)] if height >= 100 else []


def test_a_face_too_small_for_the_detector_is_found_in_an_enlarged_copy():
    """A picture of 14 x 12 is a face; enlarged 8 times with its padding, it is 224 x 192."""
    picture = np.random.default_rng(0).integers(0, 256, (14, 12, 3)).astype(np.uint8)
    found = find_face(picture, (112, 96), LargeFaces())
    assert found.width == pytest.approx(12)
    assert found.note == "found in an enlarged copy of the picture"
    # Half of each side was added at either end: the crop is the picture, whose corner lies at -1/2.
    np.testing.assert_allclose(found.face.landmarks, template() / 8 - 0.5, atol=1e-9)
    np.testing.assert_array_equal(found.pixels, align_face(picture, template() / 8 - 0.5))


def test_only_faces_that_were_found_have_scores(photograph):
    networks = ServingNetworks(small_recogniser(1), {12: small_recogniser(2)}, hr_width=20)
    faces = [FoundFace(photograph, 12.0), None, FoundFace(photograph, 240.0), None]
    scores, resolutions = score_faces(faces, networks)
    assert resolutions == [12, None, None, None]
    assert np.isnan(scores[[1, 3]]).all() and np.isnan(scores[:, [1, 3]]).all()
    embeddings, _ = embed_faces([faces[0], faces[2]], networks)
    np.testing.assert_array_equal(scores[np.ix_([0, 2], [0, 2])], score_matrix(embeddings))
    assert [(each.first, each.second) for each in decide(scores, resolutions, lambda *pair: 0.5)] == [(0, 2)]
    assert np.isnan(score_faces([None, None], networks)[0]).all()


def test_the_second_score_shows_the_sharp_face_to_the_lr_network_too(photograph):
    """Between sharp and small faces only; by hand: (HL + 3 LL) / 4 at 12, (HL + LL / 2) / 1.5 at 8."""
    hr, lr = small_recogniser(1), small_recogniser(2)
    networks = ServingNetworks(hr, {8: lr, 12: lr}, hr_width=20)
    faces = [FoundFace(photograph, 12.0), None, FoundFace(photograph[::-1], 240.0), FoundFace(photograph, 7.0)]
    embeddings, resolutions = embed_found(faces, networks)
    modes = {8: "plain", 12: "antialias"}
    scores = second_scores(faces, embeddings, resolutions, networks, modes, {"12": 3.0})
    assert np.isfinite(scores).tolist() == [
        [False, False, True, False],
        [False] * 4,
        [True, False, False, True],
        [False, False, True, False],
    ]
    (sharp,) = np.asarray(fit_to_size(photograph[::-1][None], SIZE))
    for row, resolution, weight in ((0, 12, 3.0), (3, 8, 0.5)):
        portrait = lr.predict_on_batch(np.asarray(degrade(sharp[None], resolution, modes[resolution])))[0]
        expected = (embeddings[2] @ embeddings[row] + weight * portrait @ embeddings[row]) / (1 + weight)
        assert scores[row, 2] == scores[2, row] == pytest.approx(expected, abs=1e-5)
    assert np.isnan(second_scores(faces[:2], embeddings[:2], resolutions[:2], networks, modes, {})).all()


def test_aligned_crops_need_no_detector(photograph):
    found = find_face(photograph, (112, 96))
    assert found.pixels is photograph
    assert (found.width, found.face, found.note) == (240, None, "")


def test_the_network_nearest_by_ratio_serves():
    """The border between 8 and 16 is sqrt(8 x 16) = 11.31; a tie, width 16 between 8 and 32, goes to the lower."""
    networks = ServingNetworks("hr", {16: "lr", (20, 8): "low"}, hr_width=48)
    chosen = {width: networks.choose(width) for width in (1, 11.3, 11.32, 47.9, 48, 400)}
    assert chosen == {1: (20, 8), 11.3: (20, 8), 11.32: 16, 47.9: 16, 48: None, 400: None}
    assert [networks.serving(choice) for choice in ((20, 8), 16, None)] == ["low", "lr", "hr"]
    assert ServingNetworks("hr", {32: "b", 8: "a"}, 48).choose(16) == 8
    assert ServingNetworks("hr", {}, 48).choose(5) is None


def test_each_face_is_embedded_by_its_network():
    random = np.random.default_rng(0)
    networks = ServingNetworks(small_recogniser(1), {12: small_recogniser(2), 8: small_recogniser(3)}, hr_width=20)
    sizes = [(48, 40), (14, 12), (100, 90), (8, 8), (13, 11), (50, 20)]
    pictures = [random.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]
    embeddings, resolutions = embed_faces([FoundFace(picture, picture.shape[1]) for picture in pictures], networks)
    assert resolutions == [None, 12, None, 8, 12, None]
    expected = [
        networks.serving(resolution)(picture[None], training=False)[0]
        for resolution, picture in zip(resolutions, pictures, strict=True)
    ]
    assert embeddings.dtype == np.float32
    assert np.abs(embeddings - np.stack(expected)).max() < 1e-5


def test_the_width_selects_the_network_not_the_number_of_pixels():
    networks = ServingNetworks(small_recogniser(1), {12: small_recogniser(2)}, hr_width=20)
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    embeddings, resolutions = embed_faces([FoundFace(picture, 12.0), FoundFace(picture, 40.0)], networks)
    assert resolutions == [12, None]
    assert np.abs(embeddings[0] - embeddings[1]).max() > 0.01


def test_scores_are_cosines():
    """(1, 0), (0.6, 0.8), (-1, 0): cosines 0.6, -1 and -0.6."""
    scores = score_matrix(np.array([[1, 0], [0.6, 0.8], [-1, 0]], np.float32))
    np.testing.assert_allclose(scores, [[1, 0.6, -1], [0.6, 1, -0.6], [-1, -0.6, 1]], atol=1e-7)
    assert np.abs(scores).max() <= 1


def test_kinds_of_pairs():
    assert pair_kind(None, None) == [(None, "HR")]
    assert pair_kind(None, 12) == pair_kind(12, None) == [("12", "HL")]
    assert pair_kind((14, 12), (14, 12)) == [("14x12", "LL")]
    assert pair_kind(8, 12) == [("8", "LL"), ("12", "LL")]


REPORT = {
    "HR": {"thresholds": {"0.1": 0.2, "0.001": 0.3}},
    "8": {"HL": {"thresholds": {"0.001": 0.5}}, "LL": {"thresholds": {"0.001": 0.7}}},
    "12": {"HL": {"thresholds": {"0.001": 0.4}}, "LL": {"thresholds": {"0.001": 0.6}}},
    "protocol": {"options": {"flip": False, "subtract_mean": False}},
}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(None, None, 0.3), (None, 8, 0.5), (12, None, 0.4), (12, 12, 0.6), (8, 12, 0.7), (12, 8, 0.7)],
)
def test_thresholds_of_a_report(first, second, expected):
    assert threshold_for(REPORT, first, second) == expected


def test_thresholds_that_a_report_lacks():
    assert threshold_for(REPORT, None, None, far=0.1) == 0.2
    with pytest.raises(ValueError, match="expected a threshold for 12 LL at FAR 0.1"):
        threshold_for(REPORT, 12, 12, far=0.1)
    with pytest.raises(ValueError, match="expected an entry 16 HL"):
        threshold_for(REPORT, None, 16)


def test_the_strictest_rate_that_a_report_supports():
    """0.001 if every pair of the faces has a threshold there, 0.1 if the report says null for one of them."""
    few = json.loads(json.dumps(REPORT))
    few["12"]["HL"]["thresholds"] = {"0.1": 0.35, "0.001": None}
    assert choose_far(REPORT, [None, None, 8, 12]) == 0.001
    assert choose_far(few, [None, None]) == 0.001
    assert choose_far(few, [None, 12]) == 0.1
    assert choose_far(few, [None, 12], far=0.1) == 0.1
    assert choose_far(few, [12]) == choose_far(few, []) == 0.001
    with pytest.raises(ValueError, match="expected a threshold for 12 HL at FAR 0.001, got too few pairs"):
        choose_far(few, [None, 12], far=0.001)
    with pytest.raises(ValueError, match="expected a threshold for HR at FAR 0.02, got thresholds at 0.1, 0.001"):
        choose_far(REPORT, [None, None], far=0.02)
    with pytest.raises(ValueError, match="expected a threshold for 8 HL at FAR 0.1"):
        choose_far(few, [None, 8, 12])
    with pytest.raises(ValueError, match="expected an entry 16 HL"):
        choose_far(REPORT, [None, 16])


def test_decisions():
    """Thresholds: HR 0.3, 12 HL 0.4; a score at the threshold counts as the same person."""
    scores = np.array([[1, 0.3, 0.39], [0.3, 1, 0.4], [0.39, 0.4, 1]])
    decisions = decide(scores, [None, None, 12], lambda *pair: threshold_for(REPORT, *pair))
    found = [(d.first, d.second, d.kind, d.threshold, d.same) for d in decisions]
    assert found == [(0, 1, "HR", 0.3, True), (0, 2, "12 HL", 0.4, False), (1, 2, "12 HL", 0.4, True)]
    assert [decision.score for decision in decisions] == [0.3, 0.39, 0.4]
    (mixed,) = decide(np.full((2, 2), 0.65), [8, 12], lambda *pair: 0.65)
    assert (mixed.kind, mixed.same) == ("8 LL, 12 LL", True)


def test_decisions_by_the_second_score():
    """Its thresholds apply to a sharp face with a small one only."""
    report = json.loads(json.dumps(REPORT))
    report["12"]["HL_fused"] = {"thresholds": {"0.1": 0.2, "0.001": 0.39}, "weight": 0.5}
    scores = np.array([[1, 0.3, 0.39], [0.3, 1, 0.38], [0.39, 0.38, 1]])
    assert choose_far(report, [None, None, 12], fused=True) == 0.001
    by = decide(scores, [None, None, 12], lambda *pair: threshold_for(report, *pair, fused=True), fused=True)
    found = [(each.kind, each.threshold, each.same) for each in by]
    assert found == [("HR", 0.3, True), ("12 HL_fused", 0.39, True), ("12 HL_fused", 0.39, False)]
    assert pair_kind(12, 12, fused=True) == [("12", "LL")]
    with pytest.raises(ValueError, match="expected an entry 12 HL_fused, got HR"):
        choose_far(REPORT, [None, 12], fused=True)


def write_model(folder, kind, resolutions, image_size=SIZE, embedding_size=16):
    card = {"kind": kind, "image_size": list(image_size), "resolutions": resolutions, "degradation": "antialias"}
    save_model(folder, small_recogniser(1, image_size, embedding_size), card | {"figures": {}})
    return folder


@pytest.mark.slow
def test_networks_are_loaded_and_must_match(tmp_path):
    hr = write_model(tmp_path / "hr", "hr", [])
    lr = write_model(tmp_path / "lr", "lr", [8, [14, 12]])
    networks, folders = load_serving_networks(hr, [lr])
    assert networks.hr_width == 20
    assert folders.lr_dirs == {8: lr, (14, 12): lr}
    assert networks.lr[8] is networks.lr[14, 12]
    assert load_serving_networks(hr, hr_width=31)[0].hr_width == 31
    longer = write_model(tmp_path / "longer", "lr", [16], embedding_size=24)
    with pytest.raises(ValueError, match="longer: expected the embedding size of .*hr, 16, got 24"):
        load_serving_networks(hr, [longer])
    wider = write_model(tmp_path / "wider", "lr", [16], image_size=(48, 48))
    with pytest.raises(ValueError, match=r"wider: expected the image size of .*hr, \[48, 40\], got \[48, 48\]"):
        load_serving_networks(hr, [wider])
    card = json.loads((lr / "model.json").read_text())
    (wider / "model.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="resolution 8: expected one LR network .*lr and .*wider"):
        load_serving_networks(hr, [lr, wider])
