"""MNIST's digits, and how many of them a network tells right."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from cshml_tf.data.packed.source import read_packed
from cshml_tf.data.packed.writer import write_packed
from cshml_tf.evaluation.embedding import View, embed
from cshml_tf.metrics.verification import unit_rows

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


def read_mnist(path=None):
    """Read MNIST's 60,000 digits to train on and 10,000 to test on.

    Args:
        path: a file of the form that `keras.datasets.mnist` keeps, an .npz of "x_train", "y_train", "x_test" and
            "y_test"; None takes its own, downloaded on first use.

    Returns:
        (train, test), each `Digits`.

    Raises:
        ValueError: the file is none, or holds other arrays; or there is none, and none can be fetched.
        OSError: it cannot be read.
    """
    if path is None:
        (x_train, y_train), (x_test, y_test) = _fetch()
    else:
        try:
            # Opened here, since NumPy leaves a damaged file open.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                x_train, y_train, x_test, y_test = (arrays[name] for name in _ARRAYS)
        except (zipfile.BadZipFile, KeyError, EOFError, ValueError, AttributeError, TypeError) as error:
            raise ValueError(
                f"{path}: expected an .npz of x_train, y_train, x_test and y_test, got another or a damaged file"
            ) from error
    return _digits(x_train, y_train, path), _digits(x_test, y_test, path)


def pack_digits(digits, packed_dir):
    """Write digits as a packed folder, unless it is there: a source for the library's trainings.

    Raises:
        ValueError: it is there, and of other digits.
    """
    order = np.argsort(digits.labels, kind="stable")
    numbers = [f"{index:05d}" for index in order]
    if Path(packed_dir).exists():
        packed = read_packed(packed_dir)
        same = packed.names == numbers and np.array_equal(packed.labels, digits.labels[order])
        if not (same and np.array_equal(packed.pixels, digits.pixels[order])):
            raise ValueError(
                f"{packed_dir}: expected the digits that are trained on, got others; another OUT_DIR keeps the "
                "networks of the two apart"
            )
        return
    images = zip(numbers, digits.pixels[order], strict=True)
    write_packed(packed_dir, images, digits.labels[order], CLASSES, numbers)


def _fetch():
    try:
        return keras.datasets.mnist.load_data()
    # Keras raises a plain Exception where there is no network.
    except Exception as error:
        raise ValueError(f"mnist: expected Keras to fetch it, or --mnist FILE.npz; {error}") from error


def accuracy(recogniser, centres, digits, resolution=None):
    """Give the share of digits that a network and a classifier tell right.

    Args:
        recogniser: keras.Model, pixels 0..255 (batch, 28, 28, 3) -> (batch, E).
        centres: (E, 10), a column a digit.
        digits: Digits.
        resolution: r for digits reduced to r x r and enlarged again; None for digits as they are.

    Returns:
        float, 0..1.
    """
    embeddings = features(recogniser, digits, resolution)
    told = np.argmax(embeddings @ unit_rows(np.asarray(centres).T).T, axis=1)
    return float(np.mean(told == digits.labels))


def features(recogniser, digits, resolution=None):
    """Embed digits: (digits, E) float32 of unit length."""
    (embeddings,) = embed(digits.pixels, [View(recogniser, resolution)], batch_size=500)
    return embeddings


def _digits(x, y, path):
    x, y = np.asarray(x), np.asarray(y)
    fits = x.ndim == 3 and x.shape[1:] == (28, 28) and x.dtype == np.uint8 and y.shape == x.shape[:1] and len(x)
    if not fits or y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
        raise ValueError(
            f"{path}: expected (digits, 28, 28) uint8 and labels 0 to 9, got {x.shape} {x.dtype} and "
            f"{y.shape} {y.dtype}"
        )
    return Digits(np.repeat(x[..., None], 3, axis=3), y.astype(np.int32))
