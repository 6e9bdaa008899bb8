"""FaceNet checkpoints: one written by a TensorFlow 1 network is compared with that network; broken ones fail."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cshml_tf.pretrained.facenet import find_checkpoint, load_checkpoint

v1 = tf.compat.v1


def conv(x, filters, size, name, stride=1, padding="SAME", norm=True):
    """Build a convolution as TF-slim does: kernel, batch norm without a scale, ReLU; or kernel and bias."""
    height, width = (size, size) if isinstance(size, int) else size
    with v1.variable_scope(name):
        shape = (height, width, x.shape[-1], filters)
        kernel = v1.get_variable("weights", shape, initializer=v1.initializers.variance_scaling(2.0))
        x = tf.nn.conv2d(x, kernel, stride, padding)
        if norm:
            return tf.nn.relu(batch_norm(x))
        return x + v1.get_variable("biases", (filters,), initializer=v1.initializers.random_normal(0, 0.1))


def batch_norm(x):
    with v1.variable_scope("BatchNorm"):
        channels = (x.shape[-1],)
        beta = v1.get_variable("beta", channels, initializer=v1.initializers.random_normal(0, 0.1))
        mean = v1.get_variable("moving_mean", channels, initializer=v1.initializers.random_normal(0, 0.1))
        variance = v1.get_variable(
            "moving_variance", channels, initializer=v1.initializers.random_uniform(0.5, 1.5)
        )
        return (x - mean) * tf.math.rsqrt(variance + 0.001) + beta


def block(x, name, branches, scale, relu=True):
    """Build a residual block; a branch is a list of (filters, size, name)."""
    with v1.variable_scope(name):
        ends = []
        for number, layers in enumerate(branches):
            with v1.variable_scope(f"Branch_{number}"):
                y = x
                for filters, size, layer in layers:
                    y = conv(y, filters, size, layer)
                ends.append(y)
        x += scale * conv(tf.concat(ends, 3), x.shape[-1], 1, "Conv2d_1x1", norm=False)
    return tf.nn.relu(x) if relu else x


def reduction(x, name, branches):
    """Build branches whose last convolution has stride 2, and a pool."""
    with v1.variable_scope(name):
        ends = []
        for number, layers in enumerate(branches):
            with v1.variable_scope(f"Branch_{number}"):
                y = x
                for filters, size, layer in layers[:-1]:
                    y = conv(y, filters, size, layer)
                filters, size, layer = layers[-1]
                ends.append(conv(y, filters, size, layer, 2, "VALID"))
        return tf.concat([*ends, tf.nn.max_pool2d(x, 3, 2, "VALID")], 3)


BLOCK35 = [
    [(32, 1, "Conv2d_1x1")],
    [(32, 1, "Conv2d_0a_1x1"), (32, 3, "Conv2d_0b_3x3")],
    [(32, 1, "Conv2d_0a_1x1"), (32, 3, "Conv2d_0b_3x3"), (32, 3, "Conv2d_0c_3x3")],
]
BLOCK17 = [
    [(128, 1, "Conv2d_1x1")],
    [(128, 1, "Conv2d_0a_1x1"), (128, (1, 7), "Conv2d_0b_1x7"), (128, (7, 1), "Conv2d_0c_7x1")],
]
BLOCK8 = [
    [(192, 1, "Conv2d_1x1")],
    [(192, 1, "Conv2d_0a_1x1"), (192, (1, 3), "Conv2d_0b_1x3"), (192, (3, 1), "Conv2d_0c_3x1")],
]
MIXED_6A = [
    [(384, 3, "Conv2d_1a_3x3")],
    [(192, 1, "Conv2d_0a_1x1"), (192, 3, "Conv2d_0b_3x3"), (256, 3, "Conv2d_1a_3x3")],
]
MIXED_7A = [
    [(256, 1, "Conv2d_0a_1x1"), (384, 3, "Conv2d_1a_3x3")],
    [(256, 1, "Conv2d_0a_1x1"), (256, 3, "Conv2d_1a_3x3")],
    [(256, 1, "Conv2d_0a_1x1"), (256, 3, "Conv2d_0b_3x3"), (256, 3, "Conv2d_1a_3x3")],
]


def network(x, stride):
    with v1.variable_scope("InceptionResnetV1", reuse=v1.AUTO_REUSE):
        x = conv(x, 32, 3, "Conv2d_1a_3x3", 2, "VALID")
        x = conv(x, 32, 3, "Conv2d_2a_3x3", 1, "VALID")
        x = conv(x, 64, 3, "Conv2d_2b_3x3")
        x = tf.nn.max_pool2d(x, 3, stride, "VALID")
        x = conv(x, 80, 1, "Conv2d_3b_1x1")
        x = conv(x, 192, 3, "Conv2d_4a_3x3", 1, "VALID")
        x = conv(x, 256, 3, "Conv2d_4b_3x3", 2, "VALID")
        for number in range(1, 6):
            x = block(x, f"Repeat/block35_{number}", BLOCK35, 0.17)
        x = reduction(x, "Mixed_6a", MIXED_6A)
        for number in range(1, 11):
            x = block(x, f"Repeat_1/block17_{number}", BLOCK17, 0.10)
        x = reduction(x, "Mixed_7a", MIXED_7A)
        for number in range(1, 6):
            x = block(x, f"Repeat_2/block8_{number}", BLOCK8, 0.20)
        x = block(x, "Block8", BLOCK8, 1.0, relu=False)
        x = tf.reduce_mean(x, (1, 2))
        with v1.variable_scope("Bottleneck"):
            x = x @ v1.get_variable("weights", (1792, 512), initializer=v1.initializers.glorot_uniform())
            return batch_norm(x)


SIZES = {(160, 160): 2, (112, 96): 1}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Return a folder with a checkpoint of seven classes, and (images, embeddings) by image size."""
    folder = tmp_path_factory.mktemp("20180402-114759")
    rng = np.random.default_rng(0)
    expected = {}
    with tf.Graph().as_default():
        v1.set_random_seed(0)
        graphs = {}
        for size, stride in SIZES.items():
            images = v1.placeholder(tf.float32, (None, *size, 3))
            graphs[size] = images, network(images, stride)
        with v1.variable_scope("Logits"):
            v1.get_variable("weights", (512, 7), initializer=v1.initializers.glorot_uniform())
            v1.get_variable("biases", (7,), initializer=v1.initializers.zeros())
        v1.get_variable("global_step", (), tf.int64, initializer=v1.initializers.zeros())
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for size, (images, embedding) in graphs.items():
                pixels = rng.uniform(-1, 1, (2, *size, 3)).astype(np.float32)
                expected[size] = pixels, session.run(embedding, {images: pixels})
            v1.train.Saver().save(session, str(folder / "model-20180402-114759.ckpt"), global_step=275)
    return folder, expected


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_embeddings_are_those_of_the_graph(checkpoint, size):
    folder, expected = checkpoint
    backbone, logits, _ = load_checkpoint(find_checkpoint(folder), size, SIZES[size])
    images, embeddings = expected[size]
    ours = np.asarray(backbone(images, training=False)["embedding"])
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    assert np.abs(ours - embeddings).max() < 1e-5 * norms.max()
    assert np.abs(ours / np.linalg.norm(ours, axis=1, keepdims=True) - embeddings / norms).max() < 1e-5
    assert logits.shape == (512, 7)


def test_every_tensor_is_used(checkpoint):
    reader = tf.train.load_checkpoint(find_checkpoint(checkpoint[0]))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("InceptionResnetV1/")]
    backbone = load_checkpoint(find_checkpoint(checkpoint[0])).backbone
    assert len(names) == 490
    assert backbone.count_params() == sum(reader.get_tensor(name).size for name in names)


def test_folder_prefix_and_index_file_name_the_same_checkpoint(checkpoint):
    prefix = checkpoint[0] / "model-20180402-114759.ckpt-275"
    assert (
        find_checkpoint(checkpoint[0])
        == find_checkpoint(prefix)
        == find_checkpoint(f"{prefix}.index")
        == str(prefix)
    )


def test_no_checkpoint_and_several(tmp_path):
    with pytest.raises(ValueError, match="expected a folder with one checkpoint .* got none"):
        find_checkpoint(tmp_path)
    with pytest.raises(ValueError, match="absent: expected a checkpoint's folder, prefix or .index file"):
        find_checkpoint(tmp_path / "absent")
    for name in ("a.ckpt-1.index", "b.ckpt-2.index"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="got a.ckpt-1, b.ckpt-2"):
        find_checkpoint(tmp_path)
    note = 'model_checkpoint_path: "{}"\nall_model_checkpoint_paths: "a.ckpt-1"\n'
    for newest in ("b.ckpt-2", "/home/somebody/models/b.ckpt-2"):
        (tmp_path / "checkpoint").write_text(note.format(newest))
        assert find_checkpoint(tmp_path) == str(tmp_path / "b.ckpt-2")
    (tmp_path / "checkpoint").write_text(note.format("c.ckpt-3"))
    with pytest.raises(ValueError, match="got a.ckpt-1, b.ckpt-2"):
        find_checkpoint(tmp_path)


def rewritten(checkpoint, folder, change):
    """Write the checkpoint again after changing its dict of tensors."""
    reader = tf.train.load_checkpoint(find_checkpoint(checkpoint[0]))
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    change(tensors)
    prefix = str(folder / "changed.ckpt")
    with tf.Graph().as_default(), v1.Session() as session:
        session.run(
            tf.raw_ops.SaveV2(
                prefix=prefix,
                tensor_names=list(tensors),
                shape_and_slices=[""] * len(tensors),
                tensors=list(tensors.values()),
            )
        )
    return prefix


BETA = "InceptionResnetV1/Block8/Branch_0/Conv2d_1x1/BatchNorm/beta"


@pytest.mark.slow
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda tensors: tensors.pop(BETA), f"missing {BETA}"),
        (
            lambda tensors: tensors.update({"InceptionResnetV1/New/weights": np.zeros(3)}),
            "unexpected InceptionResnetV1/New/weights",
        ),
        (
            lambda tensors: tensors.update({BETA: np.zeros(5, np.float32)}),
            r"beta: expected shape \(192,\), got \(5,\)",
        ),
        (lambda tensors: tensors.update({BETA: np.full(192, np.nan)}), "beta: expected finite numbers"),
        (
            lambda tensors: tensors.update({"Logits/weights": np.zeros((128, 7), np.float32)}),
            r"Logits/weights: expected shape \(512, 7\), got \(128, 7\)",
        ),
        (lambda tensors: tensors.update({"Logits/weights": np.zeros(7)}), r"Logits/weights: .* got \(7,\)"),
        (
            lambda tensors: tensors.update({"Logits/biases": np.zeros(9)}),
            r"Logits/biases: expected shape \(7,\), got \(9,\)",
        ),
        (lambda tensors: tensors.pop("Logits/biases"), "missing Logits/biases"),
        (
            lambda tensors: tensors.update({"InceptionResnetV1/Bottleneck/weights": np.float32(1)}),
            r"Bottleneck/weights: expected shape \(1792, 512\), got \(\)",
        ),
    ],
)
def test_missing_and_unexpected_tensors_and_wrong_shapes_are_named(checkpoint, tmp_path, change, message):
    prefix = rewritten(checkpoint, tmp_path, change)
    with pytest.raises(ValueError, match=message):
        load_checkpoint(prefix)


@pytest.mark.slow
def test_variables_of_the_training_are_skipped(checkpoint, tmp_path):
    slots = {f"{BETA}/ExponentialMovingAverage": np.zeros(192), f"{BETA}/Adam_1": np.zeros(192)}
    slots |= {"beta1_power": np.float32(0.5), "beta2_power": np.float32(0.5)}
    loaded = load_checkpoint(rewritten(checkpoint, tmp_path, lambda tensors: tensors.update(slots)))
    assert loaded.backbone.count_params() == 23_497_424
    assert loaded.skipped == sorted([*slots, "global_step"])


@pytest.mark.slow
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_checkpoint_with_truncated_or_missing_data_is_refused(checkpoint, tmp_path, share):
    prefix = Path(rewritten(checkpoint, tmp_path, lambda tensors: None))
    (data,) = tmp_path.glob("*.data-*")
    data.write_bytes(data.read_bytes()[: int(share * data.stat().st_size)])
    if not share:
        data.unlink()
    with pytest.raises(ValueError, match="changed.ckpt: .* be read"):
        load_checkpoint(str(prefix))


def test_a_damaged_index_is_refused(tmp_path):
    (tmp_path / "half.ckpt.index").write_bytes(b"truncated")
    with pytest.raises(ValueError, match="half.ckpt: cannot be read as a checkpoint"):
        load_checkpoint(find_checkpoint(tmp_path))
