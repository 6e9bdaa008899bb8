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


def test_a_folder_a_prefix_and_each_file_name_the_same_checkpoint(checkpoint):
    prefix = checkpoint[0] / "model-20180402-114759.ckpt-275"
    suffixes = ("", ".index", ".meta", ".data-00000-of-00001")
    found = {find_checkpoint(path) for path in (checkpoint[0], *(f"{prefix}{suffix}" for suffix in suffixes))}
    assert found == {str(prefix)}


def test_hidden_files_are_no_checkpoints(tmp_path):
    for name in ("model.ckpt-1.index", "._model.ckpt-1.index", ".old.index"):
        (tmp_path / name).touch()
    assert find_checkpoint(tmp_path) == str(tmp_path / "model.ckpt-1")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: ""\n')
    assert find_checkpoint(tmp_path) == str(tmp_path / "model.ckpt-1")
    (tmp_path / "model.ckpt-1.index").unlink()
    with pytest.raises(ValueError, match="expected a folder with one checkpoint .* got none"):
        find_checkpoint(tmp_path)


def test_the_older_format_is_named(tmp_path):
    prefix = str(tmp_path / "model.ckpt-5")
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable("weights", (3,), initializer=v1.initializers.zeros())
        session.run(v1.global_variables_initializer())
        v1.train.Saver(write_version=v1.train.SaverDef.V1).save(session, prefix, write_meta_graph=True)
    for path in (prefix, f"{prefix}.meta", tmp_path):
        with pytest.raises(
            ValueError, match=r"ckpt-5: expected a checkpoint of format V2 .* got one of format V1"
        ):
            find_checkpoint(path)


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
def test_a_checkpoint_as_the_code_of_2017_wrote_it(checkpoint, tmp_path):
    """The bottleneck outside the network's scope, the logits inside, and all that training keeps."""
    extra = {f"{BETA}/ExponentialMovingAverage": np.zeros(192), f"{BETA}/Adam_1": np.zeros(192)}
    extra |= {f"{BETA}/{slot}": np.zeros(192) for slot in ("RMSProp", "RMSProp_1", "Momentum", "Adagrad")}
    extra |= {"Bottleneck/weights/RMSProp": np.zeros((1792, 512)), "Logits/weights/Adam": np.zeros((512, 7))}
    extra |= {"InceptionResnetV1/Conv2d_1a_3x3/weights/Regularizer/l2_regularizer/avg": np.float32(1)}
    extra |= {
        name: np.float32(0.5) for name in ("beta1_power", "beta2_power", "total_loss/avg", "cross_entropy/avg")
    }
    extra |= {
        "centers": np.zeros((7, 512)),
        "total_loss/avg/biased": np.float32(1),
        "learning_rate": np.float32(0),
    }
    # A center of a person is not finite, as long as that person has not been seen.
    extra["centers"][3] = np.nan

    def change(tensors):
        for leaf in ("weights", "BatchNorm/beta", "BatchNorm/moving_mean", "BatchNorm/moving_variance"):
            tensors[f"Bottleneck/{leaf}"] = tensors.pop(f"InceptionResnetV1/Bottleneck/{leaf}")
        for leaf in ("weights", "biases"):
            tensors[f"InceptionResnetV1/Logits/{leaf}"] = tensors.pop(f"Logits/{leaf}")
        tensors.update(extra)

    loaded = load_checkpoint(rewritten(checkpoint, tmp_path, change))
    plain = load_checkpoint(find_checkpoint(checkpoint[0]))
    for one, other in zip(loaded.backbone.get_weights(), plain.backbone.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(loaded.logits, plain.logits) and loaded.logits.shape == (512, 7)
    assert loaded.skipped == sorted([*extra, "global_step"]) and plain.skipped == ["global_step"]


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
    with pytest.raises(ValueError, match="half.ckpt.index: cannot be read as a .* its end is missing"):
        load_checkpoint(find_checkpoint(tmp_path))


def test_an_index_with_missing_bytes_is_refused(checkpoint, tmp_path):
    """TensorFlow raises IndexError for some."""
    whole = Path(f"{find_checkpoint(checkpoint[0])}.index").read_bytes()
    for start in range(100, len(whole), 1500):
        (tmp_path / "cut.ckpt.index").write_bytes(whole[:start] + whole[start + 20 :])
        with pytest.raises(ValueError, match="cut.ckpt.*cannot be read as a checkpoint"):
            load_checkpoint(str(tmp_path / "cut.ckpt"))


def test_an_index_that_states_more_than_the_file_holds_is_refused_at_once(tmp_path):
    """A slice of a matrix of 1792 x 200 million numbers: the whole would take 1.4 TB."""
    prefix = str(tmp_path / "large.ckpt")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=["InceptionResnetV1/Bottleneck/weights"],
        shape_and_slices=["1792 200000000 0,1792:0,1"],
        tensors=[tf.zeros((1792, 1))],
    )
    with pytest.raises(ValueError, match="large.ckpt: its tensors cannot be read: expected 1433600000000 bytes"):
        load_checkpoint(prefix)
    with open(f"{prefix}.data-00000-of-00001", "r+b") as file:
        file.truncate(2**41)
    with pytest.raises(ValueError, match="large.ckpt: expected embeddings of 1 to 8192 numbers, got 200000000"):
        load_checkpoint(prefix)
