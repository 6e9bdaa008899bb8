"""A network whose embedding also contains the features before its last dense layer."""

from typing import Any

import keras
import numpy as np
import pytest

from cshml_tf.backbones import build
from cshml_tf.cli import widen_network as command
from cshml_tf.derived.joining import join_networks, mean_recogniser
from cshml_tf.derived.widening import wide_recogniser, widen_network
from cshml_tf.evaluation.networks import choose_networks
from cshml_tf.model_folder import digest_of_network, load_recogniser, read_card, save_model, trained_people
from cshml_tf.recogniser import backbone_of, build_recogniser, clone, features

SIZE = (48, 40)
CARD = {"kind": "lr", "image_size": list(SIZE), "resolutions": [12, [16, 14]], "degradation": "antialias"}


def network(seed=0, name="small_resnet", size=SIZE):
    keras.utils.set_random_seed(seed)
    options = {"width": 4} if name == "small_resnet" else {}
    return build_recogniser(build(name, size, 8, **options), "fixed")


def network_of(embed):
    """A network whose embedding is what `embed` makes of a picture's mean colours."""
    pixels = keras.Input((*SIZE, 3))
    cells = keras.layers.AveragePooling2D(8)(pixels)
    return build_recogniser(keras.Model(pixels, {"last_map": cells, "embedding": embed(cells)}, name="backbone"))


@pytest.fixture
def save(tmp_path):
    """Return a function that writes a model folder of a network, by default an LR network's of two classes."""

    def save(name, recogniser, people=(), **card):
        centres = np.eye(8, 2, dtype=np.float32)
        save_model(tmp_path / name, recogniser, CARD | {"figures": {}} | card, centres, ("Ada", "Eve"), people)
        return tmp_path / name

    return save


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3)).astype(np.uint8)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def read_by_dense(recogniser, pixels, name="embedding.dense"):
    """The features by hand: what the dense layer gets as its input."""
    backbone = backbone_of(recogniser)
    outputs = dict(backbone.output) | {"features": backbone.get_layer(name).input}
    tapped = build_recogniser(keras.Model(backbone.input, outputs, name="backbone"), "fixed")
    return np.asarray(features(tapped, pixels)["features"])


def test_the_cosine_is_the_mean_of_the_embeddings_and_the_features(pixels):
    narrow = network()
    wide = np.asarray(wide_recogniser(narrow)(pixels))
    parts = [np.asarray(narrow(pixels)), unit(read_by_dense(narrow, pixels))]
    expected = sum(part @ part.T for part in parts) / 2
    np.testing.assert_allclose(wide @ wide.T, expected, atol=1e-5)
    np.testing.assert_allclose(wide[:, :8] * 2**0.5, parts[0], atol=1e-5)


def test_the_length_is_that_of_the_embedding(pixels):
    """By it faces are rejected: a limit of quality stays what it was."""
    narrow = network()
    lengths = [
        np.linalg.norm(features(each, pixels)["embedding"], axis=1) for each in (narrow, wide_recogniser(narrow))
    ]
    np.testing.assert_allclose(lengths[1], lengths[0], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "added"), [("mobilefacenet", 512), ("squeezenet", 512), ("inception_resnet_v1", 1792)]
)
def test_the_backbones_have_features(name, added):
    assert wide_recogniser(network(name=name, size=(112, 96))).output_shape == (None, 8 + added)


def test_a_joined_network_has_the_mean_of_its_networks_features(pixels):
    networks = [network(1), network(2)]
    wide = np.asarray(wide_recogniser(mean_recogniser(networks, "ab"))(pixels))
    features_of_both = sum(unit(read_by_dense(each, pixels)) for each in networks)
    embeddings = sum(np.asarray(each(pixels)) for each in networks)
    expected = np.concatenate([unit(embeddings), unit(features_of_both)], axis=1) / 2**0.5
    np.testing.assert_allclose(wide, expected, atol=1e-5)


def test_a_copy_to_train_embeds_alike(pixels):
    """Training copies the network, and every weight of it."""
    wide = wide_recogniser(network())
    copy = clone(wide, to_train=True)
    assert len(copy.trainable_weights) == len(network().trainable_weights)
    np.testing.assert_allclose(np.asarray(copy(pixels)), np.asarray(wide(pixels)), atol=1e-5)


def test_the_folder_takes_the_place_of_the_narrow_one(save, pixels, tmp_path, capsys):
    lr = save("lr", network(1), people=["Ada", "Bea"], complete=True, classes=2, settings={"seed": 1})
    hr = save("hr", network(2), kind="hr", resolutions=[], template="box")
    for narrow in (lr, hr):
        assert command.main([str(narrow), f"{narrow}_wide"]) == 0
    width = network().get_layer("backbone").get_layer("embedding.dense").input.shape[-1]
    said = f"embedding of {8 + width} numbers, 8 and {width} features"
    assert capsys.readouterr().out.splitlines() == [f"{tmp_path}/{kind}_wide: {said}" for kind in ("lr", "hr")]
    card = read_card(tmp_path / "lr_wide")
    assert card["source"] == {"kind": "widened", "network": digest_of_network(lr)}
    assert (card["complete"], card["settings"]) == (True, {"seed": 1})
    assert read_card(tmp_path / "hr_wide")["template"] == "box"
    assert trained_people(tmp_path / "lr_wide") == {"Ada", "Bea"}
    expected = np.asarray(wide_recogniser(load_recogniser(lr))(pixels))
    assert np.array_equal(load_recogniser(tmp_path / "lr_wide")(pixels), expected)
    chosen = choose_networks(tmp_path / "hr_wide", [tmp_path / "lr_wide"])
    assert [each.output_shape[-1] for each in (chosen.load("keras")[0], *chosen.load("keras")[1].values())] == [
        8 + width
    ] * 3
    with pytest.raises(ValueError, match="lr: expected the embedding size of .*hr_wide"):
        choose_networks(tmp_path / "hr_wide", [lr]).load("keras")


def test_joining_comes_first(save, tmp_path):
    """Wide networks have no class centres, by which joining tells networks of one HR network from others."""
    folders = [save(name, network(seed)) for seed, name in enumerate("ab")]
    join_networks(folders, tmp_path / "joined")
    widen_network(tmp_path / "joined", tmp_path / "wide")
    widen_network(folders[0], tmp_path / "wide_a")
    with pytest.raises(ValueError, match="wide_a: expected a network that was trained, got a widened one"):
        join_networks([tmp_path / "wide_a", folders[1]], tmp_path / "new")


FLATTEN, DENSE = keras.layers.Flatten, keras.layers.Dense


def halves(rows):
    """The larger of an embedding's two halves, as LightCNN ends."""
    parts: Any = keras.ops.split(rows, 2, axis=-1)
    return keras.ops.maximum(parts[0], parts[1])


def twice(rows):
    """One dense layer applied to its own output."""
    layer = DENSE(6)
    return layer(keras.layers.ReLU()(layer(rows)))


@pytest.mark.parametrize(
    ("embed", "added"),
    [
        (lambda rows: keras.layers.BatchNormalization()(DENSE(6)(rows)), 90),
        (lambda rows: (y := DENSE(6)(rows)) / keras.ops.norm(y, axis=-1, keepdims=True), 90),
        (lambda rows: halves(DENSE(6)(rows)), 90),
        (lambda rows: twice(DENSE(6)(rows)), 6),
    ],
)
def test_the_last_dense_layer_is_found_behind_what_follows_it(embed, added):
    narrow = network_of(lambda cells: embed(FLATTEN()(cells)))
    assert wide_recogniser(narrow).output_shape[-1] == narrow.output_shape[-1] + added


@pytest.mark.parametrize(
    ("embed", "message"),
    [
        (keras.layers.GlobalAveragePooling2D(), "comes from one dense layer, got one from global_average"),
        (lambda cells: keras.layers.Add()([FLATTEN()(cells)] * 2), "one dense layer, got one from add"),
        (
            lambda cells: keras.layers.Add()([DENSE(4)(FLATTEN()(cells)), DENSE(4)(DENSE(5)(FLATTEN()(cells)))]),
            "one dense layer, got one from add",
        ),
        (
            lambda cells: keras.layers.GlobalAveragePooling2D()(cells * DENSE(3)(cells)),
            "one dense layer, got one from global_average",
        ),
        (
            lambda cells: FLATTEN()(DENSE(4)(cells)),
            "expected features without places before the embedding, got 6 x 5",
        ),
        (
            lambda cells: DENSE(4)(FLATTEN()(keras.layers.UpSampling2D(8)(cells))),
            "expected at most 4096 features before the embedding, got 5760",
        ),
    ],
)
def test_networks_without_features_are_refused(embed, message, save, tmp_path, capsys):
    folder = save("odd", network_of(embed))
    assert command.main([str(folder), str(tmp_path / "wide")]) == 2
    said = capsys.readouterr().err
    assert message in said and f"{folder}: " in said and len(said.splitlines()) == 1
    assert not (tmp_path / "wide").exists()


def test_a_wide_network_is_not_widened_again(save, tmp_path):
    widen_network(save("narrow", network()), tmp_path / "wide")
    with pytest.raises(ValueError, match="wide: expected a network that is not wide, got one that is"):
        widen_network(tmp_path / "wide", tmp_path / "wider")


def test_a_card_that_names_another_size_than_the_network_is_refused(save, tmp_path):
    folder = save("larger", network(size=(64, 64)))
    with pytest.raises(ValueError, match="larger: expected a network for faces of 48 x 40, .*, got 64 x 64"):
        widen_network(folder, tmp_path / "wide")


def test_a_folder_in_use_is_left_alone(save, capsys):
    narrow, other = save("narrow", network(1)), save("other", network(2))
    before = digest_of_network(other)
    assert command.main([str(narrow), str(other)]) == 2
    assert "expected a folder that is absent or empty" in capsys.readouterr().err
    assert digest_of_network(other) == before
