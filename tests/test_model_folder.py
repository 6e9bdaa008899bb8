"""Model folders: they read back as written, and invalid ones fail with one line."""

import json
import zipfile

import numpy as np
import pytest

import cshml_tf
from cshml_tf.backbones import build
from cshml_tf.model_folder import card_of_kind, read_card, read_classifier, save_model, trained_people
from cshml_tf.recogniser import build_recogniser

CARD = {"kind": "hr", "image_size": [32, 32], "resolutions": [], "degradation": "antialias", "figures": {}}


@pytest.fixture
def recogniser():
    return build_recogniser(build("small_resnet", (32, 32), 4, width=4))


def test_a_saved_model_reads_back(tmp_path, recogniser):
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


def test_folders_that_are_not_model_folders(tmp_path, recogniser):
    with pytest.raises(ValueError, match="expected a model folder, but it does not exist"):
        cshml_tf.load_recogniser(tmp_path / "absent")
    with pytest.raises(ValueError, match="expected a model folder, but it has no recogniser.keras"):
        cshml_tf.load_recogniser(tmp_path)
    save_model(tmp_path, recogniser, CARD)
    whole = (tmp_path / "recogniser.keras").read_bytes()
    (tmp_path / "recogniser.keras").write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="expected a saved recogniser, got a damaged or truncated file"):
        cshml_tf.load_recogniser(tmp_path)
    with zipfile.ZipFile(tmp_path / "recogniser.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match="expected a recogniser, got a file that Keras cannot load"):
        cshml_tf.load_recogniser(tmp_path)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(ValueError, match="model.json: expected JSON, got other content"):
        read_card(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"kind": "hr"}))
    with pytest.raises(
        ValueError, match="expected the entries degradation, figures, image_size, resolutions as well, got none"
    ):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kind": "both"}, "expected kind to be hr or lr, got 'both'"),
        ({"image_size": "big"}, r"expected image_size to be \[height, width\], got 'big'"),
        ({"resolutions": None}, "expected resolutions to be a list, got None"),
        ({"degradation": "foo"}, "expected degradation to be one of antialias, plain, got 'foo'"),
    ],
)
def test_an_invalid_card(change, message, tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(CARD | change))
    with pytest.raises(ValueError, match=message):
        read_card(tmp_path)


def test_the_kind_is_checked(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(CARD | {"kind": "lr"}))
    with pytest.raises(ValueError, match="expected the model folder of an HR network, got kind 'lr'"):
        card_of_kind(tmp_path, "hr")
    assert card_of_kind(tmp_path, "lr")["kind"] == "lr"


def test_a_damaged_classifier(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD, np.zeros((4, 2)), ["a", "b"])
    (tmp_path / "classifier.npy").write_text("text")
    with pytest.raises(ValueError, match="classifier.npy: expected a NumPy array of numbers"):
        read_classifier(tmp_path)


def test_a_classifier_of_other_classes(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD, np.zeros((4, 3)), ["a", "b"])
    with pytest.raises(ValueError, match="which has 2 names, got shape"):
        read_classifier(tmp_path)
