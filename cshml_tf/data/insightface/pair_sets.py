"""Read InsightFace's verification sets `lfw.bin`, `agedb_30.bin`, `cfp_fp.bin`: pickles of encoded faces.

A file contains (images, whether each pair is the same person): pair i consists of images 2 i and 2 i + 1. As in
InsightFace's own evaluation, the pairs form ten folds in the order of the file, without shuffling.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.data.insightface.decoding import decode_for_network
from cshml_tf.data.insightface.plain_pickle import PlainArray, load_plain
from cshml_tf.data.protocols import CONTIGUOUS, FOLDS, ONE, FaceImage, ListedFile, Pair, PairList, contiguous_folds

_SIGNATURES = (b"\xff\xd8", b"\x89PNG", b"BM", b"RIFF")


def read_pair_set(path: str | Path, image_size: Sequence[int] | None = None) -> tuple[PairList, "PairImages"]:
    """Read a verification set, in the form that `cshml_tf.evaluation.lfw.evaluate` takes.

    The images are named after the file: those of `lfw.bin` are lfw_0001, lfw_0002, ...; the file does not identify
    the people.

    Args:
        path: the `.bin` file.
        image_size: (height, width) of the network's input: each image must have this height and is cropped to this
            width. None keeps whole images. Use (112, 96) to evaluate a network of 112 x 96 on 112 x 112 faces.

    Returns:
        (pairs, images): `PairList` of `cshml_tf.data.protocols.Pair`, in the file's order, in ten folds whose
        sizes differ by at most one (fewer than ten pairs form one fold); and `PairImages`, which decodes on
        access.

    Raises:
        OSError: the file cannot be read.
        ValueError: the pickle is damaged, truncated, or names anything but plain values; there are not two images
            per pair; or an item is not an encoded image.
    """
    path = Path(path)
    content = load_plain(path)
    if not isinstance(content, (tuple, list)) or len(content) != 2:
        raise ValueError(f"{path}: expected (images, whether each pair is the same), got {_kind(content)}")
    items = _items(path, content[0])
    same = _same(path, content[1], len(items))
    encoded = [_encoded(path, number, item) for number, item in enumerate(items, start=1)]
    pairs = [
        Pair(FaceImage(path.stem, 2 * index + 1), FaceImage(path.stem, 2 * index + 2), is_same, fold)
        for index, (is_same, fold) in enumerate(zip(same, contiguous_folds(len(same)).tolist(), strict=True))
    ]
    folds_by = CONTIGUOUS if len(pairs) >= FOLDS else ONE
    return PairList(pairs, folds_by), PairImages(path, encoded, image_size)


class PairImages(Mapping[FaceImage | ListedFile, np.ndarray]):
    """The images of a verification set by `FaceImage`: (H, W, 3) uint8 RGB, decoded on each access.

    An access raises ValueError if the image cannot be decoded or does not have the required size.
    """

    def __init__(
        self, path: str | Path, encoded: Sequence[bytes], image_size: Sequence[int] | None = None
    ) -> None:
        """Keep the encoded images.

        Args:
            path: the file from which they come; its stem is their name.
            encoded: the image files; the first has number 1.
            image_size: (height, width) of the network's input, as for `read_pair_set`; None keeps whole images.
        """
        self._path = Path(path)
        self._encoded = encoded
        self._image_size = image_size

    def __getitem__(self, image: FaceImage | ListedFile) -> np.ndarray:
        if not isinstance(image, FaceImage) or image not in self:
            raise KeyError(image)
        name = f"{self._path}: image {image.number}"
        return decode_for_network(self._encoded[image.number - 1], name, self._image_size)

    def __contains__(self, image: object) -> bool:
        # The inherited method would decode the image.
        return isinstance(image, FaceImage) and image.name == self._path.stem and 0 < image.number <= len(self)

    def __iter__(self) -> Iterator[FaceImage]:
        return (FaceImage(self._path.stem, number) for number in range(1, len(self) + 1))

    def __len__(self) -> int:
        return len(self._encoded)


def _items(path: Path, items: Any) -> Sequence:
    if not isinstance(items, (list, tuple)):
        raise ValueError(f"{path}: expected a list of images, got {_kind(items)}")
    return items


def _same(path: Path, same: Any, images: int) -> list[bool]:
    """Convert a list of bools, or of 0 and 1, or an array of bools, to a list of bool."""
    if isinstance(same, PlainArray) and same.dtype is np.bool_:
        same = same.content
    elif not isinstance(same, (list, tuple)):
        raise ValueError(f"{path}: expected a list of whether each pair is the same, got {_kind(same)}")
    if not same or images != 2 * len(same):
        raise ValueError(f"{path}: expected two images for each pair, got {images} images for {len(same)} pairs")
    for index, value in enumerate(same):
        if not isinstance(value, int) or value not in (0, 1):
            # A pickle can contain a number of a million digits.
            shown = value if isinstance(value, int) and abs(value) < 2**31 else _kind(value)
            raise ValueError(f"{path}: pair {index + 1}: expected True or False, got {shown}")
    return [bool(value) for value in same]


def _encoded(path: Path, number: int, item: Any) -> bytes:
    data = item.content if isinstance(item, PlainArray) and item.dtype is np.uint8 else item
    if not isinstance(data, bytes):
        raise ValueError(f"{path}: image {number}: expected an encoded image, got {_kind(item)}")
    if not data.startswith(_SIGNATURES):
        raise ValueError(
            f"{path}: image {number}: expected a JPEG, PNG, BMP or WebP file, got {len(data)} other bytes"
        )
    return data


def _kind(value: Any) -> str:
    if isinstance(value, PlainArray):
        return f"an array of {value.dtype.__name__}" if value.dtype else "an empty array"
    return f"a {type(value).__name__}"
