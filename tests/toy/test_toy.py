"""The toy experiment on drawn digits: its table and plot, what it trains, and bad input."""

import cv2
import numpy as np
import pytest

from cshml_tf.cli import train_toy
from cshml_tf.data.packed.source import read_packed
from cshml_tf.model_folder import read_classifier
from cshml_tf.toy.ceiling import ceiling
from cshml_tf.toy.digits import Digits, accuracy, pack_digits, read_mnist
from cshml_tf.toy.experiment import Outcome
from cshml_tf.toy.table import format_toy_table, project


def drawn_digits(count, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count).astype(np.uint8)
    pixels = np.zeros((count, 28, 28), np.uint8)
    for picture, label in zip(pixels, labels, strict=True):
        place = (int(random.integers(4, 9)), int(random.integers(20, 26)))
        cv2.putText(picture, str(label), place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return pixels, labels


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """Write a file in MNIST's format with 300 training and 60 test digits."""
    (x_train, y_train), (x_test, y_test) = drawn_digits(300, 0), drawn_digits(60, 1)
    path = tmp_path_factory.mktemp("mnist") / "mnist.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.mark.slow
def test_the_command_trains_reports_and_plots(mnist, tmp_path, capsys):
    out = tmp_path / "toy"
    command = [str(out), "--mnist", str(mnist), "--seeds", "3", "--hr_steps", "30", "--lr_steps", "2"]
    command += ["--batch_size", "16", "--embedding_size", "2", "--ceiling_epochs", "1"]
    assert train_toy.main(command) == 0
    shown = capsys.readouterr().out
    assert "| 3 x 3, LR network, Eq. 2, random batch |" in shown and "| 75.77 |" in shown
    assert "| 3 x 3, a classifier of the nine pixels |" in shown
    assert (out / "figure.png").read_bytes().startswith(b"\x89PNG")
    hr_centres = read_classifier(out / "models" / "hr_seed3")[0]
    for name, learns in (("eq3_same", False), ("eq3_random", False), ("eq2_random", True), ("eq2_same", True)):
        centres = read_classifier(out / "models" / f"{name}_seed3")[0]
        # The L2 penalty changes the length of W in every case, only equation 2 changes its directions.
        cosines = np.sum(unit(centres) * unit(hr_centres), axis=0)
        assert (np.min(cosines) < 1 - 1e-6) == learns, name
    trained = {path: path.stat().st_mtime_ns for path in out.rglob("recogniser.keras")}
    assert train_toy.main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in trained} == trained, "a finished network was trained again"
    assert shown.split("table:")[0] == capsys.readouterr().out.split("finished")[-1].split("table:")[0]


@pytest.mark.slow
def test_only_the_requested_ways_are_trained_and_shown(mnist, tmp_path, capsys):
    out = tmp_path / "toy"
    command = [str(out), "--mnist", str(mnist), "--seeds", "3", "--hr_steps", "1", "--lr_steps", "1"]
    command += ["--batch_size", "16", "--ceiling_epochs", "1", "--ways", "eq2_same"]
    assert train_toy.main(command) == 0
    assert {path.name for path in (out / "models").iterdir()} == {"hr_seed3", "eq2_same_seed3"}
    table = capsys.readouterr().out
    assert "Eq. 2, the HR network's batch" in table and "Eq. 3" not in table
    with pytest.raises(SystemExit) as stop:
        train_toy.main([*command, "eq2_same"])
    assert stop.value.code == 2
    assert "error: --ways: expected each once, got eq2_same eq2_same" in capsys.readouterr().err


@pytest.mark.slow
def test_the_ceiling_uses_all_information_of_the_few_pixels_and_no_more():
    random = np.random.default_rng(0)

    def bars(count):
        """Four classes: a light left or right half, and vertical or horizontal stripes of one pixel."""
        labels = random.integers(0, 4, count, np.int32)
        pixels = np.zeros((count, 28, 28, 3), np.uint8)
        for picture, label in zip(pixels, labels, strict=True):
            picture[:, ::2] = 200
            if label & 1:
                picture[:] = picture.transpose(1, 0, 2)
            dark = slice(0, 14) if label & 2 else slice(14, 28)
            picture[:, dark] //= 4
        return Digits(pixels, labels)

    train, test = bars(2000), bars(400)
    share = ceiling(train, test, 3, epochs=3, seed=0)
    assert 0.4 < share < 0.6, "halves are seen in 3 x 3 pixels, the stripes are not"
    assert ceiling(train, test, 28, epochs=3, seed=0) > 0.99


def unit(columns):
    return columns / np.linalg.norm(columns, axis=0)


def test_digits_are_packed_by_label(mnist, tmp_path):
    train, test = read_mnist(mnist)
    assert train.pixels.shape == (300, 28, 28, 3) and test.labels.shape == (60,)
    pack_digits(train, tmp_path / "packed")
    source = read_packed(tmp_path / "packed")
    assert source.classes == [str(digit) for digit in range(10)]
    for image, label, name in zip(source.images, source.labels, source.names, strict=True):
        assert label == train.labels[int(name)] and np.array_equal(image, train.pixels[int(name)])


def test_other_digits_need_another_folder(mnist, tmp_path):
    train, _ = read_mnist(mnist)
    pack_digits(train, tmp_path / "packed")
    pack_digits(train, tmp_path / "packed")
    relabelled = Digits(train.pixels, (train.labels + 1) % 10)
    for other in (
        relabelled,
        Digits(255 - train.pixels, train.labels),
        Digits(train.pixels[1:], train.labels[1:]),
    ):
        with pytest.raises(ValueError, match="packed: expected the same digits as given, got others"):
            pack_digits(other, tmp_path / "packed")


def test_a_failed_download_of_mnist_is_one_line(tmp_path, monkeypatch, capsys):
    def fails(*arguments, **options):
        raise Exception("URL fetch failure on a URL: None -- no network")

    monkeypatch.setattr("keras.datasets.mnist.load_data", fails)
    assert train_toy.main([str(tmp_path / "toy")]) == 2
    said = capsys.readouterr().err
    assert "mnist: expected Keras to download it, or --mnist FILE.npz, got an error: URL fetch failure" in said
    assert said.count("\n") == 1


def test_accuracy_is_the_share_of_nearest_columns():
    def recogniser_of(embeddings):
        class Fixed:
            def predict_on_batch(self, pixels):
                return embeddings[: len(pixels)]

        return Fixed()

    centres = np.array([[3.0, 0.0], [0.0, 0.5]])  # Their lengths must not matter.
    embeddings = np.array([[1.0, 0.2], [0.1, 2.0], [0.9, 0.8], [0.2, 0.1]])
    digits = Digits(np.zeros((4, 28, 28, 3), np.uint8), np.array([0, 1, 1, 0], np.int32))
    assert accuracy(recogniser_of(embeddings), centres, digits) == 0.75


def test_table_by_hand():
    outcomes = {1: Outcome(0.99, 0.2, {"eq2_same": 0.75}), 2: Outcome(0.97, 0.3, {"eq2_same": 0.77})}
    lines = format_toy_table(outcomes, 0.834).splitlines()
    assert lines[2] == "| 28 x 28, HR network | 99.00 | 97.00 | 98.00 ± 1.41 |  |"
    assert (
        lines[4] == "| 3 x 3, LR network, Eq. 2, the HR network's batch | 75.00 | 77.00 | 76.00 ± 1.41 | 75.88 |"
    )
    assert lines[5] == "| 3 x 3, a classifier of the nine pixels | 83.40 |  | 83.40 |  |"


def test_features_of_two_coordinates_stay_and_others_are_projected():
    random = np.random.default_rng(0)
    flat = random.normal(size=(20, 2))
    assert project(flat, [flat])[0] is flat
    turned = np.linalg.qr(random.normal(size=(5, 5)))[0][:, :2].T
    plane, (other,) = project(flat @ turned, [flat[:3] @ turned])
    # Distances in a plane survive the projection onto it.
    assert np.linalg.norm(plane[0] - plane[1]) == pytest.approx(np.linalg.norm(flat[0] - flat[1]))
    assert np.allclose(other, plane[:3])


@pytest.mark.parametrize(
    "arrays, message",
    [
        (None, "expected an .npz of x_train"),
        ({"x_train": np.zeros((3, 28, 28), np.uint8)}, "expected an .npz of x_train"),
        ({"y_train": np.full(300, 10)}, "labels 0 to 9"),
        ({"x_test": np.zeros((60, 27, 28), np.uint8)}, r"expected \(digits, 28, 28\) uint8"),
        ({"x_train": np.zeros((300, 28, 28))}, "float64"),
        ({"y_test": np.array([None] * 60)}, r"bad.npz: y_test.npy: expected an array of numbers, got object"),
    ],
)
def test_what_is_not_mnist_is_one_line(mnist, tmp_path, capsys, arrays, message):
    path = tmp_path / "bad.npz"
    if arrays is None:
        path.write_bytes(mnist.read_bytes()[:2000])
    elif "y_train" not in arrays and len(arrays) == 1 and len(next(iter(arrays.values()))) == 3:
        np.savez(path, **arrays)
    else:
        with np.load(mnist) as whole:
            np.savez(path, **dict(whole) | arrays)
    with pytest.raises(ValueError, match=message):
        read_mnist(path)
    assert train_toy.main([str(tmp_path / "toy"), "--mnist", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "toy").exists()


def test_arrays_that_expand_without_limit_are_refused(mnist, tmp_path):
    path = tmp_path / "large.npz"
    with np.load(mnist) as whole:
        np.savez_compressed(path, **dict(whole) | {"x_train": np.zeros((400_000, 28, 28), np.uint8)})
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match="large.npz: expected arrays of at most 268435456 bytes"):
        read_mnist(path)
