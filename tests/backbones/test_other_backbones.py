"""SqueezeNet, LightCNN, the face ResNet and MobileFaceNet against their papers' tables, and in use."""

import math

import keras
import numpy as np
import pytest

from cshml_tf.backbones import build
from cshml_tf.backbones.lightcnn import MaxFeatureMap
from cshml_tf.export import export_saved_model
from cshml_tf.layers import CosFace
from cshml_tf.model_folder import load_recogniser, save_model
from cshml_tf.network import LossSettings, TwoBranchNetwork
from cshml_tf.recogniser import build_recogniser, clone
from cshml_tf.training.devices import choose_strategy
from cshml_tf.training.step import make_step

SIZE, CLASSES = (48, 40), 3

# One of each way a network can be put together.
VARIANTS = [
    ("squeezenet", {}),
    ("squeezenet", {"version": "1.1", "batch_norm": True}),
    ("lightcnn", {}),
    ("lightcnn", {"depth": 29, "batch_norm": True}),
    ("resnet", {"depth": 10}),
    ("resnet", {"depth": 10, "batch_norm": True}),
    ("mobilefacenet", {}),
]
CARD = {"kind": "hr", "image_size": list(SIZE), "resolutions": [], "degradation": "antialias", "figures": {}}


def identity(variant):
    name, options = variant
    return "-".join([name, *(f"{key}={value}" for key, value in options.items())])


@pytest.fixture(params=VARIANTS, ids=identity)
def recogniser(request):
    name, options = request.param
    return build_recogniser(build(name, SIZE, 8, dropout=0.0, **options))


def trained(model):
    """Count the values that training updates: all but batch norm's two statistics."""
    return sum(math.prod(variable.shape) for variable in model.trainable_variables)


def conv(size, inputs, outputs):
    """Return the number of weights and biases of a convolution."""
    return size * size * inputs * outputs + outputs


@pytest.mark.parametrize(
    "version, conv1, to_the_classes, published",
    [("1.0", conv(7, 3, 96), 1_248_424, 1.25e6), ("1.1", conv(3, 3, 64), 1_235_496, 1.24e6)],
)
def test_squeezenet_has_its_papers_weights(version, conv1, to_the_classes, published):
    """Table 1 of the paper, before pruning: fire2, which sees 96 maps, has (96 x 16 + 16) + (16 x 64 + 64) +
    (9 x 16 x 64 + 64) = 11,920 weights; fire3 to fire9 have 12,432, 45,344, 49,440, 104,880, 111,024, 188,992 and
    197,184, conv10 at 1000 classes 512 x 1000 + 1000 = 513,000, and the whole has 1,248,424. Version 1.1 has a
    conv1 of 64 maps, so that fire2 has 32 x 16 = 512 fewer. Here E = 64 values replace the 1000 classes.
    """
    fires = 11_920 + 12_432 + 45_344 + 49_440 + 104_880 + 111_024 + 188_992 + 197_184
    fires -= 512 if version == "1.1" else 0
    assert conv1 + fires + 513_000 == to_the_classes and abs(to_the_classes - published) < 5e3
    plain = build("squeezenet", embedding_size=64, version=version)
    assert plain.count_params() == conv1 + fires + conv(1, 512, 64)
    # Batch norm has a scale and a shift instead of a bias: at conv1, in two fire modules of each kind, at the end.
    biases = {"1.0": 96, "1.1": 64}[version] + 2 * ((16 + 128) + (32 + 256) + (48 + 384) + (64 + 512)) + 64
    with_norm = trained(build("squeezenet", embedding_size=64, version=version, batch_norm=True))
    assert with_norm == plain.count_params() + biases


# Kernels of LightCNN: conv1 and, for 2 to 5, the 1x1 and the 3x3 convolution, each to twice the maps.
LIGHT_PLAIN = [(5, 1, 96), (1, 48, 96), (3, 48, 192), (1, 96, 192), (3, 96, 384)]
LIGHT_PLAIN += [(1, 192, 384), (3, 192, 256), (1, 128, 256), (3, 128, 256)]
LIGHT_UNITS = [(3, 48, 96)] * 2 + [(3, 96, 192)] * 4 + [(3, 192, 384)] * 6 + [(3, 128, 256)] * 8


@pytest.mark.parametrize(
    "depth, kernels, published", [(9, LIGHT_PLAIN, 5.556e6), (29, LIGHT_PLAIN + LIGHT_UNITS, 12.637e6)]
)
def test_lightcnn_has_its_papers_weights(depth, kernels, published):
    """The paper's tables, for 128 x 128 grey and an embedding of 256, count weights without biases: 5,556 and
    12,637 thousand, each layer cut to thousands. They count 165 thousand for conv2, as if it saw 96 maps; by the
    same tables, and by the published definition, it sees 48: 9 x 48 x 192 = 82,944, and as many are missing here.

    With 9 layers: 2,400 + 4,608 + 82,944 + 18,432 + 331,776 + 73,728 + 442,368 + 32,768 + 294,912 + 64 x 128 x 512
    = 5,478,240 weights and 2,624 biases. With 29, two 3 x 3 convolutions per unit: 82,944 + 2 x 331,776 +
    3 x 1,327,104 + 4 x 589,824 = 7,087,104 weights and 192 + 768 + 2,304 + 2,048 = 5,312 biases more.

    RGB has two more planes in the 5 x 5 of conv1: 2 x 25 x 96 = 4,800.
    """
    weights = sum(size * size * inputs * outputs for size, inputs, outputs in kernels) + 8 * 8 * 128 * 512
    assert abs((weights + 82_944) / published - 1) < 1e-3
    biases = sum(outputs for _, _, outputs in kernels) + 512
    assert weights + biases == {9: 5_478_240 + 2_624, 29: 12_565_344 + 7_936}[depth]
    plain = build("lightcnn", (128, 128), 256, depth=depth)
    assert plain.count_params() == weights + biases + 4_800
    # Batch norm has two values instead of a map's bias, and two for each value of the embedding.
    with_norm = trained(build("lightcnn", (128, 128), 256, depth=depth, batch_norm=True))
    assert with_norm == plain.count_params() + biases - 512 + 2 * 256


@pytest.mark.parametrize(
    "depth, units",
    [(4, (0, 0, 0, 0)), (10, (0, 1, 2, 0)), (20, (1, 2, 4, 1)), (36, (2, 4, 8, 2)), (64, (3, 8, 16, 3))],
)
def test_face_resnet_has_its_papers_weights(depth, units):
    """Table 2 of SphereFace at 112 x 96. Each stage starts with a biased convolution: 27 x 64 + 64 = 1,792, then
    73,856, 295,168 and 1,180,160. A unit of c maps has 2 x 9 x c x c weights. Each convolution has c slopes. The
    last layer sees 7 x 6 x 512 values: 21,504 x 512 + 512 = 11,010,560.

    With 20: 1,550,976 + 2 x 9 x (64^2 + 2 x 128^2 + 4 x 256^2 + 512^2) = 1,550,976 + 10,100,736, and
    960 + 2 x (64 + 2 x 128 + 4 x 256 + 512) = 4,672 slopes; in all 22,666,944.
    """
    assert depth == 4 + 2 * sum(units)
    openers = sum(conv(3, inputs, outputs) for inputs, outputs in [(3, 64), (64, 128), (128, 256), (256, 512)])
    residual = sum(
        2 * (9 * maps**2 + maps) * count for maps, count in zip((64, 128, 256, 512), units, strict=True)
    )
    expected = openers + 960 + residual + 11_010_560
    assert build("resnet", depth=depth).count_params() == expected
    assert depth != 20 or expected == 22_666_944


def test_mobilefacenet_has_its_papers_weights():
    """Table 1 at 112 x 112 with an embedding of 128. Convolutions: 27 x 64 + 9 x 64 = 2,304; a bottleneck of t
    times c maps to d has t c (c + 9 + d): 5 x 17,536 + 51,456 + 6 x 67,840 + 135,680 + 2 x 67,840; 128 x 512;
    global 49 x 512; 512 x 128. In total 976,000. Maps after batch norm: 64 + 64 + 5 x 320 + 640 + 6 x 640 + 1,152
    + 2 x 640 + 512 + 512 + 128 = 9,792; slopes: 64 + 64 + 5 x 256 + 512 + 6 x 512 + 1,024 + 2 x 512 + 512 = 7,552.

    The paper's 0.99 million have batch norm folded into a bias: 976,000 + 9,792 + 7,552 = 993,344.
    """
    assert trained(build("mobilefacenet", (112, 112), 128)) == 976_000 + 2 * 9_792 + 7_552
    # At 112 x 96 the last map is 7 x 6.
    assert trained(build("mobilefacenet", (112, 96), 128)) == 976_000 + 2 * 9_792 + 7_552 - 7 * 512


@pytest.mark.parametrize(
    "name, options, maps",
    [
        ("squeezenet", {}, [(26, 22, 96), (26, 22, 256), (12, 10, 512), (5, 4, 512)]),
        ("squeezenet", {"version": "1.1"}, [(27, 23, 64), (27, 23, 128), (13, 11, 256), (6, 5, 512)]),
        ("lightcnn", {}, [(56, 48, 48), (28, 24, 96), (14, 12, 192), (7, 6, 128)]),
        ("resnet", {"depth": 10}, [(56, 48, 64), (28, 24, 128), (14, 12, 256), (7, 6, 512)]),
        ("mobilefacenet", {}, [(56, 48, 64), (28, 24, 64), (14, 12, 128), (7, 6, 128)]),
    ],
)
def test_taps_at_112_x_96(name, options, maps):
    shapes = {tap: tuple(value.shape[1:]) for tap, value in build(name, (112, 96), 32, **options).output.items()}
    assert shapes == dict(zip(("stem_pool", "block_a", "block_b", "block_c"), maps, strict=True)) | {
        "embedding": (32,)
    }


@pytest.mark.parametrize(
    "name, options, smallest",
    [
        ("squeezenet", {}, 35),
        ("squeezenet", {"version": "1.1"}, 31),
        ("lightcnn", {}, 16),
        ("resnet", {"depth": 4}, 16),
        ("mobilefacenet", {}, 16),
    ],
)
def test_size_limits(name, options, smallest):
    """At the limit the last map is one pixel."""
    fits = build(name, (smallest, smallest), 4, **options)
    assert tuple(fits.output["block_c"].shape[1:3]) == (1, 1)
    with pytest.raises(ValueError, match=f"at least {smallest} x {smallest}, got {smallest - 1} x {smallest}"):
        build(name, (smallest - 1, smallest), 4, **options)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("squeezenet", {"version": "2.0"}, "version: expected one of 1.0, 1.1, got '2.0'"),
        ("lightcnn", {"depth": 10}, "depth: expected one of 9, 29, got 10"),
        ("resnet", {"depth": 18}, "depth: expected one of 4, 10, 20, 36, 64, got 18"),
        ("mobilefacenet", {"depth": 4}, "mobilefacenet: expected options among dropout, got depth"),
    ],
)
def test_bad_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)


def test_max_feature_map_takes_the_larger_half():
    maps = np.array([[1.0, 5.0, -3.0, 4.0], [0.0, -1.0, 0.5, -2.0]], np.float32)
    assert np.array_equal(MaxFeatureMap()(maps), [[1.0, 5.0], [0.5, -1.0]])
    with pytest.raises(ValueError, match="expected an even number of channels, got 3"):
        MaxFeatureMap()(maps[:, :3])


@pytest.mark.slow
def test_a_saved_recogniser_loads_and_agrees(recogniser, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype(np.uint8)
    before = np.asarray(recogniser(pixels))
    assert before.shape == (2, 8) and np.max(np.abs(np.linalg.norm(before, axis=1) - 1)) < 1e-5
    save_model(tmp_path, recogniser, CARD)
    assert np.array_equal(np.asarray(load_recogniser(tmp_path)(pixels)), before)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet", "lightcnn", "resnet", "mobilefacenet"])
def test_an_exported_recogniser_agrees(name, tmp_path):
    """Exporting compares the SavedModel with the recogniser; here TensorFlow reads it without the library."""
    tf = pytest.importorskip("tensorflow")
    recogniser = build_recogniser(build(name, SIZE, 8, **({"depth": 10} if name == "resnet" else {})))
    export_saved_model(recogniser, tmp_path / "saved_model", CARD)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *SIZE, 3)).astype(np.uint8)
    served = tf.saved_model.load(tmp_path / "saved_model").signatures["serving_default"]
    difference = np.abs(np.asarray(served(images=pixels)["embeddings"]) - np.asarray(recogniser(pixels)))
    assert difference.max() < 1e-5


@pytest.mark.slow
def test_a_step_of_the_lr_network_updates_every_trainable_variable(recogniser):
    """Plain SGD without the L2 penalty updates every variable with a gradient; the frozen HR network has none."""
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (4, *SIZE, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 0], np.int32)
    batch = {"hr": faces, "lr": np.round(0.5 * faces + 60), "hr_label": labels, "lr_label": labels}
    batch["resolution"] = np.zeros(4, np.int32)
    settings = LossSettings(tap="block_b")
    network = TwoBranchNetwork(clone(recogniser), clone(recogniser, to_train=True), CosFace(CLASSES), settings)

    def values(variables):
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]

    teacher, before = values(network.teacher.variables), values(network.trainable_variables)
    optimizer = keras.optimizers.SGD(0.05)
    optimizer.build(network.trainable_variables)
    step = make_step(network, optimizer, 0.0, choose_strategy("one"))
    terms = step(batch)
    step.write_back()
    assert set(terms) >= {"classifier", "contrastive", "multi_hierarchy", "total"}
    assert all(np.isfinite(float(value)) for value in terms.values())
    assert all(np.array_equal(a, b) for a, b in zip(teacher, values(network.teacher.variables), strict=True))
    after = values(network.trainable_variables)
    assert all(np.isfinite(value).all() for value in after)
    unchanged = [
        v.path for v, a, b in zip(network.trainable_variables, before, after, strict=True) if np.array_equal(a, b)
    ]
    assert not unchanged
