"""Several LR networks as one: the mean of their embeddings, and what cannot be joined."""

import shutil

import keras
import numpy as np
import pytest

from cshml_tf.backbones import build
from cshml_tf.cli import join_networks as command
from cshml_tf.derived.joining import join_networks, mean_recogniser
from cshml_tf.evaluation.networks import choose_networks
from cshml_tf.model_folder import digest_of_network, load_recogniser, read_card, save_model, trained_people
from cshml_tf.recogniser import backbone_of, build_recogniser, clone, features, with_tap

SIZE = (48, 40)
CARD = {"kind": "lr", "image_size": list(SIZE), "resolutions": [12, [16, 14]], "degradation": "antialias"}


def network(seed=0, size=SIZE, embedding_size=8, standardisation="fixed", name="small_resnet"):
    keras.utils.set_random_seed(seed)
    options = {"width": 4} if name == "small_resnet" else {}
    return build_recogniser(build(name, size, embedding_size, **options), standardisation)


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a model folder of a network, by default an LR network's of two classes."""

    def save(name, recogniser, centres=((1, 0), (0, 1)), classes=("Ada", "Eve"), people=(), **card):
        centres = None if centres is None else np.pad(np.asarray(centres, np.float32), ((0, 6), (0, 0)))
        card = CARD | {"figures": {}} | card
        save_model(tmp_path / name, recogniser, card, centres, classes if centres is not None else (), people)
        return tmp_path / name

    return save


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)


def test_the_embedding_is_the_mean_at_unit_length(pixels):
    networks = [network(seed) for seed in (1, 2, 3)]
    expected = np.sum([np.asarray(each(pixels)) for each in networks], axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    joined = mean_recogniser(networks, "abc")
    assert np.abs(np.asarray(joined(pixels)) - expected).max() < 1e-6
    assert np.abs(np.asarray(clone(joined)(pixels)) - expected).max() < 1e-6


def test_a_tap_is_the_mean_of_the_maps(pixels):
    networks = [with_tap(network(seed), "/stem/relu") for seed in (1, 2)]
    outputs = [features(each, pixels) for each in networks]
    joined = features(mean_recogniser(networks, "ab"), pixels)
    assert joined.keys() == outputs[0].keys()
    for tap in ("block_c", "/stem/relu"):
        np.testing.assert_allclose(joined[tap], (outputs[0][tap] + outputs[1][tap]) / 2, atol=1e-5)


def test_the_length_is_that_of_the_networks_and_shorter_where_they_disagree(pixels):
    """By it faces are rejected, beside those of single networks."""
    networks = [network(1), network(2)]
    lengths = [np.linalg.norm(features(each, pixels)["embedding"], axis=1) for each in networks]
    length = np.linalg.norm(features(mean_recogniser(networks, "ab"), pixels)["embedding"], axis=1)
    cosine = np.sum(np.asarray(networks[0](pixels)) * np.asarray(networks[1](pixels)), axis=1)
    np.testing.assert_allclose(length, np.mean(lengths, axis=0) * np.sqrt((1 + cosine) / 2), rtol=1e-4)


def test_networks_of_two_architectures_join_without_the_maps_that_differ(pixels):
    joined = mean_recogniser([network(1), network(2, name="mobilefacenet")], "ab")
    assert list(backbone_of(joined).output) == ["embedding"]
    assert joined(pixels).shape == (5, 8)


def test_the_folder_serves_what_all_networks_list(save, pixels, tmp_path, capsys):
    first = save("first", network(1), people=["Ada", "Bea"])
    second = save("second", network(2), resolutions=[[16, 14], 20], people=["Eve"])
    joined = tmp_path / "joined"
    assert command.main([str(first), str(second), str(joined)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{joined}: 2 networks for 16x14",
        f"{second}: mean cosine of its class centres with those of the earlier networks: 1.000",
    ]
    card = read_card(joined)
    assert card["source"] == {"kind": "joined", "networks": [digest_of_network(each) for each in (first, second)]}
    assert trained_people(joined) == {"Ada", "Bea", "Eve"}
    expected = mean_recogniser([load_recogniser(first), load_recogniser(second)], "ab")(pixels)
    assert np.array_equal(load_recogniser(joined)(pixels), expected)
    hr = save("hr", network(3), kind="hr", resolutions=[])
    assert choose_networks(hr, [joined]).lr_dirs == {(16, 14): joined}


def test_class_centres_tell_networks_of_one_hr_network_from_others(save, tmp_path):
    without = save("without", network(1), centres=None)
    first = save("first", network(2), classes=("Zoé", "Eve"))
    turned = save("turned", network(3), centres=((1, 1), (1, 1)), classes=("Zoé", "Eve"))
    swapped = save("swapped", network(4), centres=((0, 1), (1, 0)), classes=("Eve", "Zoe\u0301"))
    stranger = save("stranger", network(5), classes=("Bea", "Kim"))
    found = join_networks([without, first, turned, swapped, stranger], tmp_path / "joined")
    half = pytest.approx(0.5**0.5)
    assert found.agreement == [None, half, half, None]
    other = save("other", network(6), centres=((0, 1), (1, 0)), classes=("Zoé", "Eve"))
    with pytest.raises(ValueError, match=r"other: .* learned from the same HR network as .*first, .* is 0\.00 on"):
        join_networks([without, first, other], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_classifier_of_another_width_is_refused(save, tmp_path):
    first, second = save("first", network(1)), save("second", network(2))
    np.save(second / "classifier.npy", np.ones((5, 2), np.float32))
    with pytest.raises(ValueError, match="second: expected class centres of 8 numbers, got 5"):
        join_networks([first, second], tmp_path / "joined")


def test_a_joined_network_is_not_joined_again(save, tmp_path):
    """It has no class centres to check, and its networks would weigh less than the new one."""
    folders = [save(name, network(seed)) for seed, name in enumerate("abc")]
    join_networks(folders[:2], tmp_path / "joined")
    with pytest.raises(ValueError, match="joined: expected a network that was trained, got a joined one"):
        join_networks([tmp_path / "joined", folders[2]], tmp_path / "new")


def test_a_card_that_names_another_size_than_the_network_is_refused(save, tmp_path):
    first, second = save("first", network(1)), save("second", network(2, size=(64, 64)))
    with pytest.raises(ValueError, match="second: expected a network for faces of 48 x 40, .*, got 64 x 64"):
        join_networks([first, second], tmp_path / "joined")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"card": {"kind": "hr", "resolutions": []}}, "expected the model folder of an LR network"),
        ({"card": {"resolutions": [8]}}, "expected networks for the same resolution, got"),
        ({"card": {"degradation": "plain"}}, "expected the degradation of"),
        ({"card": {"image_size": [64, 64]}, "size": (64, 64)}, "expected the image size of"),
        ({"standardisation": "symmetric"}, "expected the standardisation of"),
        ({"embedding_size": 16}, "expected the embedding size of"),
    ],
)
def test_networks_that_do_not_go_together_are_refused(change, message, save, tmp_path, capsys):
    options = {key: value for key, value in change.items() if key != "card"}
    first = save("first", network(1))
    second = save("second", network(2, **options), centres=None, **change.get("card", {}))
    assert command.main([str(first), str(second), str(tmp_path / "joined")]) == 2
    said = capsys.readouterr().err
    assert message in said and "second" in said and len(said.splitlines()) == 1
    assert not (tmp_path / "joined").exists()


@pytest.mark.parametrize("count", [0, 1])
def test_there_must_be_two_networks(count, save, tmp_path, capsys):
    folders = [save("first", network(1))][:count]
    with pytest.raises(ValueError, match="expected two networks or more to join"):
        join_networks(folders, tmp_path / "joined")
    with pytest.raises(SystemExit) as stop:
        command.main([*map(str, folders), str(tmp_path / "joined")])
    assert stop.value.code == 2 and len(capsys.readouterr().err.splitlines()) == 1


def test_a_copy_of_a_network_is_refused(save, tmp_path):
    first = save("first", network(1))
    shutil.copytree(first, tmp_path / "copy")
    with pytest.raises(ValueError, match="copy: expected another network than .*first, got the same"):
        join_networks([first, tmp_path / "copy"], tmp_path / "joined")


def test_a_folder_in_use_is_left_alone(save, capsys):
    first, second = save("first", network(1)), save("second", network(2))
    before = digest_of_network(second)
    assert command.main([str(first), str(second), str(second)]) == 2
    assert "expected a folder that is absent or empty" in capsys.readouterr().err
    assert digest_of_network(second) == before
