"""MNIST's digits, and the accuracy of a network on them."""

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import ArrayLike

from cshml_tf.data.packed.source import read_packed
from cshml_tf.data.packed.writer import write_packed
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.files import open_regular, parse_array, printable
from cshml_tf.metrics.vectors import unit_rows

# MNIST's largest array has 47 MB.
_MAX_BYTES = 2**28
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
CLASSES = [str(digit) for digit in range(10)]


class Digits(NamedTuple):
    """Labelled digits.

    Attributes:
        pixels: (digits, 28, 28, 3) uint8, grey in three channels.
        labels: (digits,) int32, 0..9.
    """

    pixels: np.ndarray
    labels: np.ndarray


def read_mnist(path: str | Path | None = None) -> tuple[Digits, Digits]:
    """Read MNIST's 60,000 training digits and 10,000 test digits.

    Args:
        path: an .npz file of "x_train", "y_train", "x_test" and "y_test", as `keras.datasets.mnist` stores it;
            None for Keras's own copy, downloaded on first use.

    Returns:
        (train, test).

    Raises:
        ValueError: the file is damaged or contains other arrays, or no path is given and the download fails.
        OSError: the file cannot be read.
    """
    if path is None:
        (x_train, y_train), (x_test, y_test) = _fetch()
    else:
        x_train, y_train, x_test, y_test = _read_npz(path)
    return _digits(x_train, y_train, path), _digits(x_test, y_test, path)


def pack_digits(digits: Digits, packed_dir: str | Path) -> None:
    """Write digits as a packed folder, which the library trains from, unless the folder exists.

    Raises:
        ValueError: the folder exists and contains other digits.
    """
    order = np.argsort(digits.labels, kind="stable")
    numbers = [f"{index:05d}" for index in order]
    if Path(packed_dir).exists():
        packed = read_packed(packed_dir)
        same = packed.names == numbers and np.array_equal(packed.labels, digits.labels[order])
        if not (same and np.array_equal(packed.pixels, digits.pixels[order])):
            raise ValueError(f"{packed_dir}: expected the same digits as given, got others; use another OUT_DIR")
        return
    images = zip(numbers, digits.pixels[order], strict=True)
    write_packed(packed_dir, images, digits.labels[order], CLASSES, numbers)


def _fetch() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    try:
        return keras.datasets.mnist.load_data()
    # Without an internet connection Keras raises a plain Exception.
    except Exception as error:
        raise ValueError(
            f"mnist: expected Keras to download it, or --mnist FILE.npz, got an error: {error}"
        ) from error


def accuracy(recogniser: keras.Model, centres: ArrayLike, digits: Digits, resolution: int | None = None) -> float:
    """Measure the accuracy of a network and a classifier on digits.

    Args:
        recogniser: pixels 0..255 (batch, 28, 28, 3) -> (batch, E).
        centres: (E, 10), one column per digit.
        digits: the digits to measure on.
        resolution: r for digits degraded to r x r; None for undegraded digits.

    Returns:
        float, 0..1.

    Raises:
        ValueError: a number of the classifier, or of an embedding, is not finite.
    """
    if not np.isfinite(centres).all():
        raise ValueError("centres: expected finite numbers, got a damaged or diverged classifier")
    embeddings = embed_digits(recogniser, digits, resolution)
    predicted = np.argmax(embeddings @ unit_rows(np.asarray(centres).T).T, axis=1)
    return float(np.mean(predicted == digits.labels))


def embed_digits(recogniser: keras.Model, digits: Digits, resolution: int | None = None) -> np.ndarray:
    """Embed digits, degraded to r x r if a resolution is given: (digits, E) float32 of unit length."""
    (embeddings,) = embed(digits.pixels, [View(recogniser, resolution)], batch_size=500)
    return embeddings


def _read_npz(path: str | Path) -> list[np.ndarray]:
    """Read the arrays of a file in MNIST's format; nothing is expanded before its size is known."""
    where = printable(path)
    with open_regular(path, 4 * _MAX_BYTES) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = [archive.getinfo(f"{name}.npy") for name in _ARRAYS]
                if max(member.file_size for member in members) > _MAX_BYTES:
                    raise ValueError(f"{where}: expected arrays of at most {_MAX_BYTES} bytes, got larger ones")
                return [parse_array(archive.read(member), f"{where}: {member.filename}") for member in members]
        # zipfile and zlib raise many types for a damaged archive, OSError for a part that lies before the file.
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError, OSError):
            raise ValueError(
                f"{where}: expected an .npz of {', '.join(_ARRAYS)}, got a different or damaged file"
            ) from None


def _digits(x: np.ndarray, y: np.ndarray, path: str | Path | None) -> Digits:
    x, y = np.asarray(x), np.asarray(y)
    fits = x.ndim == 3 and x.shape[1:] == (28, 28) and x.dtype == np.uint8 and y.shape == x.shape[:1] and len(x)
    if not fits or y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
        raise ValueError(
            f"{path}: expected (digits, 28, 28) uint8 and labels 0 to 9, got {x.shape} {x.dtype} and "
            f"{y.shape} {y.dtype}"
        )
    return Digits(np.repeat(x[..., None], 3, axis=3), y.astype(np.int32))
