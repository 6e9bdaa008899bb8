"""From a source of faces to batches, without state: an example is a function of the seed and its position.

Position p of the endless stream belongs to epoch p // images; its image, its flip and its resolution follow
from (seed, p) alone. A run that continues at step k therefore sees what an uninterrupted run would have
seen, and nothing about the pipeline need be saved.
"""

import numpy as np
import tensorflow as tf

from cshml_tf.data.decoding import decode_image
from cshml_tf.data.pairing import check_mixup, moved_pairs
from cshml_tf.degradation.degrade import degrade_each

# One stream of random numbers for each decision, so that none depends on another.
_FLIP, _PARTNER, _RESOLUTION, _DOWN, _ACROSS, _MIXED, _OWN = range(1, 8)


def hr_batches(source, image_size, batch_size, seed, start_step=0, flip=True, shift=0):
    """Stream batches for the HR network, endlessly.

    Args:
        source: `cshml_tf.data.folder.FaceSource`; every image is of `image_size`.
        image_size: (height, width).
        batch_size: images a batch.
        seed: int; the same seed gives the same stream.
        start_step: number of batches to pass over, at no cost.
        flip: whether half of the faces, by chance, are mirrored.
        shift: by how many pixels a face is moved at most, up or down and to either side.

    Returns:
        tf.data.Dataset of dicts: "hr" (batch, height, width, 3) uint8 RGB, "hr_label" (batch,) int32.
    """

    def example(position):
        index = _shuffled(position, len(source.paths), seed)
        change = _change(seed, position, flip, shift)
        return {"hr": _read(paths[index], image_size, *change), "hr_label": labels[index]}

    paths, labels = tf.constant(source.paths), tf.constant(source.labels)
    return _positions(start_step, batch_size, example).prefetch(tf.data.AUTOTUNE)


def two_branch_batches(
    source,
    image_size,
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
    """Stream batches of pairs for the two-branch network, endlessly.

    Args:
        source: `cshml_tf.data.folder.FaceSource`; every image is of `image_size`.
        image_size: (height, width).
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
        tf.data.Dataset of dicts: "hr" (batch, height, width, 3) uint8 RGB; "lr", the same shape, float32
        (uint8 where not degraded here); "hr_label" and "lr_label" (batch,) int32; "resolution" (batch,)
        int32, an index of `resolutions`.

    Raises:
        ValueError: an unknown pairing, or a share that the batch cannot have.
    """
    moved = moved_pairs(pairing, negative_share, batch_size)
    check_mixup(mixup, pairing, negative_share, batch_size)
    paths, labels = tf.constant(source.paths), tf.constant(source.labels)

    def example(position):
        index = _shuffled(position, len(source.paths), seed)
        change = _change(seed, position, flip, shift)
        hr = _read(paths[index], image_size, *change)
        lr, partner = hr, index
        if pairing != "same_image":
            partner = _partner(source, index, _uniform(seed, position, _PARTNER), pairing)
            lr = _read(paths[partner], image_size, *change)
        drawn = tf.cast(_uniform(seed, position, _RESOLUTION) * len(resolutions), tf.int32)
        resolution = tf.minimum(drawn, len(resolutions) - 1)
        pair = {
            "hr": hr,
            "lr": lr,
            "hr_label": labels[index],
            "lr_label": labels[partner],
            "resolution": resolution,
        }
        if mixup:
            mixed = _uniform(seed, position, _MIXED) < mixup
            pair["own"] = tf.where(mixed, _uniform(seed, position, _OWN), 1.0)
            pair |= {label: tf.where(mixed, -1, pair[label]) for label in ("hr_label", "lr_label")}
        return pair

    def finish(batch):
        for key in ("lr", "lr_label"):
            batch[key] = tf.concat([tf.roll(batch[key][:moved], 1, axis=0), batch[key][moved:]], axis=0)
        if mixup:
            own = batch.pop("own")
            batch |= {side: _mixed(batch[side], own) for side in ("hr", "lr")}
        if degrade_here:
            batch["lr"] = degrade_each(batch["lr"], resolutions, batch["resolution"], mode)
        return batch

    batches = _positions(start_step, batch_size, example)
    return batches.map(finish, tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def _positions(start_step, batch_size, example):
    positions = tf.data.Dataset.range(start_step * batch_size, np.iinfo(np.int64).max)
    examples = positions.map(example, tf.data.AUTOTUNE, deterministic=True)
    return examples.batch(batch_size, drop_remainder=True)


def _shuffled(position, images, seed):
    """Give the image at a position: each epoch is a permutation of its own."""
    key = tf.stack([tf.constant(seed, tf.int64), position // images])
    return tf.random.experimental.index_shuffle(position % images, key, images - 1)


def _partner(source, index, uniform, pairing):
    """Pick any image, or another of the same class, each with the same chance; itself where it is alone."""
    if pairing == "random":
        images = len(source.paths)
        return tf.minimum(tf.cast(uniform * images, tf.int64), images - 1)
    class_sizes = np.bincount(source.labels)
    label = tf.constant(source.labels)[index]
    size = tf.constant(class_sizes, tf.int64)[label]
    first = tf.constant(np.cumsum(class_sizes) - class_sizes, tf.int64)[label]
    shift = 1 + tf.cast(uniform * tf.cast(size - 1, tf.float32), tf.int64)
    return first + (index - first + tf.minimum(shift, size - 1)) % size


def _uniform(seed, position, stream):
    return tf.random.stateless_uniform((), tf.stack([tf.constant(seed * 8 + stream, tf.int64), position]))


def _change(seed, position, flip, shift):
    """Draw whether an image is mirrored, and by how many pixels it is moved down and across."""
    mirrored = flip and _uniform(seed, position, _FLIP) < 0.5
    places = 2 * shift + 1
    uniform = [_uniform(seed, position, stream) for stream in (_DOWN, _ACROSS)]
    down, across = (tf.minimum(tf.cast(each * places, tf.int32), places - 1) - shift for each in uniform)
    return mirrored, down, across


def _mixed(pixels, own):
    """Mix each image with the one before it; `own` is the weight of its own pixels."""
    own = own[:, None, None, None]
    pixels = tf.cast(pixels, tf.float32)
    return tf.cast(tf.round(own * pixels + (1 - own) * tf.roll(pixels, 1, axis=0)), tf.uint8)


def _read(path, image_size, mirrored, down, across):
    """Read an image and change it: mirrored, then moved; where nothing moves in, the edge is repeated."""
    pixels = tf.cast(decode_image(tf.io.read_file(path)), tf.uint8)
    pixels = tf.ensure_shape(pixels, (*image_size, 3))
    pixels = tf.cond(tf.convert_to_tensor(mirrored), lambda: pixels[:, ::-1], lambda: pixels)
    for axis, moved in enumerate((down, across)):
        places = tf.clip_by_value(tf.range(image_size[axis]) - moved, 0, image_size[axis] - 1)
        pixels = tf.gather(pixels, places, axis=axis)
    return pixels
