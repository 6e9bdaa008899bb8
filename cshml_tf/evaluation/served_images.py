"""Embedding face crops of any size, streamed: each picture is fitted and waits until its network's batch is full.

So a test of any number of files holds no more pixels than a batch for each network. Which network suits a picture
is `cshml_tf.evaluation.serving.ServingNetworks.choose`'s decision.
"""

from dataclasses import dataclass

import numpy as np

from cshml_tf.degradation.resolution import format_resolution
from cshml_tf.evaluation.embedding import check_embeddings, embed_pixels
from cshml_tf.images import read_named
from cshml_tf.layers import fit_to_size
from cshml_tf.recogniser import image_size_of


@dataclass(frozen=True)
class ServedEmbeddings:
    """What the networks make of pictures.

    Attributes:
        served: (pictures, E) float32 of unit length, each by the network that suits the picture's width.
        resolutions: for each picture the resolution of the LR network that served it; None for the HR network.
        by_hr: (pictures, E) float32, all by the HR network; None where that was not asked for. Without LR
            networks it is `served` itself.
    """

    served: np.ndarray
    resolutions: list
    by_hr: np.ndarray | None = None


class FaceFiles:
    """A sequence of (pixels, width) of image files, each read when it is asked for.

    Args:
        paths: image files, crops of any size.
        width_paths: of each, the file whose width counts; None for the same files. So aligned copies of one size
            are served as the pictures that they were cut from.

    Items are ((H, W, 3) uint8 RGB, width in pixels); a file that can't be read raises a ValueError that names it.
    """

    def __init__(self, paths, width_paths=None):
        self.paths = list(paths)
        self._width_paths = self.paths if width_paths is None else list(width_paths)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        path, width_path = self.paths[index], self._width_paths[index]
        pixels = read_named(path)
        return pixels, (pixels if width_path == path else read_named(width_path)).shape[1]


def check_readable(files):
    """Read every file once: a damaged one is to be told of before an hour of embedding, not after.

    Args:
        files: `FaceFiles`.

    Raises:
        ValueError: some can't be read; the message is of the first of them and says how many there are.
    """
    errors = []
    for index in range(len(files)):
        try:
            files[index]
        except ValueError as error:
            errors.append(error)
    if errors:
        more = f" (and {len(errors) - 1} more that can't be read)" if len(errors) > 1 else ""
        raise ValueError(f"{errors[0]}{more}; take such files away to go on without them")


def width_files(paths, distributed):
    """Find, for each image that is shown, the distributed file that it comes from, by the name without suffix.

    Args:
        paths: Paths of images.
        distributed: Paths of images as distributed.

    Returns:
        list of Paths, one for each of `paths`.

    Raises:
        ValueError: there is none for one of them.
    """
    by_stem = {path.stem.lower(): path for path in distributed}
    for path in paths:
        if path.stem.lower() not in by_stem:
            raise ValueError(
                f"{path}: expected the image as distributed too, whose width chooses the network, found none"
            )
    return [by_stem[path.stem.lower()] for path in paths]


def embed_files(files, networks, batch_size=32, flip=False, progress=iter):
    """Embed image files with the networks that suit them, and with the HR network.

    Args:
        files: `FaceFiles`.
        networks: `cshml_tf.evaluation.serving.ServingNetworks`.
        batch_size: pictures a forward pass.
        flip: whether an embedding is the normalised sum of the picture's and its mirror image's.
        progress: wraps the sequence of files, such as `tqdm`.

    Returns:
        `ServedEmbeddings`, with `by_hr`.

    Raises:
        ValueError: a file can't be read, which is found before anything is embedded, or its embedding is zero or
            not finite.
    """
    check_readable(files)
    embedded = embed_served(progress(files), len(files), networks, batch_size, flip, by_hr_too=True)
    check_embeddings(embedded.by_hr, files.paths.__getitem__, "HR network")
    check_embeddings(embedded.served, files.paths.__getitem__, "LR network")
    return embedded


def embed_served(pictures, count, networks, batch_size=32, flip=False, by_hr_too=False):
    """Embed pictures of any size, each with the network that suits its width.

    Args:
        pictures: iterable of ((H, W, 3) uint8 RGB, width in pixels); the width chooses the network.
        count: number of pictures.
        networks: `cshml_tf.evaluation.serving.ServingNetworks`.
        batch_size: pictures a forward pass.
        flip: as `embed_files`.
        by_hr_too: whether the HR network embeds those too that are not its own.

    Returns:
        `ServedEmbeddings`.
    """
    served = np.zeros((count, networks.hr.output_shape[-1]), np.float32)
    by_hr = np.zeros_like(served) if by_hr_too and networks.lr else served
    queues = {None: _Queue(networks.hr, by_hr, batch_size, flip)}
    of_network = {id(network): _Queue(network, served, batch_size, flip) for network in networks.lr.values()}
    queues |= {resolution: of_network[id(network)] for resolution, network in networks.lr.items()}
    image_size = image_size_of(networks.hr)
    resolutions = []
    for index, (pixels, width) in enumerate(pictures):
        resolution = networks.choose(width)
        fitted = fit_to_size(pixels[None], image_size)[0]
        for queue in {resolution, None} if by_hr_too else {resolution}:
            queues[queue].put(index, fitted)
        resolutions.append(resolution)
    for queue in queues.values():
        queue.flush()
    if by_hr is not served:
        own = [resolution is None for resolution in resolutions]
        served[own] = by_hr[own]
    return ServedEmbeddings(served, resolutions, by_hr if by_hr_too else None)


def count_served(resolutions):
    """Count the pictures of each network: dict of "HR", "12" ... to numbers, the HR network's first."""
    names = ["HR" if resolution is None else format_resolution(resolution) for resolution in resolutions]
    lr_names = sorted(set(names) - {"HR"}, key=lambda name: (len(name), name))
    return {name: names.count(name) for name in ["HR", *lr_names]}


class _Queue:
    """Fitted pictures that wait for their network, and the rows that their embeddings go to."""

    def __init__(self, recogniser, embeddings, batch_size, flip):
        self._recogniser = recogniser
        self._embeddings = embeddings
        self._batch_size = batch_size
        self._flip = flip
        self._waiting = {}

    def put(self, row, fitted):
        """Add a picture; embed the batch that it makes full."""
        self._waiting[row] = fitted
        if len(self._waiting) == self._batch_size:
            self.flush()

    def flush(self):
        """Embed what is waiting. A batch that isn't full comes last: no other has its size."""
        if self._waiting:
            pixels = np.stack(list(self._waiting.values()))
            full = len(pixels) == self._batch_size
            self._embeddings[list(self._waiting)] = embed_pixels(self._recogniser, pixels, self._flip, full)
            self._waiting.clear()
