"""Saved recognisers: all of Keras's own layers load; damaged, foreign and oversized files are refused."""

import json
import random
import zipfile

import keras
import numpy as np
import pytest

from cshml_tf.backbones import build
from cshml_tf.recogniser import build_recogniser
from cshml_tf.saved_recogniser import load_saved


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "recogniser.keras"
    build_recogniser(build("small_resnet", (32, 32), 4, width=4)).save(path)
    return path


def parts_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(saved, folder, change, compression=zipfile.ZIP_STORED):
    """Write the file again after changing its dict of parts."""
    parts = parts_of(saved)
    change(parts)
    path = folder / "recogniser.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def layer_of(config, name):
    """Find a layer of the backbone in the configuration."""
    layers = [layer for layer in config["config"]["layers"] if layer["name"] == "backbone"][0]["config"]["layers"]
    return next(layer for layer in layers if layer["name"] == name)


def changed_config(change):
    def change_parts(parts):
        config = json.loads(parts["config.json"])
        change(config)
        parts["config.json"] = json.dumps(config)

    return change_parts


def outputs(network, size=32):
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.uint8)
    return keras.ops.convert_to_numpy(network(pixels, training=False))


def test_a_network_is_the_one_that_was_saved(saved):
    ours, kerass = load_saved(saved), keras.models.load_model(saved, compile=False)
    for one, other in zip(ours.get_weights(), kerass.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert [weight.path for weight in ours.weights] == [weight.path for weight in kerass.weights]
    assert np.array_equal(outputs(ours), outputs(kerass))


def test_loading_draws_as_many_random_numbers_as_keras(saved):
    """Otherwise a run that begins with a saved network would no longer repeat earlier ones."""
    drawn = []
    for load in (load_saved, lambda path: keras.models.load_model(path, compile=False)):
        keras.utils.set_random_seed(5)
        load(saved)
        drawn.append((random.random(), np.random.random()))
    assert drawn[0] == drawn[1]


def test_operations_of_keras_in_the_graph_are_loaded(tmp_path):
    """`x + y`, a hard swish, a reshape and the layers of the networks in keras.applications."""
    images = keras.Input((32, 32, 3), name="images")
    x = keras.layers.Rescaling(1 / 127.5, -1)(images)
    x = keras.layers.Normalization(mean=[0.0] * 3, variance=[1.0] * 3)(x)
    x = keras.layers.ZeroPadding2D(1)(x)
    x = keras.layers.DepthwiseConv2D(3, depthwise_regularizer=keras.regularizers.L2(1e-4))(x)
    y = keras.layers.Conv2D(3, 1, activation=keras.activations.silu)(x)
    x = x + y * keras.ops.relu6(x + 3.0) / 6.0
    x = keras.layers.Activation("hard_silu")(x)
    last_map = keras.layers.ReLU(6.0)(x)
    flat = keras.ops.reshape(keras.ops.mean(last_map, axis=(1, 2)), (-1, 3))
    embedding = keras.layers.Dense(4, kernel_constraint=keras.constraints.MaxNorm(2))(flat)
    backbone = keras.Model(images, {"last_map": last_map, "embedding": embedding}, name="backbone")
    network = build_recogniser(backbone, "none")
    network.save(tmp_path / "recogniser.keras")
    assert np.array_equal(outputs(load_saved(tmp_path / "recogniser.keras")), outputs(network))


def test_files_that_are_damaged_or_incomplete(saved, tmp_path):
    path = tmp_path / "recogniser.keras"
    whole = saved.read_bytes()
    place = whole.rindex(b"HDF") + 30_000
    for content in (whole[:-100], b"", whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match="recogniser.keras: expected a saved recogniser, got a damaged or trunc"
        ):
            load_saved(path)
    rewritten(saved, tmp_path, lambda parts: [parts.pop(name) for name in list(parts) if name != "config.json"])
    with pytest.raises(ValueError, match="expected the parts config.json, .*, once each, got config.json$"):
        load_saved(path)
    rewritten(saved, tmp_path, lambda parts: parts.update({"assets/../../x": b""}))
    with pytest.raises(ValueError, match="once each, got assets/../../x, config.json"):
        load_saved(path)
    rewritten(saved, tmp_path, lambda parts: parts.update({"model.weights.h5": b"no HDF5" * 10_000}))
    with pytest.raises(
        ValueError, match="recogniser.keras: expected a recogniser, got a file that Keras cannot load"
    ):
        load_saved(path)
    for text in ("[" * 100_000, "{", "\xff"):
        rewritten(saved, tmp_path, lambda parts, text=text: parts.update({"config.json": text}))
        with pytest.raises(ValueError, match="expected JSON in config.json, got text that cannot be parsed"):
            load_saved(path)


def test_a_part_that_expands_without_limit(saved, tmp_path):
    path = rewritten(
        saved, tmp_path, lambda parts: parts.update({"model.weights.h5": bytes(2**28)}), zipfile.ZIP_DEFLATED
    )
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match="expected a part model.weights.h5 of at most .* got 268435456 bytes"):
        load_saved(path)


def foreign(**entries):
    """Put another class in place of the backbone's first convolution."""
    return changed_config(lambda config: layer_of(config, "stem.conv").update(entries))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (foreign(class_name="Lambda"), "got keras.layers.Lambda"),
        (foreign(class_name="TFSMLayer"), "got keras.layers.TFSMLayer"),
        (foreign(class_name="__lambda__"), "got keras.layers.__lambda__"),
        (foreign(class_name="__typespec__"), "got keras.layers.__typespec__"),
        (foreign(module="os", class_name="system"), "got os.system"),
        (foreign(module="keras.src.saving.saving_lib", class_name="np"), "got keras.src.saving.saving_lib.np"),
        (foreign(module="keras.utils", class_name="get_file"), "got keras.utils.get_file"),
        (foreign(module="keras.optimizers", class_name="Adam"), "got keras.optimizers.Adam"),
        (foreign(module="builtins", class_name="function", config="eval"), "got builtins.function"),
        (foreign(module=None), "got None.Conv2D"),
        (foreign(registered_name="other>Layer"), "got keras.layers.Conv2D"),
        (foreign(class_name=["Conv2D"]), "got keras.layers"),
    ],
)
def test_other_classes_are_refused_by_name(saved, tmp_path, change, message):
    path = rewritten(saved, tmp_path, change)
    with pytest.raises(ValueError, match="recogniser.keras: expected layers of Keras and of cshml_tf, ") as error:
        load_saved(path)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda config: layer_of(config, "stem.conv")["config"].update(kernel_size=[20_001] * 2),
            "expected .* bytes of weights, got",
        ),
        (
            lambda config: config["config"]["layers"][1]["config"].update(image_size=[10**9, 32]),
            "expected an image_size",
        ),
        (lambda config: config["config"]["layers"][3].update(name="other"), "recogniser.keras: expected a "),
        (lambda config: config.clear(), "expected a network in config.json"),
        (lambda config: config["config"].clear(), "expected a recogniser, got a file that Keras cannot load"),
    ],
)
def test_other_networks_are_refused_before_they_take_memory(saved, tmp_path, change, message):
    path = rewritten(saved, tmp_path, changed_config(change))
    with pytest.raises(ValueError, match=message) as error:
        load_saved(path)
    assert "\n" not in str(error.value)
    # Nothing of the refused network is left for the next one to allocate.
    with keras.StatelessScope():
        pass
    assert outputs(load_saved(saved)).shape == (2, 4)


def test_a_network_without_a_backbone_is_refused(tmp_path):
    pixels = keras.Input((None, None, 3))
    keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels)).save(tmp_path / "recogniser.keras")
    with pytest.raises(
        ValueError, match="expected a network from pixels to embeddings .* got the layers input_layer"
    ):
        load_saved(tmp_path / "recogniser.keras")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    network = build_recogniser(build("small_resnet", (32, 32), 4, width=4))
    kernel = network.weights[0]
    kernel.assign(np.full(kernel.shape, np.inf))
    network.save(tmp_path / "recogniser.keras")
    with pytest.raises(ValueError, match="expected finite weights, got NaN or infinity in "):
        load_saved(tmp_path / "recogniser.keras")
