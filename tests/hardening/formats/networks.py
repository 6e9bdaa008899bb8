"""Networks: model folders, ONNX files, FaceNet's checkpoints; and MNIST's digits."""

import numpy as np
from hardening.formats.format import Format

SIZE = (12, 10)


def _small_backbone():
    import keras

    pixels = keras.Input((*SIZE, 3), name="images")
    last_map = keras.layers.Conv2D(4, 3, strides=2, name="conv")(pixels)
    last_map = keras.layers.BatchNormalization(name="norm")(last_map)
    embedding = keras.layers.GlobalAveragePooling2D(name="pool")(last_map)
    return keras.Model(pixels, {"last_map": last_map, "embedding": embedding}, name="backbone")


def save_small_model(folder, kind="hr", resolutions=()):
    """Write a model folder of a network of one convolution, with a classifier of two people."""
    from cshml_tf.model_folder import save_model
    from cshml_tf.recogniser import build_recogniser

    card = {"kind": kind, "image_size": list(SIZE), "resolutions": list(resolutions), "degradation": "antialias"}
    card |= {"standardisation": "fixed", "figures": {}, "settings": {"model_def": "small_resnet"}}
    people = ["Ann", "Zoë"]
    save_model(folder, build_recogniser(_small_backbone(), "fixed"), card, np.ones((4, 2)), people, people)


def _model(folder):
    save_small_model(folder / "hr")


def _read_model(folder, changed):
    from cshml_tf.evaluation.networks import choose_networks
    from cshml_tf.model_folder import read_classifier, trained_people

    networks = choose_networks(folder / "hr")
    read_classifier(folder / "hr")
    trained_people(folder / "hr")
    if changed.name not in ("recogniser.keras", "model.json"):
        return
    recogniser, _ = networks.load()
    assert np.asarray(recogniser(np.zeros((1, *SIZE, 3)), training=False)).shape == (1, 4)


def _onnx(folder):
    from onnx_files import node, weights, write_graph

    nodes = [
        node("Conv", ["image", "kernel"], "conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["conv", "gamma", "beta", "mean", "variance"], "norm", epsilon=1e-5),
        node("PRelu", ["norm", "slope"], "prelu"),
        node("Flatten", ["prelu"], "flat", axis=1),
        node("Gemm", ["flat", "dense", "bias"], "embedding", transB=1),
    ]
    shapes = {"kernel": (4, 3, 3, 3), "slope": (4, 1, 1), "dense": (8, 4 * 6 * 5), "bias": (8,)}
    constants = {name: weights(*shape) for name, shape in shapes.items()}
    constants |= {name: abs(weights(4)) + 0.5 for name in ("gamma", "beta", "mean", "variance")}
    write_graph(folder / "network.onnx", nodes, constants)


def _read_onnx(folder, changed):
    from cshml_tf.pretrained.importing import import_onnx

    assert 0 <= import_onnx(folder / changed, folder / "imported", "fixed", image_size=SIZE) <= 1e-3


def _small_facenet(*_, **__):
    """Stand in for Inception-ResNet-v1, which takes seconds to build: a few of its layers, under their names."""
    import keras

    images = keras.Input((*SIZE, 3), name="images")
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="Conv2d_1a_3x3")(images)
    x = keras.layers.BatchNormalization(scale=False, name="Conv2d_1a_3x3.BatchNorm")(x)
    last_map = keras.layers.Conv2D(6, 1, name="Block8.Conv2d_1x1")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(last_map)
    embedding = keras.layers.Dense(8, use_bias=False, name="Bottleneck")(x)
    return keras.Model(images, {"last_map": last_map, "embedding": embedding}, name="backbone")


def _prepare_facenet():
    from cshml_tf.pretrained import facenet

    facenet.build = _small_facenet


def _facenet(folder):
    import tensorflow as tf

    shapes = {
        "Conv2d_1a_3x3/weights": (3, 3, 3, 4),
        "Conv2d_1a_3x3/BatchNorm/beta": (4,),
        "Conv2d_1a_3x3/BatchNorm/moving_mean": (4,),
        "Conv2d_1a_3x3/BatchNorm/moving_variance": (4,),
        "Block8/Conv2d_1x1/weights": (1, 1, 4, 6),
        "Block8/Conv2d_1x1/biases": (6,),
        "Bottleneck/weights": (6, 8),
    }
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        for name, shape in shapes.items():
            v1.get_variable(f"InceptionResnetV1/{name}", initializer=np.full(shape, 0.5, np.float32))
        v1.get_variable("Logits/weights", initializer=np.ones((8, 3), np.float32))
        v1.get_variable("Logits/biases", initializer=np.zeros(3, np.float32))
        v1.get_variable("global_step", initializer=np.int64(7))
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "checkpoint" / "model-7"), write_meta_graph=False)


def _read_facenet(folder, changed):
    from cshml_tf.pretrained.importing import import_facenet

    columns, _ = import_facenet(folder / "checkpoint", folder / "imported", SIZE)
    assert columns in (0, 3)


def _digits(folder):
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 20), ("test", 10)):
        arrays[f"x_{part}"] = random.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        arrays[f"y_{part}"] = (np.arange(count) % 10).astype(np.uint8)
    np.savez(folder / "plain.npz", **arrays)
    np.savez_compressed(folder / "compressed.npz", **arrays)


def _read_digits(folder, changed):
    from cshml_tf.toy.digits import read_mnist

    for digits in read_mnist(folder / changed):
        assert digits.pixels.shape[1:] == (28, 28, 3) and 0 <= digits.labels.min() <= digits.labels.max() <= 9


def _scorers(folder):
    from planted_people import draw, planted

    from cshml_tf.evaluation.joint_bayesian.scorers import Scorers, write_scorers
    from cshml_tf.metrics.joint_bayesian import fit_joint_bayesian

    random = np.random.default_rng(0)
    hr, hr_people, lr, lr_people = draw(random, planted(random, 2), 20, 3)
    classifier, _ = fit_joint_bayesian(hr, hr_people, lr, lr_people)
    about = {"hr_network": "0" * 64, "lr_networks": {"6": "1" * 64}, "degradation": {"6": "antialias"}}
    about |= {"flip": False, "fitted_on": ["Ann", "Zoë"], "settings": {}}
    write_scorers(folder / "hjb.npz", Scorers({"6": classifier}, about))


def _read_scorers(folder, changed):
    from cshml_tf.evaluation.joint_bayesian.scorers import read_scorers

    scorers = read_scorers(folder / changed)
    for classifier in scorers.classifiers.values():
        width = len(classifier.basis)
        assert np.isfinite(classifier.similarity(np.ones((1, width)), np.zeros((1, width)))).all()


FORMATS = [
    Format("model", _model, _read_model, ("hr/*",)),
    Format("onnx", _onnx, _read_onnx),
    Format("facenet", _facenet, _read_facenet, ("checkpoint/*",), prepare=_prepare_facenet),
    Format("digits", _digits, _read_digits),
    Format("scorers", _scorers, _read_scorers),
]
