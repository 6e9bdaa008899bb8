"""The file of classifiers: what is written is read, and what is damaged or of another test is refused."""

import json
import zipfile

import keras
import numpy as np
import pytest
from planted_people import draw, planted

from cshml_tf.data.packed.source import PackedSource
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.evaluation.joint_bayesian.fitting import fit_scorers
from cshml_tf.evaluation.joint_bayesian.scorers import Scorers, check_scorers, read_scorers, write_scorers
from cshml_tf.evaluation.networks import choose_networks
from cshml_tf.metrics.joint_bayesian import Fit, fit_joint_bayesian
from cshml_tf.model_folder import save_model
from cshml_tf.recogniser import build_recogniser

SIZE = (16, 12)


def save_network(folder, kind, resolutions):
    """A network whose embedding is 16 of the picture's mean colours, drawn at random."""
    pixels = keras.Input((*SIZE, 3))
    cells = keras.layers.AveragePooling2D(4)(pixels)
    embedding = keras.layers.Dense(8, use_bias=False)(keras.layers.Flatten()(cells))
    backbone = keras.Model(pixels, {"last_map": cells, "embedding": embedding}, name="backbone")
    card = {"kind": kind, "image_size": list(SIZE), "resolutions": resolutions, "degradation": "antialias"}
    save_model(folder, build_recogniser(backbone, "fixed"), card | {"figures": {}})


def faces():
    """Twelve people, three noisy pictures of each."""
    random = np.random.default_rng(0)
    patterns = random.integers(0, 256, (12, 4, 3, 3)).repeat(4, 1).repeat(4, 2)
    noisy = patterns.repeat(3, 0) + random.normal(0, 60, (36, *SIZE, 3))
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    labels = np.repeat(np.arange(12), 3).astype(np.int32)
    names = [f"{number}.png" for number in range(36)]
    return PackedSource(labels, [f"P{person}" for person in range(12)], names, "faces", pixels, np.arange(36))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    keras.utils.set_random_seed(1)
    save_network(folder / "hr", "hr", [])
    save_network(folder / "lr", "lr", [4, [8, 6]])
    save_network(folder / "other", "lr", [4, [8, 6]])
    return folder


@pytest.fixture(scope="module")
def fitted(folders):
    networks = choose_networks(folders / "hr", [folders / "lr"])
    return networks, *fit_scorers(faces(), networks, Fit(ridge=0.1), settings={"seed": 1})


def test_every_resolution_is_fitted_to_its_own_faces(fitted):
    """The same fit, from the embeddings of reduced faces; all faces of a person count in both forms."""
    networks, scorers, objectives = fitted
    source = faces()
    hr, lr = networks.load()
    for key, resolution in (("4", 4), ("8x6", (8, 6))):
        sharp, reduced = embed(source.images, [View(hr), View(lr[resolution], resolution)])
        expected, risen = fit_joint_bayesian(sharp, source.labels, reduced, source.labels, Fit(ridge=0.1))
        found = scorers.classifiers[key]
        np.testing.assert_allclose(
            found.similarity(reduced, sharp), expected.similarity(reduced, sharp), rtol=1e-6, atol=1e-6
        )
        assert np.diff(objectives[key]).min() >= 0 and len(objectives[key]) == len(risen)
    assert scorers.about["fitted_on"] == source.classes and scorers.about["flip"] is False


def test_what_is_written_is_read(fitted, tmp_path):
    networks, scorers, _ = fitted
    write_scorers(tmp_path / "hjb.npz", scorers)
    again = read_scorers(tmp_path / "hjb.npz")
    assert again.about == scorers.about and list(again.classifiers) == ["4", "8x6"]
    rows = np.random.default_rng(1).normal(size=(2, 5, 8))
    for key, classifier in scorers.classifiers.items():
        assert np.array_equal(again.classifiers[key].similarity(*rows), classifier.similarity(*rows))
    check_scorers(again, networks, False, ["Somebody else"])
    assert [path.name for path in tmp_path.iterdir()] == ["hjb.npz"]


def test_another_test_is_refused(fitted, folders):
    """People in both, in any Unicode form; other embeddings; another resolution; another degradation."""
    networks, scorers, _ = fitted

    def refused(words, networks=networks, flip=False, tested=(), **about):
        with pytest.raises(ValueError, match=words):
            check_scorers(Scorers(scorers.classifiers, scorers.about | about), networks, flip, tested)

    refused("other people than those compared, got one fitted on 2 of them: P0, P7$", tested=["P0", "X", "P7"])
    refused("fitted on 12 of them: P0, P1, P10 and 9 more", tested=scorers.about["fitted_on"])
    refused("fitted on 1 of them: Zoe\u0308", tested=["Zoe\u0308"], fitted_on=["Zo\u00eb"])
    refused("expected a classifier of embeddings with flip averaging, got one without it", flip=True)
    refused("expected a classifier of the embeddings of .*hr, got one of others", hr_network="0" * 64)
    other = choose_networks(folders / "hr", [folders / "other"])
    refused("expected a classifier of the embeddings of .*other at 4, got one of others", networks=other)
    plain = choose_networks(folders / "hr", [folders / "lr"], degradation="plain")
    refused("expected a classifier of faces reduced by plain, got one of faces by antialias", networks=plain)
    with pytest.raises(ValueError, match="hjb: expected a classifier for 8x6, got some for 4"):
        check_scorers(Scorers({"4": scorers.classifiers["4"]}, scorers.about), networks, False, [])


def planted_scorers():
    """Classifiers small enough to write by hand."""
    random = np.random.default_rng(0)
    hr, hr_people, lr, lr_people = draw(random, planted(random, 2), 20, 3)
    classifier, _ = fit_joint_bayesian(hr, hr_people, lr, lr_people)
    about = {"hr_network": "0" * 64, "lr_networks": {"4": "1" * 64}, "degradation": {"4": "antialias"}}
    return Scorers({"4": classifier}, about | {"flip": False, "fitted_on": ["Ann"], "settings": {}})


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "hjb.npz"
    write_scorers(path, planted_scorers())
    with np.load(path) as archive:
        good = dict(archive)

    def refused(words, **changed):
        values = {name: value for name, value in (good | changed).items() if value is not None}
        np.savez(path, **values)
        with pytest.raises(ValueError, match=f"hjb.npz.*: {words}"):
            read_scorers(path)

    def about(**changed):
        text = json.dumps(json.loads(good["about"].tobytes()) | changed)
        return np.frombuffer(text.encode(), np.uint8)

    read_scorers(path)
    refused("expected arrays means, basis, people, noises for resolutions 4, got others", **{"4.means": None})
    refused(
        "expected arrays .* for resolutions 4, 6, got others",
        about=about(lr_networks={"4": "1" * 64, "6": "1" * 64}),
    )
    refused("hr_network: expected str matching regex", about=about(hr_network="x"))
    refused("expected a file of fit_hjb.py", about=np.frombuffer(b"{", np.uint8))
    refused("basis: expected finite float64 numbers of 2 dim", **{"4.basis": good["4.basis"].astype(np.float32)})
    refused("means: expected finite float64 numbers of 2 dim", **{"4.means": good["4.means"] * np.nan})
    refused("covariance of people: expected a positive definite", **{"4.people": -good["4.people"]})
    refused("basis: expected orthonormal columns", **{"4.basis": 2 * good["4.basis"]})
    refused("joint Bayesian: expected means", **{"4.means": good["4.means"][:, :1]})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", b"compressed")
    with pytest.raises(
        ValueError, match="expected a file of fit_hjb.py, got another kind of file or a damaged one"
    ):
        read_scorers(path)
