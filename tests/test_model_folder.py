"""Model folders: what is written comes back, and what is none is refused in one line."""

import json

import numpy as np
import pytest

import cshml_tf
from cshml_tf.backbones import build
from cshml_tf.model_folder import read_card, read_classifier, save_model, trained_people
from cshml_tf.recogniser import build_recogniser

CARD = {"kind": "hr", "image_size": [32, 32], "resolutions": [], "degradation": "antialias", "figures": {}}


@pytest.fixture
def recogniser():
    return build_recogniser(build("small_resnet", (32, 32), 4, width=4))


def test_what_is_saved_comes_back(tmp_path, recogniser):
    centres = np.arange(8, dtype=np.float32).reshape(4, 2)
    save_model(tmp_path / "m", recogniser, CARD, centres, ["Ann_B", "Zoë_C"], {"Zoë_C", "Ann_B", "Old_D"})
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    assert np.array_equal(cshml_tf.load_recogniser(tmp_path / "m")(pixels), recogniser(pixels))
    found, classes = read_classifier(tmp_path / "m")
    assert np.array_equal(found, centres) and classes == ["Ann_B", "Zoë_C"]
    assert trained_people(tmp_path / "m") == {"Ann_B", "Old_D", "Zoë_C"}
    card = read_card(tmp_path / "m")
    assert CARD.items() <= card.items() and card["versions"]["keras"] and "commit" in card
    assert not [path for path in (tmp_path / "m").iterdir() if "partial" in path.name]


def test_a_model_without_a_classifier(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD)
    assert read_classifier(tmp_path) == (None, [])


def test_folders_that_are_none(tmp_path, recogniser):
    with pytest.raises(ValueError, match="expected a model folder, but it does not exist"):
        cshml_tf.load_recogniser(tmp_path / "absent")
    with pytest.raises(ValueError, match="expected a model folder, but it has no recogniser.keras"):
        cshml_tf.load_recogniser(tmp_path)
    save_model(tmp_path, recogniser, CARD)
    (tmp_path / "recogniser.keras").write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match="cannot be loaded as a recogniser"):
        cshml_tf.load_recogniser(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(ValueError, match="model.json: expected JSON"):
        read_card(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"kind": "hr"}))
    with pytest.raises(ValueError, match="degradation, figures, image_size, resolutions, which are missing"):
        read_card(tmp_path)


def test_a_classifier_of_other_classes(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD, np.zeros((4, 3)), ["a", "b"])
    with pytest.raises(ValueError, match="has 2 names"):
        read_classifier(tmp_path)
