"""Crops of any size, each embedded by the network that suits its width."""

import keras
import numpy as np
import pytest

from cshml_tf import backbones
from cshml_tf.evaluation.served_images import FaceFiles, count_served, embed_files, embed_served, width_files
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.images import write_image
from cshml_tf.recogniser import build_recogniser

SIZE = (48, 40)
SIZES = [(48, 40), (14, 12), (60, 50), (8, 8), (13, 11), (20, 19), (20, 20), (9, 7)]
# The LR networks serve below 20 pixels: 12, or 8 below their geometric mean, 9.8.
SERVED = [None, 12, None, 8, 12, 12, None, 8]


def small_recogniser(seed):
    keras.utils.set_random_seed(seed)
    return build_recogniser(backbones.build("small_resnet", SIZE, 16, width=2))


@pytest.fixture(scope="module")
def networks():
    return ServingNetworks(small_recogniser(1), {12: small_recogniser(2), 8: small_recogniser(3)}, hr_width=20)


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, 3)).astype(np.uint8) for size in SIZES]


@pytest.fixture
def paths(pictures, tmp_path):
    for number, picture in enumerate(pictures):
        write_image(tmp_path / f"{number}.png", picture)
    return [tmp_path / f"{number}.png" for number in range(len(pictures))]


def one_by_one(recogniser, picture, flip=False):
    """Embed a picture by itself, resized by the network's own layer."""
    shown = [picture, picture[:, ::-1]] if flip else [picture]
    total = sum(np.asarray(recogniser(view[None], training=False))[0] for view in shown)
    return total / np.linalg.norm(total)


@pytest.mark.slow
@pytest.mark.parametrize(("batch_size", "flip"), [(2, False), (3, True), (99, False)])
def test_every_picture_is_its_networks(networks, pictures, paths, batch_size, flip):
    embedded = embed_files(FaceFiles(paths), networks, batch_size, flip)
    assert embedded.resolutions == SERVED
    for row, (picture, resolution) in enumerate(zip(pictures, SERVED, strict=True)):
        by_hr = one_by_one(networks.hr, picture, flip)
        served = one_by_one(networks.serving(resolution), picture, flip)
        assert np.abs(embedded.by_hr[row] - by_hr).max() < 1e-5
        assert np.abs(embedded.served[row] - served).max() < 1e-5
    assert embedded.served.dtype == np.float32


def test_without_lr_networks_both_are_one(networks, paths):
    embedded = embed_files(FaceFiles(paths), ServingNetworks(networks.hr, {}, 20))
    assert embedded.by_hr is embedded.served and set(embedded.resolutions) == {None}


def test_the_width_of_another_file_can_select_the_network(networks, pictures, paths):
    others = [paths[3]] * len(paths)
    embedded = embed_files(FaceFiles(paths, others), networks)
    assert embedded.resolutions == [8] * len(paths)
    assert np.abs(embedded.served[0] - one_by_one(networks.lr[8], pictures[0])).max() < 1e-5


class Counting:
    """A recogniser that counts its pictures and records the sizes of its compiled batches."""

    output_shape = (None, 3)
    image_size = SIZE

    def __init__(self):
        self.shown = 0
        self.batches = []

    def get_layer(self, name):
        return self

    def __call__(self, pixels, training):
        self.shown += len(pixels)
        return np.array([[1.0, 0, 0]] * len(pixels))

    def predict_on_batch(self, pixels):
        self.batches.append(pixels.shape)
        return self(pixels, training=False)


def test_at_most_one_batch_waits_for_each_network():
    hr, lr = Counting(), Counting()
    drawn, most = 0, 0

    def stream():
        nonlocal drawn, most
        for number in range(50):
            most = max(most, drawn - hr.shown - lr.shown)
            drawn += 1
            yield np.zeros((9, 8, 3), np.uint8), (8 if number % 3 else 30)

    embedded = embed_served(stream(), 50, ServingNetworks(hr, {8: lr}, 20), batch_size=4)
    assert (hr.shown, lr.shown) == (17, 33)
    assert most <= 2 * (4 - 1)
    # Full batches are compiled, all of one size; what is left over is not.
    assert set(hr.batches) == set(lr.batches) == {(4, *SIZE, 3)}
    assert embedded.by_hr is None
    np.testing.assert_array_equal(embedded.served, [[1, 0, 0]] * 50)


def test_a_network_of_two_resolutions_has_one_queue():
    lr = Counting()
    widths = [8, 12, 8, 12]
    pictures = [(np.zeros((9, 8, 3), np.uint8), width) for width in widths]
    embedded = embed_served(pictures, 4, ServingNetworks(Counting(), {8: lr, 12: lr}, 20), batch_size=4)
    assert lr.batches == [(4, *SIZE, 3)]
    assert embedded.resolutions == widths
    assert count_served(embedded.resolutions + [None]) == {"HR": 1, "8": 2, "12": 2}


def test_files_that_cannot_be_read_are_named(networks, paths):
    paths[4].write_bytes(paths[4].read_bytes()[:60])
    with pytest.raises(ValueError, match=r"4\.png: the PNG file is cut short"):
        embed_files(FaceFiles(paths), networks)
    paths[6].write_bytes(b"")
    unused = ServingNetworks(None, {}, 20)
    with pytest.raises(ValueError, match=r"4\.png: .* \(and 1 more files cannot be read\); remove such files"):
        embed_files(FaceFiles(paths), unused)
    paths[4].unlink()
    with pytest.raises(ValueError, match=r"4\.png: cannot open"):
        embed_files(FaceFiles(paths), networks)


def test_a_broken_network_is_reported(paths):
    class Broken(Counting):
        def __call__(self, pixels, training):
            return super().__call__(pixels, training) * [np.nan, 1, 1]

    message = r"1\.png: expected a finite, non-zero embedding \(LR network\)"
    with pytest.raises(ValueError, match=message):
        embed_files(FaceFiles(paths), ServingNetworks(Counting(), {12: Broken()}, 20))


def test_distributed_files_are_found_by_stem(tmp_path):
    distributed = [tmp_path / "b.JPG", tmp_path / "a.jpg"]
    assert width_files([tmp_path / "x" / "A.png", tmp_path / "x" / "b.png"], distributed) == distributed[::-1]
    with pytest.raises(ValueError, match=r"c\.png: expected the image as distributed too"):
        width_files([tmp_path / "c.png"], distributed)


@pytest.mark.parametrize(("width", "network"), [(30, "HR network"), (10, "LR network")])
def test_embeddings_that_are_no_numbers_are_refused_without_files_too(width, network):
    class Broken(Counting):
        def __call__(self, pixels, training):
            return super().__call__(pixels, training) * np.nan

    pictures = [(np.zeros((*SIZE, 3), np.uint8), width)]
    message = rf"picture 1: expected a finite, non-zero embedding \({network}\)"
    with pytest.raises(ValueError, match=message):
        embed_served(pictures, 1, ServingNetworks(Broken(), {12: Broken()}, 20))
