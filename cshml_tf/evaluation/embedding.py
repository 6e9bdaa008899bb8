"""Embedding the images of a test: each image once for each network and resolution that the test asks for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cshml_tf.degradation.degrade import degrade
from cshml_tf.images import check_pixels, read_named
from cshml_tf.metrics.verification import unit_rows


@dataclass(frozen=True)
class View:
    """What a network is shown of every image.

    Attributes:
        recogniser: keras.Model, pixels 0..255 (batch, H, W, 3) -> (batch, E).
        resolution: None for the image as it is (HR), or r or (h, w) for it degraded to that.
        mode: how it is degraded, "antialias" or "plain".
    """

    recogniser: Any
    resolution: Any = None
    mode: str = "antialias"


def embed(images, views, image_size=None, batch_size=32, flip=False, progress=iter):
    """Embed every image in every view; an image is decoded once, and degraded once for all its networks.

    Args:
        images: list of paths of image files, or of (H, W, 3) uint8 RGB arrays, all of one size.
        views: list of `View`.
        image_size: (height, width) each image must have; None for the first image's.
        batch_size: images a forward pass.
        flip: whether an embedding is the normalised sum of the image's and its mirror image's.
        progress: wraps the sequence of batches, such as `tqdm`; the batches are images, not views.

    Returns:
        list of (images, E) float32 arrays of unit length, one a view.

    Raises:
        ValueError: no images, a batch size below 1, an image that can't be read or has another size, or an
            embedding that is zero or not finite.
    """
    if not len(images) or batch_size < 1:
        raise ValueError(f"expected images and a batch size of at least 1, got {len(images)} and {batch_size}")
    # Every batch has one size, the last one filled up, so that a network is compiled once.
    batch_size = min(batch_size, len(images))
    parts = [[] for _ in views]
    for start in progress(range(0, len(images), batch_size)):
        names = range(start, min(start + batch_size, len(images)))
        pixels = []
        for index in names:
            pixels.append(_pixels(images[index], index, image_size))
            image_size = image_size or pixels[0].shape[:2]
        filled = pixels + pixels[-1:] * (batch_size - len(pixels))
        for part, embeddings in zip(parts, _embed_batch(filled, views, flip), strict=True):
            part.append(embeddings[: len(pixels)])
    embedded = [np.concatenate(part) for part in parts]
    for view, embeddings in zip(views, embedded, strict=True):
        shown = "image as it is" if view.resolution is None else f"resolution {view.resolution}"
        check_embeddings(embeddings, lambda index: _name(images[index], index), shown)
    return embedded


def embed_pixels(recogniser, pixels, flip=False, compiled=True):
    """Embed a batch of pictures of one size.

    Args:
        recogniser: keras.Model, pixels 0..255 (batch, H, W, 3) -> (batch, E).
        pixels: (batch, H, W, 3) array, 0..255.
        flip: whether an embedding is the normalised sum of the picture's and its mirror image's.
        compiled: whether the network is compiled for a batch of this size: worth it where more of them follow.

    Returns:
        (batch, E) float32, each row of unit length.
    """
    predict = _predict if compiled else _predict_once
    embeddings = predict(recogniser, pixels)
    return unit_rows(embeddings + predict(recogniser, pixels[:, :, ::-1])) if flip else embeddings


def check_embeddings(embeddings, name_of, network):
    """Refuse embeddings that tell nothing.

    Args:
        embeddings: (images, E).
        name_of: function of an index, giving what the image is called in a message.
        network: what embedded them, in words.

    Raises:
        ValueError: one is zero or not finite; the message names the image.
    """
    wrong = ~np.isfinite(embeddings).all(axis=1) | ~embeddings.any(axis=1)
    if wrong.any():
        name = name_of(int(np.flatnonzero(wrong)[0]))
        raise ValueError(
            f"{name}: its embedding ({network}) is zero or not finite: the network is broken or still untrained"
        )


def _embed_batch(pixels, views, flip):
    """Embed a list of equal-sized images in every view: a list of (batch, E) arrays."""
    sharp = np.stack(pixels).astype(np.float32)
    shown = {}
    embedded = []
    for view in views:
        seen = (view.resolution, view.mode) if view.resolution is not None else None
        if seen not in shown:
            degraded = sharp if seen is None else degrade(sharp, view.resolution, view.mode)
            shown[seen] = np.asarray(degraded)
        embedded.append(embed_pixels(view.recogniser, shown[seen], flip))
    return embedded


def _predict(recogniser, pixels):
    """Give (batch, E) float32 rows of unit length."""
    outputs = np.asarray(recogniser.predict_on_batch(pixels), np.float32)
    # Under a distribution strategy Keras shows the batch to each replica, and joins what they all give.
    return unit_rows(outputs[: len(pixels)])


def _predict_once(recogniser, pixels):
    return unit_rows(np.asarray(recogniser(pixels, training=False), np.float32))


def _pixels(image, index, image_size):
    name = _name(image, index)
    pixels = image if isinstance(image, np.ndarray) else read_named(image)
    check_pixels(pixels, name)
    height, width = image_size or pixels.shape[:2]
    if pixels.shape[:2] != (height, width):
        raise ValueError(
            f"{name}: expected an aligned face of {height} x {width} (height x width), "
            f"got {pixels.shape[0]} x {pixels.shape[1]}"
        )
    return pixels


def _name(image, index):
    return f"image {index}" if isinstance(image, np.ndarray) else str(image)
