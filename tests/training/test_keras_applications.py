"""Networks of keras.applications, whose graphs contain Keras operations such as x + y, as HR and LR networks."""

import keras
import numpy as np
import pytest
from runs import interrupt_after, same_weights, weights

import cshml_tf
from cshml_tf.model_folder import read_card, save_model
from cshml_tf.recogniser import build_recogniser, clone
from cshml_tf.settings.training import HrSettings, LrSettings
from cshml_tf.training.hr import train_hr
from cshml_tf.training.lr import train_lr

NETWORKS = {"mobilenet_v3": keras.applications.MobileNetV3Small, "efficientnet": keras.applications.EfficientNetB0}


def recogniser_of(application, nested=False):
    images = keras.Input((48, 40, 3), name="images")
    if nested:
        base = application(include_top=False, weights=None, input_shape=(48, 40, 3))
        maps = base(images)
    else:
        maps = application(include_top=False, weights=None, input_tensor=images).output
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    embedding = keras.layers.Dense(16, use_bias=False, name="embedding")(pooled)
    outputs = {"last_map": maps, "embedding": embedding}
    return build_recogniser(keras.Model(images, outputs, name="backbone"), "none")


@pytest.mark.slow
@pytest.mark.parametrize("nested", [False, True])
def test_a_clone_returns_the_same_embeddings(nested):
    recogniser = recogniser_of(keras.applications.MobileNetV3Small, nested)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 40, 3)).astype(np.float32)
    expected = keras.ops.convert_to_numpy(recogniser(pixels))
    for precision, tolerance in (("float32", 1e-5), ("mixed_bfloat16", 0.05)):
        copy = clone(recogniser, precision, dropout=0.1, to_train=True)
        assert len(copy.get_weights()) == len(recogniser.get_weights()) > 100
        assert same_weights(copy.get_weights(), recogniser.get_weights())
        got = keras.ops.convert_to_numpy(copy(pixels))
        assert got.dtype == np.float32 and np.abs(got - expected).max() < tolerance
        # Depthwise convolutions stay in float32, which is faster on CPUs.
        policies = {
            layer.compute_dtype
            for layer in copy._flatten_layers()
            if layer.name.startswith("expanded_conv") and not isinstance(layer, keras.layers.DepthwiseConv2D)
        }
        assert policies == {"bfloat16" if precision == "mixed_bfloat16" else "float32"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_trained_saved_reloaded_and_resumed(run_options, tmp_path, name):
    start = tmp_path / "start"
    card = {"kind": "hr", "image_size": [48, 40], "resolutions": [], "degradation": "antialias", "figures": {}}
    save_model(start, recogniser_of(NETWORKS[name]), card | {"standardisation": "none"})
    options = run_options | {"max_steps": 2, "log_every": 1, "learning_rate": 0.01}
    mixed = {"mixed_precision": name == "efficientnet"}
    hr, _ = train_hr(HrSettings(**options, **mixed, pretrained_model=str(start), run_name="hr"), progress=False)
    assert not same_weights(weights(hr.model_dir), weights(start))
    settings = LrSettings(**options, pretrained_model=str(hr.model_dir), resolution=(8,), run_name="lr")
    if name == "mobilenet_v3":
        _, outcome = train_lr(settings, progress=False, on_step=interrupt_after(1))
        assert outcome.steps == 1 and not outcome.complete
    lr, outcome = train_lr(settings, progress=False)
    assert outcome.complete and read_card(lr.model_dir)["tap"] == "last_map"
    pixels = np.zeros((1, 48, 40, 3), np.uint8)
    embedding = keras.ops.convert_to_numpy(cshml_tf.load_recogniser(lr.model_dir)(pixels))
    assert embedding.shape == (1, 16) and np.isclose(np.linalg.norm(embedding), 1)
