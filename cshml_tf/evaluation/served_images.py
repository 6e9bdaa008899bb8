"""Embed face crops of any size as a stream: each picture is queued until its network's batch is full.

However many files a test has, it thus keeps at most one batch of pixels per network in memory.
`cshml_tf.evaluation.serving.ServingNetworks.choose` decides which network suits a picture.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from cshml_tf.data.listed_images import stem_of
from cshml_tf.degradation.resolution import Resolution, format_resolution
from cshml_tf.evaluation.embedding import check_embeddings, embed_pixels
from cshml_tf.evaluation.serving import ServingNetworks
from cshml_tf.images import read_named
from cshml_tf.layers import fit_to_size
from cshml_tf.recogniser import image_size_of


@dataclass(frozen=True)
class ServedEmbeddings:
    """The embeddings of pictures by the networks that serve them.

    Attributes:
        served: (pictures, E) float32 of unit length, each by the network that suits the picture's width.
        resolutions: for each picture the resolution of the LR network that embedded it; None for the HR network.
        by_hr: (pictures, E) float32 of unit length, all by the HR network; `served` itself if there are no LR
            networks, None if it was not requested.
    """

    served: np.ndarray
    resolutions: list[Resolution | None]
    by_hr: np.ndarray | None = None

    def by_choice(self) -> dict[str, np.ndarray]:
        """Return the embeddings to compare: "hr_network", and "served" if there are LR networks.

        Raises:
            ValueError: the HR network has not embedded every picture.
        """
        if self.by_hr is None:
            raise ValueError("by_hr: expected the HR network's embeddings of every picture, got None")
        return {"hr_network": self.by_hr} | ({} if self.by_hr is self.served else {"served": self.served})


class FaceFiles:
    """A sequence of (pixels, width) of image files, each file read on access.

    Items are ((H, W, 3) uint8 RGB, width in pixels). A file that cannot be read raises a ValueError naming it.

    Args:
        paths: image files, crops of any size.
        width_paths: for each of them the file whose width selects the network; None for the same files. With
            these, aligned copies of one size are served like the pictures they were cut from.
    """

    def __init__(self, paths: Iterable[Path], width_paths: Iterable[Path] | None = None) -> None:
        self.paths = list(paths)
        self._width_paths = self.paths if width_paths is None else list(width_paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[tuple[np.ndarray, int]]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        path, width_path = self.paths[index], self._width_paths[index]
        pixels = read_named(path)
        return pixels, (pixels if width_path == path else read_named(width_path)).shape[1]


def check_readable(files: FaceFiles) -> None:
    """Read every file once, so that a damaged one is reported before an hour of embedding, not after.

    Args:
        files: the image files.

    Raises:
        ValueError: files cannot be read; the message describes the first one and counts the others.
    """
    errors = []
    for index in range(len(files)):
        try:
            files[index]
        except ValueError as error:
            errors.append(error)
    if errors:
        more = f" (and {len(errors) - 1} more files cannot be read)" if len(errors) > 1 else ""
        raise ValueError(f"{errors[0]}{more}; remove such files to continue without them")


def width_files(paths: Sequence[Path], distributed: Iterable[Path]) -> list[Path]:
    """Find the distributed file of each image, by the name without its suffix.

    Args:
        paths: images that the networks see.
        distributed: images as distributed.

    Returns:
        One path per entry of `paths`.

    Raises:
        ValueError: an image has no distributed file.
    """
    by_stem = {stem_of(path.name): path for path in distributed}
    for path in paths:
        if stem_of(path.name) not in by_stem:
            raise ValueError(
                f"{path}: expected the image as distributed too, whose width selects the network, got none"
            )
    return [by_stem[stem_of(path.name)] for path in paths]


def embed_files(
    files: FaceFiles,
    networks: ServingNetworks,
    batch_size: int = 32,
    flip: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> ServedEmbeddings:
    """Embed image files with the networks that suit them, and all of them with the HR network.

    Args:
        files: the image files.
        networks: the HR network and the LR networks.
        batch_size: number of pictures per forward pass.
        flip: whether to add the embedding of the mirrored picture and normalise the sum.
        progress: wraps the sequence of files, such as `tqdm`.

    Returns:
        `ServedEmbeddings`, with `by_hr`.

    Raises:
        ValueError: a file cannot be read, which is detected before any embedding, or an embedding is zero or not
            finite.
    """
    check_readable(files)
    return embed_served(
        progress(files), len(files), networks, batch_size, flip, by_hr_too=True, name_of=files.paths.__getitem__
    )


def embed_served(
    pictures: Iterable[tuple[np.ndarray, float]],
    count: int,
    networks: ServingNetworks,
    batch_size: int = 32,
    flip: bool = False,
    by_hr_too: bool = False,
    name_of: Callable[[int], str | Path] = lambda index: f"picture {index + 1}",
) -> ServedEmbeddings:
    """Embed pictures of any size, each with the network that suits its width.

    Args:
        pictures: ((H, W, 3) uint8 RGB, width in pixels) of each; the width selects the network.
        count: number of pictures.
        networks: the HR network and the LR networks.
        batch_size: number of pictures per forward pass.
        flip: whether to add the embedding of the mirrored picture and normalise the sum.
        by_hr_too: whether the HR network also embeds the pictures of the LR networks.
        name_of: function of an index that returns the picture's name for the error message.

    Returns:
        `ServedEmbeddings`.

    Raises:
        ValueError: an embedding is zero or not finite.
    """
    served = np.zeros((count, networks.hr.output_shape[-1]), np.float32)
    by_hr = np.zeros_like(served) if by_hr_too and networks.lr else served
    queues: dict[Resolution | None, _Queue] = {None: _Queue(networks.hr, by_hr, batch_size, flip)}
    of_network = {id(network): _Queue(network, served, batch_size, flip) for network in networks.lr.values()}
    queues |= {resolution: of_network[id(network)] for resolution, network in networks.lr.items()}
    image_size = image_size_of(networks.hr)
    resolutions = []
    for index, (pixels, width) in enumerate(pictures):
        resolution = networks.choose(width)
        (fitted,) = np.asarray(fit_to_size(pixels[None], image_size))
        for queue in {resolution, None} if by_hr_too else {resolution}:
            queues[queue].put(index, fitted)
        resolutions.append(resolution)
    for queue in queues.values():
        queue.flush()
    own = np.array([resolution is None for resolution in resolutions], bool)
    if by_hr is not served:
        served[own] = by_hr[own]
    if by_hr is not served:
        check_embeddings(by_hr, name_of, "HR network")
    for rows, network in ((own, "HR network"), (~own, "LR network")):
        places = np.flatnonzero(rows)
        check_embeddings(served[places], lambda index, places=places: name_of(int(places[index])), network)
    return ServedEmbeddings(served, resolutions, by_hr if by_hr_too else None)


def count_served(resolutions: Iterable[Resolution | None]) -> dict[str, int]:
    """Count the pictures per network, by "HR", "12" and so on, the HR network first."""
    names = ["HR" if resolution is None else format_resolution(resolution) for resolution in resolutions]
    lr_names = sorted(set(names) - {"HR"}, key=lambda name: (len(name), name))
    return {name: names.count(name) for name in ["HR", *lr_names]}


class _Queue:
    """Resized pictures waiting for their network, and the rows that their embeddings go to."""

    def __init__(self, recogniser: keras.Model, embeddings: np.ndarray, batch_size: int, flip: bool) -> None:
        self._recogniser = recogniser
        self._embeddings = embeddings
        self._batch_size = batch_size
        self._flip = flip
        self._waiting: dict[int, np.ndarray] = {}

    def put(self, row: int, fitted: np.ndarray) -> None:
        """Add a picture, and embed the batch once it is full."""
        self._waiting[row] = fitted
        if len(self._waiting) == self._batch_size:
            self.flush()

    def flush(self) -> None:
        """Embed the waiting pictures. Only the last batch may be incomplete, so it is not worth compiling for."""
        if self._waiting:
            pixels = np.stack(list(self._waiting.values()))
            full = len(pixels) == self._batch_size
            self._embeddings[list(self._waiting)] = embed_pixels(self._recogniser, pixels, self._flip, full)
            self._waiting.clear()
