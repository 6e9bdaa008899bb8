"""Batches from a packed folder by NumPy alone, on any backend: each a function of the seed and its step.

As in `cshml_tf.data.pipeline`, a run that continues at step k sees what an uninterrupted run would have seen; its
stream of random numbers is another one.
"""

import collections
import concurrent.futures
import functools
import itertools
import os

import numpy as np

from cshml_tf.data.pairing import check_mixup, moved_pairs
from cshml_tf.degradation.degrade import degrade_each

# One stream of random numbers for each decision, so that none depends on another.
_ORDER, _FLIP, _PARTNER, _RESOLUTION, _DOWN, _ACROSS, _MIXED, _OWN = range(8)
_AHEAD = 4


def hr_batches(source, batch_size, seed, start_step=0, flip=True, shift=0):
    """Stream batches for the HR network, endlessly; as `cshml_tf.data.pipeline.hr_batches`.

    Args:
        source: `cshml_tf.data.packed.source.PackedSource`.
        batch_size: images a batch.
        seed: int; the same seed gives the same stream.
        start_step: number of batches to pass over, at no cost.
        flip: whether half of the faces, by chance, are mirrored.
        shift: by how many pixels a face is moved at most, up or down and to either side.

    Yields:
        dict: "hr" (batch, height, width, 3) uint8 RGB, "hr_label" (batch,) int32.
    """

    def batch(step):
        index = _drawn(source, batch_size, seed, step)
        change = _changes(seed, step, batch_size, flip, shift)
        return {"hr": _pixels(source, index, *change), "hr_label": source.labels[index]}

    yield from _ahead(batch, start_step)


def two_branch_batches(
    source,
    batch_size,
    seed,
    resolutions,
    start_step=0,
    flip=True,
    shift=0,
    mode="antialias",
    pairing="same_image",
    negative_share=0.0,
    mixup=0.0,
    degrade_here=True,
):
    """Stream batches of pairs, endlessly; as `cshml_tf.data.pipeline.two_branch_batches`.

    Args:
        source: `cshml_tf.data.packed.source.PackedSource`.
        batch_size: pairs a batch.
        seed: int; the same seed gives the same stream.
        resolutions: list of r or (h, w); one is drawn for each LR image.
        start_step: number of batches to pass over, at no cost.
        flip: whether half of the pairs, by chance, are mirrored, both sides alike.
        shift: by how many pixels a pair is moved at most, both sides alike.
        mode: how pictures are reduced, see `cshml_tf.degradation.degrade`.
        pairing: one of `cshml_tf.data.pairing.PAIRINGS`.
        negative_share: share of a batch whose LR images are passed on by one place.
        mixup: share of pairs, by chance, of which each side is mixed with that side of the pair before it in the
            batch, own weight uniform in 0..1 and the same for both sides; their labels are -1, nobody's (Zhang et
            al., "mixup: Beyond empirical risk minimization", 2018).
        degrade_here: False leaves "lr" at full resolution, for a network that degrades on the device.

    Returns:
        Iterator of dicts: "hr" (batch, height, width, 3) uint8 RGB; "lr", the same shape, float32 (uint8 where
        not degraded here); "hr_label" and "lr_label" (batch,) int32; "resolution" (batch,) int32.

    Raises:
        ValueError: an unknown pairing, or a share that the batch cannot have.
    """
    moved = moved_pairs(pairing, negative_share, batch_size)
    check_mixup(mixup, pairing, negative_share, batch_size)

    def batch(step):
        index = _drawn(source, batch_size, seed, step)
        change = _changes(seed, step, batch_size, flip, shift)
        partner = index
        if pairing != "same_image":
            partner = _partners(source, index, _uniform(seed, _PARTNER, step, batch_size), pairing)
        drawn = _uniform(seed, _RESOLUTION, step, batch_size) * len(resolutions)
        passed_on = np.concatenate([np.roll(np.arange(moved), 1), np.arange(moved, batch_size)])
        made = {
            "hr": _pixels(source, index, *change),
            "lr": _pixels(source, partner, *change)[passed_on],
            "hr_label": source.labels[index],
            "lr_label": source.labels[partner][passed_on],
            "resolution": drawn.astype(np.int32),
        }
        if mixup:
            mixed = _uniform(seed, _MIXED, step, batch_size) < mixup
            own = np.where(mixed, _uniform(seed, _OWN, step, batch_size), 1.0).astype(np.float32)
            made |= {side: _mixed(made[side], own) for side in ("hr", "lr")}
            made |= {label: np.where(mixed, np.int32(-1), made[label]) for label in ("hr_label", "lr_label")}
        if degrade_here:
            made["lr"] = degrade_each(made["lr"], resolutions, made["resolution"], mode)
        return made

    return _ahead(batch, start_step)


def _ahead(make_batch, start_step):
    """Make batches on threads, some ahead of the step that is training, and give them in order."""
    workers = min(_AHEAD, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = collections.deque()
        for step in itertools.count(start_step):
            waiting.append(pool.submit(make_batch, step))
            if len(waiting) == _AHEAD:
                yield waiting.popleft().result()


def _drawn(source, batch_size, seed, step):
    """Give the images at a step's positions of the endless stream: each epoch is a permutation of its own."""
    images = len(source.rows)
    positions = np.arange(step * batch_size, (step + 1) * batch_size)
    epochs, places = positions // images, positions % images
    index = np.empty(batch_size, np.int64)
    for epoch in np.unique(epochs):
        index[epochs == epoch] = _order(seed, int(epoch), images)[places[epochs == epoch]]
    return index


@functools.lru_cache(maxsize=4)
def _order(seed, epoch, images):
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(images)


def _partners(source, index, uniform, pairing):
    """Pick for each image any, or another of its class, each with the same chance; itself where it is alone."""
    if pairing == "random":
        return (uniform * len(source.rows)).astype(np.int64)
    sizes = source.class_sizes
    firsts = np.cumsum(sizes) - sizes
    first, size = firsts[source.labels[index]], sizes[source.labels[index]]
    shift = np.minimum(1 + (uniform * (size - 1)).astype(np.int64), size - 1)
    return first + (index - first + shift) % size


def _uniform(seed, stream, step, count):
    return np.random.default_rng([seed, stream, step]).random(count)


def _changes(seed, step, count, flip, shift):
    """Draw for each image whether it is mirrored, and by how many pixels it is moved down and across."""
    mirrored = flip & (_uniform(seed, _FLIP, step, count) < 0.5)
    uniform = [_uniform(seed, stream, step, count) for stream in (_DOWN, _ACROSS)]
    down, across = (np.floor(each * (2 * shift + 1)).astype(np.int64) - shift for each in uniform)
    return mirrored, down, across


def _mixed(pixels, own):
    """Mix each image with the one before it; `own` is the weight of its own pixels."""
    own = own[:, None, None, None]
    return np.rint(own * pixels + (1 - own) * np.roll(pixels, 1, axis=0)).astype(np.uint8)


def _pixels(source, index, mirrored, down, across):
    """Give images as changed: mirrored, then moved; where nothing moves in, the edge is repeated."""
    pixels = source.pixels[source.rows[index]]
    height, width = pixels.shape[1:3]
    rows = np.clip(np.arange(height) - down[:, None], 0, height - 1)
    columns = np.clip(np.arange(width) - across[:, None], 0, width - 1)
    columns = np.where(mirrored[:, None], width - 1 - columns, columns)
    return pixels[np.arange(len(pixels))[:, None, None], rows[:, :, None], columns[:, None, :]]
