"""Embedding images in views: batches, mirror images, replicas, files and bad input."""

import keras
import numpy as np
import pytest

from cshml_tf.degradation.degrade import degrade
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.images import write_image

SIZE = (16, 12)


def pool_recogniser(cell=4):
    """Return a network whose embeddings are the mean colours of a picture's cells."""
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Rescaling(1 / 127.5, -1.0),
            keras.layers.AveragePooling2D(cell),
            keras.layers.Reshape((SIZE[0] // cell * (SIZE[1] // cell) * 3,)),
        ]
    )


def pooled(pixels, cell=4):
    """The same in NumPy, of unit length."""
    pixels = np.asarray(pixels, np.float64) / 127.5 - 1
    height, width = pixels.shape[0] // cell, pixels.shape[1] // cell
    cells = pixels.reshape(height, cell, width, cell, 3).mean(axis=(1, 3)).ravel()
    return cells / np.linalg.norm(cells)


class Spy:
    """A recogniser that records its batches and can answer as Keras does on several replicas."""

    def __init__(self, replicas=1):
        self.batches = []
        self.replicas = replicas

    def predict_on_batch(self, pixels):
        self.batches.append(np.array(pixels))
        embeddings = np.stack([pooled(image) for image in pixels])
        return np.concatenate([embeddings] * self.replicas)


@pytest.fixture
def faces():
    return list(np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3), np.uint8))


def test_views_are_embedded_as_shown(faces):
    recogniser = pool_recogniser()
    sharp, coarse, plain = embed(
        faces, [View(recogniser), View(recogniser, 4), View(recogniser, (6, 4), "plain")], batch_size=2
    )
    for index, face in enumerate(faces):
        expected = [face, degrade(face[None], 4)[0], degrade(face[None], (6, 4), "plain")[0]]
        for embeddings, picture in zip((sharp, coarse, plain), expected, strict=True):
            assert np.abs(embeddings[index] - pooled(picture)).max() < 1e-6
    assert sharp.dtype == np.float32


def test_mirror_images_are_averaged(faces):
    flipped = embed(faces, [View(pool_recogniser(), 4)], flip=True)[0]
    coarse = np.asarray(degrade(np.stack(faces), 4))
    for embedding, picture in zip(flipped, coarse, strict=True):
        both = pooled(picture) + pooled(picture[:, ::-1])
        assert np.abs(embedding - both / np.linalg.norm(both)).max() < 1e-6


@pytest.mark.parametrize("batch_size", [1, 2, 5, 99])
def test_each_image_is_shown_once_in_batches_of_one_size(faces, batch_size):
    spy = Spy()
    seen = []
    embed(faces, [View(spy)], batch_size=batch_size, progress=lambda batches: seen.extend(batches) or batches)
    assert len({batch.shape for batch in spy.batches}) == 1
    assert len(seen) == len(spy.batches) == -(-5 // batch_size)
    shown = np.concatenate(spy.batches)[:5]
    np.testing.assert_array_equal(shown, np.stack(faces))


def test_answers_of_several_replicas_are_counted_once(faces):
    once, twice = (embed(faces, [View(Spy(replicas))], batch_size=2)[0] for replicas in (1, 2))
    np.testing.assert_array_equal(once, twice)


def test_files_are_read_as_pixels(faces, tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(5)]
    for path, face in zip(paths, faces, strict=True):
        write_image(path, face)
    views = [View(pool_recogniser())]
    np.testing.assert_array_equal(embed(paths, views)[0], embed(faces, views)[0])


def test_bad_images(faces, tmp_path):
    views = [View(pool_recogniser())]
    write_image(tmp_path / "small.png", faces[0][:8])
    with pytest.raises(ValueError, match=r"small.png: expected an aligned face of 16 x 12 .* got 8 x 12"):
        embed([*faces, tmp_path / "small.png"], views)
    with pytest.raises(ValueError, match=r"image 0: expected an aligned face of 112 x 96"):
        embed(faces, views, image_size=(112, 96))
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"broken.png: the file is empty"):
        embed([tmp_path / "broken.png"], views)
    with pytest.raises(ValueError, match="image 0: expected an .* uint8 array"):
        embed([faces[0].astype(np.float32)], views)
    with pytest.raises(ValueError, match="batch size of at least 1, got 0 and 32"):
        embed([], views)
    with pytest.raises(ValueError, match="batch size of at least 1, got 5 and 0"):
        embed(faces, views, batch_size=0)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_broken_network_is_reported(faces, value):
    class Broken(Spy):
        def predict_on_batch(self, pixels):
            embeddings = super().predict_on_batch(pixels)
            embeddings[-1] = value
            return embeddings

    with pytest.raises(ValueError, match=r"image 4: expected a finite, non-zero embedding \(resolution 4\)"):
        embed(faces, [View(Broken(), 4)])
