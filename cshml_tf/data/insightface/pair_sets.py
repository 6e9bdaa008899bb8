"""InsightFace's sets of pairs to verify, `lfw.bin`, `agedb_30.bin`, `cfp_fp.bin`: pickles of encoded faces.

A file holds (images, same or not): pair i is images 2 i and 2 i + 1. As InsightFace measures them, the pairs are
ten folds in the order of the file, without shuffling.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cshml_tf.data.insightface.decoding import decode_for_network
from cshml_tf.data.insightface.plain_pickle import PlainArray, load_plain
from cshml_tf.data.protocols import FaceImage, Pair

FOLDS = 10
_SIGNATURES = (b"\xff\xd8", b"\x89PNG", b"BM", b"RIFF")


def read_pair_set(path, image_size=None):
    """Read a set of pairs, in the form that `cshml_tf.evaluation.lfw.evaluate` takes.

    The images are named by the file: those of `lfw.bin` are lfw_0001, lfw_0002, ...; the file says nothing of the
    people on them.

    Args:
        path: the `.bin` file.
        image_size: (height, width) of the network: the middle of each image is kept, where it is as high; None
            keeps them whole. A network of 112 x 96 is measured on these faces of 112 x 112 with (112, 96).

    Returns:
        (pairs, images): list of `cshml_tf.data.protocols.Pair`, in the file's order, in ten folds (sizes differ by
        one at most; fewer than ten pairs are one fold); and `PairImages`, which decodes an image when asked.

    Raises:
        OSError: the file can't be read.
        ValueError: a pickle that is damaged, cut, or names anything but plain values; not two images for a pair;
            or an item that is no encoded image.
    """
    path = Path(path)
    content = load_plain(path)
    if not isinstance(content, (tuple, list)) or len(content) != 2:
        raise ValueError(f"{path}: expected a pair (images, same or not), got {_kind(content)}")
    items, same = _items(path, content[0]), _same(path, content[1])
    if not same or len(items) != 2 * len(same):
        raise ValueError(
            f"{path}: expected two images for each pair, got {len(items)} images for {len(same)} pairs"
        )
    encoded = [_encoded(path, number, item) for number, item in enumerate(items, start=1)]
    pairs = [
        Pair(FaceImage(path.stem, 2 * index + 1), FaceImage(path.stem, 2 * index + 2), is_same, fold)
        for index, (is_same, fold) in enumerate(zip(same, _folds(len(same)), strict=True))
    ]
    return pairs, PairImages(path, encoded, image_size)


class PairImages(Mapping):
    """The images of a set of pairs by `FaceImage`: (H, W, 3) uint8 RGB, decoded anew each time one is asked for.

    An image that cannot be decoded, or does not fit the size asked for, is a ValueError then.
    """

    def __init__(self, path, encoded, image_size=None):
        """Keep the encoded images.

        Args:
            path: the file they are from; its stem is their name.
            encoded: list of bytes; its first one is number 1.
            image_size: (height, width) to keep of each; None keeps them whole.
        """
        self._path = Path(path)
        self._encoded = encoded
        self._image_size = image_size

    def __getitem__(self, image):
        if image not in self:
            raise KeyError(image)
        name = f"{self._path}: image {image.number}"
        return decode_for_network(self._encoded[image.number - 1], name, self._image_size)

    def __contains__(self, image):
        # Mapping's own would decode.
        return isinstance(image, FaceImage) and image.name == self._path.stem and 0 < image.number <= len(self)

    def __iter__(self):
        return (FaceImage(self._path.stem, number) for number in range(1, len(self) + 1))

    def __len__(self):
        return len(self._encoded)


def _items(path, items):
    if not isinstance(items, (list, tuple)):
        raise ValueError(f"{path}: expected a list of images, got {_kind(items)}")
    return items


def _same(path, same):
    """Give a list of bool from a list of bools, or of 0 and 1, or an array of bools."""
    if isinstance(same, PlainArray) and same.dtype is np.bool_:
        same = list(same.content)
    if not isinstance(same, (list, tuple)):
        raise ValueError(f"{path}: expected a list of same or not, got {_kind(same)}")
    for index, value in enumerate(same):
        if not isinstance(value, int) or value not in (0, 1):
            shown = value if isinstance(value, int) else _kind(value)
            raise ValueError(f"{path}: pair {index + 1}: expected True or False, got {shown}")
    return [bool(value) for value in same]


def _encoded(path, number, item):
    data = item.content if isinstance(item, PlainArray) and item.dtype is np.uint8 else item
    if not isinstance(data, bytes):
        raise ValueError(f"{path}: image {number}: expected an encoded image, got {_kind(item)}")
    if not data.startswith(_SIGNATURES):
        raise ValueError(
            f"{path}: image {number}: expected a JPEG, PNG, BMP or WebP file, got {len(data)} other bytes"
        )
    return data


def _folds(pairs):
    """Give each pair's fold: contiguous; where ten do not divide the pairs, the first folds have one more."""
    folds = FOLDS if pairs >= FOLDS else 1
    sizes = [len(part) for part in np.array_split(np.arange(pairs), folds)]
    return np.repeat(np.arange(folds), sizes).tolist()


def _kind(value):
    if isinstance(value, PlainArray):
        return f"an array of {value.dtype.__name__}" if value.dtype else "an empty array"
    return f"a {type(value).__name__}"
