"""What a step's batch contains, decided in NumPy from only the seed and the step, for every source and backend.

Position p of the endless stream of images belongs to epoch p // images, and each epoch is a permutation of its
own. Every other decision is a uniform number per row of the batch. A run that continues at step k therefore sees
what an uninterrupted run would have seen, and nothing about the stream needs to be saved.

The generator of a decision is `numpy.random.default_rng([seed, STREAM, step])`, and of an epoch's order
`default_rng([seed, ORDER, epoch])`; runs of version 0.1.0 from packed faces followed the same numbers, so these
must not change.
"""

import dataclasses
import functools

import numpy as np

from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.pairing import check_mixup, rolled_pairs

# One stream of random numbers for each decision, so that none depends on another.
ORDER, FLIP, PARTNER, RESOLUTION, DOWN, ACROSS, MIXED, OWN, SUBSTITUTE, CAMERA, JITTER, REDUCED = range(12)
# Added to the seed for faces without names, so that their decisions are not those of the named faces beside them.
APART = 2**32


@dataclasses.dataclass(frozen=True)
class Policy:
    """What all batches of a stream have in common.

    Attributes:
        batch_size: rows per batch, over all workers.
        seed: int; the same seed gives the same stream.
        flip: whether half of the rows, by chance, are mirrored.
        shift: largest shift in pixels, vertically and horizontally.
        resolutions: number of resolutions, of which each row draws one.
        pairing: one of `cshml_tf.data.pairing.PAIRINGS`.
        negative_share: share of the rows whose LR faces are rolled by one row.
        mixup: share of the rows, by chance, that are mixed with the row before.
        together: how many images of a class follow each other in an epoch, if it has as many.
        reduced: share of the rows, by chance, whose HR face is replaced by its LR copy.

    Raises:
        ValueError: an unknown pairing, or a share that the batch cannot have.
    """

    batch_size: int
    seed: int
    flip: bool = True
    shift: int = 0
    resolutions: int = 1
    pairing: str = "same_image"
    negative_share: float = 0.0
    mixup: float = 0.0
    together: int = 1
    reduced: float = 0.0

    def __post_init__(self):
        rolled_pairs(self.pairing, self.negative_share, self.batch_size)
        check_mixup(self.mixup, self.pairing, self.negative_share, self.batch_size)

    @property
    def one_side(self) -> bool:
        """Whether both sides of every batch show the same faces, so that `Decision.lr` is `Decision.hr`."""
        return self.pairing == "same_image" and not rolled_pairs(
            self.pairing, self.negative_share, self.batch_size
        )


@dataclasses.dataclass(frozen=True)
class Faces:
    """One side of a batch, HR or LR, before mixing: arrays with one entry per row.

    Attributes:
        image: (rows,) int64, places in the source.
        mirrored: (rows,) bool.
        down: (rows,) int64, shift down in pixels.
        across: (rows,) int64, shift to the right in pixels, after mirroring.
        label: (rows,) int32; -1 in rows that are mixed.
    """

    image: np.ndarray
    mirrored: np.ndarray
    down: np.ndarray
    across: np.ndarray
    label: np.ndarray


@dataclasses.dataclass(frozen=True)
class Decision:
    """What a whole batch contains, over all workers.

    Attributes:
        hr: Faces.
        lr: Faces; the same object as `hr` if every row pairs a face with itself.
        resolution: (rows,) int32, which of the resolutions the LR face, or the LR copy of the HR face, gets.
        own: (rows,) float32, the weight of the row's own pixels; the remainder is the weight of the previous
            row (for the first row, of the last row). 1 in rows that are not mixed.
        seed: (rows,) int64, for a degradation that draws at random.
        reduced: (rows,) bool, whether the row's HR face is replaced by its LR copy.
    """

    hr: Faces
    lr: Faces
    resolution: np.ndarray
    own: np.ndarray
    seed: np.ndarray
    reduced: np.ndarray


def decide(policy: Policy, source: FaceSource, step: int) -> Decision:
    """Decide what the batch of a step contains.

    Args:
        policy: Policy.
        source: where the faces are; only its labels are read, not its pixels.
        step: int, counted from 0.

    Returns:
        Decision; the same for the same labels, policy and step.
    """
    uniform = functools.partial(_uniform, policy.seed, step, policy.batch_size)
    image = _images_of_step(policy, source, step)
    change = _changes(policy, uniform)
    mixed = uniform(MIXED) < policy.mixup if policy.mixup else np.zeros(policy.batch_size, bool)
    own = np.where(mixed, uniform(OWN), 1.0) if policy.mixup else np.ones(policy.batch_size)

    def side(images: np.ndarray, rows: np.ndarray) -> Faces:
        mirrored, down, across = (each[rows] for each in change)
        label = np.where(mixed, np.int32(-1), source.labels[images][rows])
        return Faces(images[rows], mirrored, down, across, label)

    hr = side(image, np.arange(policy.batch_size))
    partner = _partners(source, image, uniform(PARTNER), policy.pairing)
    rolled = rolled_pairs(policy.pairing, policy.negative_share, policy.batch_size)
    # The LR faces of the first rows are rolled by one row.
    rows = np.concatenate([np.roll(np.arange(rolled), 1), np.arange(rolled, policy.batch_size)])
    lr = hr if partner is image and not rolled else side(partner, rows)
    resolution = (uniform(RESOLUTION) * policy.resolutions).astype(np.int32)
    seed = (uniform(CAMERA) * 2**53).astype(np.int64)
    reduced = uniform(REDUCED) < policy.reduced
    return Decision(hr, lr, resolution, own.astype(np.float32), seed, reduced)


def _uniform(seed, step, count, stream):
    return np.random.default_rng([seed, stream, step]).random(count)


def _images_of_step(policy, source, step):
    """Return the images at the step's positions of the endless stream."""
    images = len(source)
    positions = np.arange(step * policy.batch_size, (step + 1) * policy.batch_size)
    epochs, places = positions // images, positions % images
    image = np.empty(policy.batch_size, np.int64)
    for epoch in np.unique(epochs):
        order = _order(policy.seed, int(epoch), images)
        if policy.together > 1:
            order = _gathered(policy.seed, int(epoch), policy.together, source.labels.tobytes())
        image[epochs == epoch] = order[places[epochs == epoch]]
    return image


@functools.lru_cache(maxsize=4)
def _order(seed, epoch, images):
    return np.random.default_rng([seed, ORDER, epoch]).permutation(images)


@functools.lru_cache(maxsize=4)
def _gathered(seed, epoch, together, labels):
    """Return an epoch's order in which up to `together` images of a class follow each other."""
    labels = np.frombuffer(labels, np.int32)
    order = _order(seed, epoch, len(labels))
    place = np.argsort(order)
    # The images of a class in the order of the epoch, in groups; the first of a group says where the group comes.
    by_class = np.lexsort((place, labels))
    starts = np.searchsorted(labels[by_class], labels[by_class])
    rank = np.arange(len(labels)) - starts
    firsts = place[by_class[np.arange(len(labels)) - rank % together]]
    return by_class[np.lexsort((rank, firsts))]


def _partners(source, image, uniform, pairing):
    """Pick the image itself, any image, or another of its class (itself if it is alone), all equally likely."""
    if pairing == "same_image":
        return image
    if pairing == "random":
        return (uniform * len(source)).astype(np.int64)
    sizes = source.class_sizes
    firsts = np.cumsum(sizes) - sizes
    first, size = firsts[source.labels[image]], sizes[source.labels[image]]
    further = np.minimum(1 + (uniform * (size - 1)).astype(np.int64), size - 1)
    return first + (image - first + further) % size


def _changes(policy, uniform):
    """Draw for each row whether it is mirrored, and its shift down and across in pixels."""
    mirrored = policy.flip & (uniform(FLIP) < 0.5)
    down, across = (
        np.floor(uniform(stream) * (2 * policy.shift + 1)).astype(np.int64) - policy.shift
        for stream in (DOWN, ACROSS)
    )
    return mirrored, down, across
