"""Model folders: they read back as written, and invalid ones fail with one line."""

import json

import numpy as np
import pytest

import cshml_tf
from cshml_tf.backbones import build
from cshml_tf.files import replacing
from cshml_tf.model_folder import card_of_kind, read_card, read_classifier, save_model, trained_people
from cshml_tf.recogniser import build_recogniser
from cshml_tf.training.schedule import make_schedule

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


def test_names_may_contain_what_only_unicode_calls_a_line_end(tmp_path, recogniser):
    classes = ["a\u2028b", "c\x85d", "e\x1cf", "g\x0ch"]
    save_model(tmp_path, recogniser, CARD, np.zeros((4, 4), np.float32), classes, classes)
    assert read_classifier(tmp_path)[1] == classes and trained_people(tmp_path) == set(classes)


def test_a_model_without_a_classifier(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD)
    assert read_classifier(tmp_path) == (None, [])


def test_folders_that_are_not_model_folders(tmp_path, recogniser):
    with pytest.raises(ValueError, match="expected a model folder, but it does not exist"):
        cshml_tf.load_recogniser(tmp_path / "absent")
    with pytest.raises(ValueError, match="expected a model folder, but it has no recogniser.keras"):
        cshml_tf.load_recogniser(tmp_path)
    save_model(tmp_path, recogniser, CARD)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(ValueError, match="model.json: expected JSON, got a file that cannot be parsed"):
        read_card(tmp_path)
    (tmp_path / "model.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match="model.json: expected JSON, got JSON that is nested too deeply"):
        read_card(tmp_path)
    (tmp_path / "model.json").write_text('{"figures": {"HR": NaN}}')
    with pytest.raises(ValueError, match="model.json: expected JSON, .* NaN is not JSON"):
        read_card(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"kind": "hr"}))
    with pytest.raises(ValueError, match="model.json: object missing required field image_size"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kind": "both"}, "kind: invalid enum value 'both'"),
        ({"kind": ["hr"]}, "kind: expected str, got array"),
        ({"image_size": "big"}, "image_size: expected array, got str"),
        ({"image_size": [48]}, "image_size: expected array of length "),
        ({"image_size": [48, -40]}, r"image_size\[1\]: expected int >= 1"),
        ({"image_size": [48, 10**9]}, r"image_size\[1\]: expected int <= 4096"),
        ({"image_size": [48, True]}, r"image_size\[1\]: expected int, got bool"),
        ({"resolutions": None}, "resolutions: expected array, got null"),
        ({"resolutions": [8, [12, 0]]}, "resolutions.*: expected int >= 1"),
        ({"resolutions": [8.5]}, r"resolutions\[0\]: expected int | array, got float"),
        ({"degradation": "foo"}, "degradation: expected one of antialias, plain.*, got 'foo'"),
        ({"degradation": ["plain"]}, "degradation: expected str, got array"),
        ({"standardisation": "white"}, "standardisation: expected one of per_image, fixed, .*, got 'white'"),
        ({"figures": []}, "figures: expected object, got array"),
        ({"figures": {"HR": "good"}}, r"figures\[...\]: expected float | null, got str"),
        ({"steps": -1}, "steps: expected int >= 0"),
        ({"settings": 3}, "settings: expected object, got int"),
        ({"template": "other"}, "template: invalid enum value 'other'"),
        ({"commit": 7}, "commit: expected str | null, got int"),
    ],
)
def test_an_invalid_card(change, message, tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(CARD | change))
    with pytest.raises(ValueError, match=f"model.json: {message.replace('|', '[|]')}"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "schedule", [make_schedule(0.1, None, 10), make_schedule(0.1, None, 10, cosine_steps=100)]
)
def test_a_card_states_any_schedule(schedule, tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(CARD | {"learning_rate_schedule": schedule.as_json()}))
    assert read_card(tmp_path)["learning_rate_schedule"] == schedule.as_json()


def test_the_kind_is_checked(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(CARD | {"kind": "lr"}))
    with pytest.raises(ValueError, match="expected the model folder of an HR network, got kind 'lr'"):
        card_of_kind(tmp_path, "hr")
    assert card_of_kind(tmp_path, "lr")["kind"] == "lr"


def test_a_damaged_classifier(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD, np.zeros((4, 2)), ["a", "b"])
    (tmp_path / "classifier.npy").write_text("text")
    with pytest.raises(ValueError, match="classifier.npy: expected a .npy file"):
        read_classifier(tmp_path)


def test_a_classifier_of_other_classes(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD, np.zeros((4, 3)), ["a", "b"])
    with pytest.raises(ValueError, match="which has 2 names, got shape"):
        read_classifier(tmp_path)


def test_a_classifier_that_is_not_finite(tmp_path, recogniser):
    save_model(tmp_path, recogniser, CARD, np.full((4, 2), np.nan), ["a", "b"])
    with pytest.raises(ValueError, match="classifier.npy: expected finite numbers, got NaN or infinity"):
        read_classifier(tmp_path)


def test_a_classifier_in_columns_reads_back(tmp_path, recogniser):
    centres = np.asfortranarray(np.arange(8, dtype=np.float32).reshape(4, 2))
    save_model(tmp_path, recogniser, CARD, centres, ["a", "b"])
    assert np.array_equal(read_classifier(tmp_path)[0], centres)


def test_what_a_killed_process_left_is_removed_and_links_are_replaced(tmp_path, recogniser):
    folder = tmp_path / "m"
    folder.mkdir()
    killed = replacing(folder / "recogniser.keras", ".keras")  # kept, so that its block never ends
    killed.__enter__().write_bytes(b"half of it")
    (tmp_path / "elsewhere").write_text("not ours")
    (folder / "model.json").symlink_to(tmp_path / "elsewhere")
    save_model(folder, recogniser, CARD)
    assert sorted(path.name for path in folder.iterdir()) == [
        "classes.txt",
        "model.json",
        "people.txt",
        "recogniser.keras",
    ]
    assert (tmp_path / "elsewhere").read_text() == "not ours" and not (folder / "model.json").is_symlink()
