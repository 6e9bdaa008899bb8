"""Embed the images of a test: each image once per network and resolution that the test needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from cshml_tf.degradation.degrade import check_mode, degrade
from cshml_tf.degradation.resolution import Resolution
from cshml_tf.images import check_pixels, read_named
from cshml_tf.metrics.vectors import unit_rows


class Images(Protocol):
    """A sequence of images, each the path of a file or an (H, W, 3) uint8 RGB array."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitem__(self, index: int, /) -> str | Path | np.ndarray:
        """Return one image."""
        ...


@dataclass(frozen=True)
class View:
    """A network, and the form in which it sees every image.

    Attributes:
        recogniser: pixels 0..255 (batch, H, W, 3) -> (batch, E).
        resolution: None for the undegraded image (HR), or r or (h, w) for the image degraded to that resolution.
        mode: how the image is degraded, "antialias" or "plain".
    """

    recogniser: keras.Model
    resolution: Resolution | None = None
    mode: str = "antialias"

    def __post_init__(self) -> None:
        """Refuse an unknown degradation."""
        check_mode(self.mode)


def embed(
    images: Images,
    views: Sequence[View],
    image_size: tuple[int, int] | None = None,
    batch_size: int = 32,
    flip: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[np.ndarray]:
    """Embed every image in every view; each image is decoded once, and degraded once for all networks.

    Args:
        images: paths of image files or (H, W, 3) uint8 RGB arrays, all of one size.
        views: the networks, each with the form in which it sees the images.
        image_size: (height, width) that each image must have; None for the size of the first image.
        batch_size: number of images per forward pass.
        flip: whether to add the embedding of the mirrored image and normalise the sum.
        progress: wraps the sequence of batches of images, such as `tqdm`.

    Returns:
        list of (images, E) float32 arrays with rows of unit length, one per view.

    Raises:
        ValueError: there are no images, the batch size is below 1, an image cannot be read or has another size,
            or an embedding is zero or not finite.
    """
    if not len(images) or batch_size < 1:
        raise ValueError(
            f"images and batch_size: expected at least one image and a batch size of at least 1, "
            f"got {len(images)} and {batch_size}"
        )
    # All batches have the same size, the last one padded, so that each network is compiled once.
    batch_size = min(batch_size, len(images))
    parts: list[list[np.ndarray]] = [[] for _ in views]
    for start in progress(range(0, len(images), batch_size)):
        pixels = []
        for index in range(start, min(start + batch_size, len(images))):
            pixels.append(_pixels(images[index], index, image_size))
            image_size = image_size or pixels[0].shape[:2]
        filled = pixels + pixels[-1:] * (batch_size - len(pixels))
        for part, embeddings in zip(parts, _embed_batch(filled, views, flip), strict=True):
            part.append(embeddings[: len(pixels)])
    embedded = [np.concatenate(part) for part in parts]
    for view, embeddings in zip(views, embedded, strict=True):
        shown = "undegraded image" if view.resolution is None else f"resolution {view.resolution}"
        check_embeddings(embeddings, lambda index: _name(images[index], index), shown)
    return embedded


def embed_pixels(
    recogniser: keras.Model, pixels: np.ndarray, flip: bool = False, compiled: bool = True
) -> np.ndarray:
    """Embed a batch of pictures of one size.

    Args:
        recogniser: pixels 0..255 (batch, H, W, 3) -> (batch, E).
        pixels: (batch, H, W, 3) array, 0..255.
        flip: whether to add the embedding of the mirrored picture and normalise the sum.
        compiled: whether to compile the network for this batch size, which pays off if more such batches follow.

    Returns:
        (batch, E) float32, each row of unit length.
    """
    predict = _predict if compiled else _predict_once
    embeddings = predict(recogniser, pixels)
    return unit_rows(embeddings + predict(recogniser, pixels[:, :, ::-1])) if flip else embeddings


def check_embeddings(embeddings: np.ndarray, name_of: Callable[[int], str | Path], network: str) -> None:
    """Check that no embedding is zero or not finite, as those of a broken network are.

    Args:
        embeddings: (images, E).
        name_of: function of an index that returns the image's name for the error message.
        network: description of the network, or of the form of its images, for the error message.

    Raises:
        ValueError: an embedding is zero or not finite; the message names the image.
    """
    wrong = ~np.isfinite(embeddings).all(axis=1) | ~embeddings.any(axis=1)
    if wrong.any():
        name = name_of(int(np.flatnonzero(wrong)[0]))
        raise ValueError(
            f"{name}: expected a finite, non-zero embedding ({network}), got a zero or non-finite one: "
            "the network is broken or untrained"
        )


def _embed_batch(pixels: Sequence[np.ndarray], views: Sequence[View], flip: bool) -> list[np.ndarray]:
    """Embed images of equal size in every view: one (batch, E) array per view."""
    sharp = np.stack(pixels).astype(np.float32)
    shown: dict[tuple[Resolution, str] | None, np.ndarray] = {}
    embedded = []
    for view in views:
        seen = (view.resolution, view.mode) if view.resolution is not None else None
        if seen not in shown:
            shown[seen] = sharp if seen is None else np.asarray(degrade(sharp, *seen))
        embedded.append(embed_pixels(view.recogniser, shown[seen], flip))
    return embedded


def _predict(recogniser: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Return (batch, E) float32 rows of unit length."""
    outputs = np.asarray(recogniser.predict_on_batch(pixels), np.float32)
    # Under a distribution strategy Keras gives every replica the whole batch and concatenates the outputs.
    return unit_rows(outputs[: len(pixels)])


def _predict_once(recogniser: keras.Model, pixels: np.ndarray) -> np.ndarray:
    return unit_rows(np.asarray(recogniser(pixels, training=False), np.float32))


def _pixels(image: str | Path | np.ndarray, index: int, image_size: tuple[int, int] | None) -> np.ndarray:
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


def _name(image: str | Path | np.ndarray, index: int) -> str:
    return f"image {index}" if isinstance(image, np.ndarray) else str(image)
