"""Make batches from any source of faces, on any backend.

`cshml_tf.data.decisions` determines what a step's batch contains, the source supplies pixels, and the functions
here change them. The same images give the same batches, bit for bit, from class folders, packed faces and records,
on TensorFlow and on JAX. A worker makes its slice of the batch and reads only the faces of that slice.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from cshml_tf.data.carriers import Stream, carry
from cshml_tf.data.decisions import Policy, decide
from cshml_tf.data.face_source import FaceSource
from cshml_tf.degradation.degrade import degrade_each


def hr_batches(
    source: FaceSource,
    image_size: tuple[int, int],
    batch_size: int,
    seed: int,
    start_step: int = 0,
    flip: bool = True,
    shift: int = 0,
    worker: int = 0,
    workers: int = 1,
) -> Stream:
    """Stream batches for the HR network, endlessly.

    Args:
        source: where the faces are; each has the size `image_size`.
        image_size: (height, width).
        batch_size: images per batch, over all workers.
        seed: int; the same seed gives the same stream.
        start_step: number of batches to skip, at no cost.
        flip: whether to mirror each face with probability 1/2.
        shift: largest shift in pixels, vertically and horizontally.
        worker: which slice of each batch to make, from 0.
        workers: number of slices, all of one size.

    Returns:
        Stream of dicts: "hr" (batch, height, width, 3) uint8 RGB, "hr_label" (batch,) int32. `batch` is
        `batch_size / workers`. An unreadable face, or one of another size, raises ValueError when its batch
        is requested.

    Raises:
        ValueError: workers that cannot share the batch evenly.
    """
    policy = Policy(batch_size, seed, flip, shift)
    maker = _Maker(source, image_size, policy, _rows_of(worker, workers, batch_size))
    return carry(maker.hr_batch, maker.signature(("hr",)), start_step)


def two_branch_batches(
    source: FaceSource,
    image_size: tuple[int, int],
    batch_size: int,
    seed: int,
    resolutions: Sequence,
    start_step: int = 0,
    flip: bool = True,
    shift: int = 0,
    mode: str = "antialias",
    pairing: str = "same_image",
    negative_share: float = 0.0,
    mixup: float = 0.0,
    degrade_here: bool = True,
    worker: int = 0,
    workers: int = 1,
) -> Stream:
    """Stream batches of pairs for the two-branch network, endlessly.

    Args:
        source: as for `hr_batches`.
        image_size: (height, width).
        batch_size: pairs per batch, over all workers.
        seed: int; the same seed gives the same stream.
        resolutions: list of r or (h, w); one is drawn for each LR image.
        start_step: number of batches to skip, at no cost.
        flip: whether to mirror each pair with probability 1/2, both sides alike.
        shift: largest shift in pixels, vertically and horizontally, both sides alike.
        mode: how faces are reduced, see `cshml_tf.degradation.degrade`.
        pairing: one of `cshml_tf.data.pairing.PAIRINGS`.
        negative_share: share of the pairs in a batch that are made to show two people, by rolling their LR images
            by one row; by chance such a pair may still show one person.
        mixup: probability that a pair is mixed with the previous pair in the batch. Both sides use the same
            weight, drawn uniformly from 0..1. Mixed rows have the label -1, since they show no single person
            (Zhang et al., "mixup: Beyond empirical risk minimization", 2018).
        degrade_here: False leaves "lr" at full resolution, for a network that reduces it on the device.
        worker: which slice of each batch to make, from 0.
        workers: number of slices, all of one size.

    Returns:
        Stream of dicts: "hr" (batch, height, width, 3) uint8 RGB; "lr", the same shape, float32 (uint8 if not
        reduced here); "hr_label" and "lr_label" (batch,) int32; "resolution" (batch,) int32, an index of
        `resolutions`. `batch` is `batch_size / workers`. An unreadable or wrongly sized face raises ValueError, as
        in `hr_batches`.

    Raises:
        ValueError: an unknown pairing, a share that the batch cannot have, or workers that cannot share the batch
            evenly.
    """
    policy = Policy(batch_size, seed, flip, shift, len(resolutions), pairing, negative_share, mixup)
    maker = _Maker(source, image_size, policy, _rows_of(worker, workers, batch_size))

    def batch(step):
        made = maker.pair_batch(step)
        if degrade_here:
            made["lr"] = degrade_each(made["lr"], resolutions, made["resolution"], mode)
        return made

    signature = maker.signature(("hr", "lr")) | {"resolution": (maker.rows.shape, np.int32)}
    if degrade_here:
        signature |= {"lr": (signature["lr"][0], np.float32)}
    return carry(batch, signature, start_step)


def _rows_of(worker, workers, batch_size):
    """Return the rows of the global batch that a worker makes."""
    if not 0 <= worker < workers:
        raise ValueError(f"worker: expected 0 to {workers - 1}, got {worker}")
    if batch_size % workers:
        raise ValueError(f"batch_size: expected a multiple of {workers} workers, got {batch_size}")
    share = batch_size // workers
    return np.arange(worker * share, (worker + 1) * share)


@dataclasses.dataclass(frozen=True)
class _Maker:
    """Makes the rows of a worker, before degradation."""

    source: FaceSource
    image_size: tuple[int, int]
    policy: Policy
    rows: np.ndarray

    def signature(self, sides: Sequence[str]) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return the shape and the dtype of each array in a batch that has these sides."""
        count = self.rows.shape
        pixels: dict[str, Any] = {side: ((*count, *self.image_size, 3), np.uint8) for side in sides}
        return pixels | {f"{side}_label": (count, np.int32) for side in sides}

    def hr_batch(self, step):
        decision = decide(self.policy, self.source, step)
        (pixels,) = self._pixels(decision, [decision.hr])
        return {"hr": pixels, "hr_label": decision.hr.label[self.rows]}

    def pair_batch(self, step):
        decision = decide(self.policy, self.source, step)
        if decision.lr is decision.hr:
            hr, lr = self._pixels(decision, [decision.hr]) * 2
        else:
            hr, lr = self._pixels(decision, [decision.hr, decision.lr])
        return {
            "hr": hr,
            "lr": lr,
            "hr_label": decision.hr.label[self.rows],
            "lr_label": decision.lr.label[self.rows],
            "resolution": decision.resolution[self.rows],
        }

    def _pixels(self, decision, sides):
        """Return the changed and mixed pixels of each side; a face that occurs twice is read once."""
        own = decision.own[self.rows]
        mixed = own < 1
        before = (self.rows[mixed] - 1) % len(decision.own)
        needed = np.union1d(self.rows, before)
        images = np.unique(np.concatenate([side.image[needed] for side in sides]))
        faces = self.source.read(images, self.image_size)
        made = []
        for side in sides:
            places = np.searchsorted(images, side.image[needed])
            shown = change(faces, places, side.mirrored[needed], side.down[needed], side.across[needed])
            pixels = shown if len(needed) == len(self.rows) else shown[np.searchsorted(needed, self.rows)]
            if mixed.any():
                pixels = pixels.copy()
                pixels[mixed] = mix(pixels[mixed], shown[np.searchsorted(needed, before)], own[mixed])
            made.append(pixels)
        return made


def change(
    faces: np.ndarray, places: np.ndarray, mirrored: np.ndarray, down: np.ndarray, across: np.ndarray
) -> np.ndarray:
    """Mirror faces, then shift them; uncovered pixels repeat the edge.

    Args:
        faces: (n, H, W, 3) uint8.
        places: (rows,) integers, the face of each row.
        mirrored: (rows,) bool.
        down: (rows,) integers, pixels.
        across: (rows,) integers, pixels to the right.

    Returns:
        (rows, H, W, 3) uint8, a new array.
    """
    height, width = faces.shape[1:3]
    lines = np.clip(np.arange(height) - down[:, None], 0, height - 1)
    columns = np.clip(np.arange(width) - across[:, None], 0, width - 1)
    columns = np.where(mirrored[:, None], width - 1 - columns, columns)
    changed = np.empty((len(places), *faces.shape[1:]), faces.dtype)
    for row, place in enumerate(places):
        # Indexing each face twice is four times as fast as indexing the whole batch once.
        changed[row] = faces[place].take(lines[row], axis=0).take(columns[row], axis=1)
    return changed


def mix(pixels: np.ndarray, others: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Mix each face with another.

    Args:
        pixels: (rows, H, W, 3) uint8.
        others: the same shape.
        own: (rows,) float32, 0..1, the weight of `pixels`.

    Returns:
        (rows, H, W, 3) uint8, rounded, halves to the even neighbour.
    """
    own = own[:, None, None, None]
    return np.rint(own * pixels + (1 - own) * others).astype(np.uint8)
