"""Make batches from any source of faces, on any backend.

`cshml_tf.data.decisions` determines what a step's batch contains, the source supplies pixels, and the functions
here change them. The same images give the same batches, bit for bit, from class folders, packed faces and records,
on TensorFlow and on JAX. A worker makes its slice of the batch and reads only the faces of that slice.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cshml_tf.data.carriers import Stream, carry
from cshml_tf.data.changes import change, mix
from cshml_tf.data.decisions import JITTER, Policy, decide
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.teacher_values import TeacherValues
from cshml_tf.data.unreadable import Unreadable
from cshml_tf.degradation.degrade import DRAWN, check_mode, degrade_each
from cshml_tf.degradation.lens import displace_at_random
from cshml_tf.degradation.resolution import Resolution


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
    unreadable: Unreadable | None = None,
    resolutions: Sequence[Resolution] = (),
    reduced: float = 0.0,
    mode: str = "antialias",
    change_here: bool = True,
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
        unreadable: reads the faces, and passes over those that cannot be read; None passes over none.
        resolutions: list of r or (h, w), of which one is drawn for each LR copy; empty for HR faces alone.
        reduced: with resolutions, the probability that a face is replaced by its LR copy.
        mode: how LR copies are reduced, see `cshml_tf.degradation.degrade`.
        change_here: False leaves the faces as they are, and adds what was decided, for
            `cshml_tf.data.on_device.change_on_device`.

    Returns:
        Stream of dicts: "hr" (batch, height, width, 3) uint8 RGB, or float32 with resolutions; "hr_label" (batch,)
        int32. `batch` is `batch_size / workers`. An unreadable face, or one of another size, raises ValueError
        when its batch is requested.

    Raises:
        ValueError: an unknown degradation, workers that cannot share the batch evenly, or resolutions with
            `change_here` False.
    """
    check_mode(mode)
    share = reduced if resolutions else 0.0
    policy = Policy(batch_size, seed, flip, shift, len(resolutions) or 1, reduced=share)
    maker = _Maker(source, image_size, policy, _rows_of(worker, workers, batch_size), unreadable)
    signature = maker.signature(("hr",))
    if resolutions:
        if not change_here:
            raise ValueError("change_here: expected True with resolutions, got False")
        batch = functools.partial(maker.mixed_batch, resolutions=resolutions, mode=mode)
        return carry(batch, signature | {"hr": (signature["hr"][0], np.float32)}, start_step)
    if not change_here:
        return carry(maker.unchanged_hr_batch, maker.unchanged_signature(("hr",)), start_step)
    return carry(maker.hr_batch, signature, start_step)


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
    together: int = 1,
    jitter: float = 0.0,
    degrade_here: bool = True,
    worker: int = 0,
    workers: int = 1,
    unreadable: Unreadable | None = None,
    teacher: TeacherValues | None = None,
    change_here: bool = True,
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
        together: how many images of a class follow each other, if it has as many.
        jitter: standard deviation of the error of the LR face's crop, as a share of its side: the face is moved,
            scaled and turned by this much before it is reduced, while the HR face stays as it is.
        degrade_here: False leaves "lr" at full resolution, for a network that reduces it on the device.
        worker: which slice of each batch to make, from 0.
        workers: number of slices, all of one size.
        unreadable: reads the faces, and passes over those that cannot be read; None passes over none.
        teacher: the HR network's values of these faces, which the batches then carry in place of "hr"; None for
            batches with "hr".
        change_here: as for `hr_batches`; if False, nothing is reduced here either, and "lr" is missing if both
            sides show the same faces.

    Returns:
        Stream of dicts: "hr" (batch, height, width, 3) uint8 RGB, or the values of `teacher`; "lr" (batch, height,
        width, 3) float32 (uint8 if not reduced here); "hr_label" and "lr_label" (batch,) int32; "resolution"
        (batch,) int32, an index of `resolutions`. `batch` is `batch_size / workers`. A face that is unreadable,
        wrongly sized or not the one that `teacher` knows raises ValueError, as in `hr_batches`.

    Raises:
        ValueError: an unknown pairing or degradation, a share that the batch cannot have, workers that cannot
            share the batch evenly, a teacher whose values do not apply to shifted or mixed faces, or what only
            the host can do with `change_here` False.
    """
    check_mode(mode)
    if teacher is not None and (shift or mixup):
        raise ValueError(f"teacher: cannot be combined with shift or mixup, got {shift} and {mixup}")
    policy = Policy(batch_size, seed, flip, shift, len(resolutions), pairing, negative_share, mixup, together)
    maker = _Maker(source, image_size, policy, _rows_of(worker, workers, batch_size), unreadable, teacher)
    if not change_here:
        if jitter or teacher is not None or mode in DRAWN:
            raise ValueError("change_here: expected True with jitter, a teacher or a simulated camera, got False")
        sides = ("hr",) if policy.one_side else ("hr", "lr")
        signature = maker.unchanged_signature(sides) | {
            "lr_label": (maker.rows.shape, np.int32),
            "resolution": (maker.rows.shape, np.int32),
        }
        return carry(maker.unchanged_pair_batch, signature, start_step)

    def batch(step):
        made, seeds = maker.pair_batch(step)
        if jitter:
            made["lr"] = np.stack(list(map(functools.partial(_jittered, jitter), made["lr"], seeds)))
        if degrade_here:
            made["lr"] = degrade_each(made["lr"], resolutions, made["resolution"], mode, seeds)
        return made

    signature = maker.pair_signature()
    if degrade_here:
        signature |= {"lr": (signature["lr"][0], np.float32)}
    return carry(batch, signature, start_step)


def _jittered(share, face, seed):
    generator = np.random.default_rng([int(seed), JITTER])
    return np.rint(displace_at_random(face.astype(np.float32), share, generator)).astype(np.uint8)


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
    unreadable: Unreadable | None
    teacher: TeacherValues | None = None

    def signature(self, sides: Sequence[str]) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return the shape and the dtype of each array in a batch that has these sides."""
        count = self.rows.shape
        pixels: dict[str, Any] = {side: ((*count, *self.image_size, 3), np.uint8) for side in sides}
        return pixels | {f"{side}_label": (count, np.int32) for side in sides}

    def pair_signature(self):
        signature = self.signature(("hr", "lr")) | {"resolution": (self.rows.shape, np.int32)}
        if self.teacher is not None:
            del signature["hr"]
            signature |= self.teacher.signature(len(self.rows))
        return signature

    def hr_batch(self, step):
        decision = decide(self.policy, self.source, step)
        ((pixels, label, _),) = self._sides(step, decision, [decision.hr])
        return {"hr": pixels, "hr_label": label}

    def mixed_batch(self, step, resolutions, mode):
        """Make a batch of HR faces, some of which are replaced by their LR copies."""
        decision = decide(self.policy, self.source, step)
        ((pixels, label, _),) = self._sides(step, decision, [decision.hr])
        mixed, rows = pixels.astype(np.float32), decision.reduced[self.rows]
        if rows.any():
            choice, seeds = (each[self.rows][rows] for each in (decision.resolution, decision.seed))
            mixed[rows] = degrade_each(pixels[rows], resolutions, choice, mode, seeds)
        return {"hr": mixed, "hr_label": label}

    def pair_batch(self, step):
        decision = decide(self.policy, self.source, step)
        if decision.lr is decision.hr:
            hr, lr = self._sides(step, decision, [decision.hr]) * 2
        else:
            hr, lr = self._sides(step, decision, [decision.hr, decision.lr])
        resolution = decision.resolution[self.rows]
        made = {"lr": lr[0], "hr_label": hr[1], "lr_label": lr[1], "resolution": resolution}
        if self.teacher is None:
            made["hr"] = hr[0]
        else:
            made |= self.teacher.take(hr[2], decision.hr.mirrored[self.rows])
        return made, decision.seed[self.rows]

    def _sides(self, step, decision, sides):
        """Return the changed, mixed pixels, the labels and the places of each side; no face is read twice."""
        own = decision.own[self.rows]
        mixed = own < 1
        before = (self.rows[mixed] - 1) % len(decision.own)
        needed = np.union1d(self.rows, before)
        images = np.unique(np.concatenate([side.image[needed] for side in sides]))
        faces, read = self._read(step, images)
        made = []
        for side in sides:
            places = np.searchsorted(images, side.image[needed])
            shown = change(faces, places, side.mirrored[needed], side.down[needed], side.across[needed])
            at_rows = np.searchsorted(needed, self.rows)
            pixels = shown if len(needed) == len(self.rows) else shown[at_rows]
            if mixed.any():
                pixels = pixels.copy()
                pixels[mixed] = mix(pixels[mixed], shown[np.searchsorted(needed, before)], own[mixed])
            decided, shown_at = side.label[self.rows], read[places[at_rows]]
            made.append((pixels, np.where(decided < 0, decided, self.source.labels[shown_at]), shown_at))
        return made

    def unchanged_signature(self, sides: Sequence[str]) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return `signature` for batches whose faces are changed on the device."""
        count = self.rows.shape
        pictures = [*sides, *(f"{side}_other" for side in sides if self.policy.mixup)]
        pixels: dict[str, Any] = {name: ((*count, *self.image_size, 3), np.uint8) for name in pictures}
        pixels |= {f"{name}_change": ((*count, 3), np.int32) for name in pictures}
        pixels |= {"own": (count, np.float32)} if self.policy.mixup else {}
        return pixels | {f"{side}_label": (count, np.int32) for side in sides}

    def unchanged_hr_batch(self, step):
        decision = decide(self.policy, self.source, step)
        return self._unchanged(step, decision, {"hr": decision.hr})

    def unchanged_pair_batch(self, step):
        decision = decide(self.policy, self.source, step)
        sides = {"hr": decision.hr} if self.policy.one_side else {"hr": decision.hr, "lr": decision.lr}
        made = self._unchanged(step, decision, sides) | {"resolution": decision.resolution[self.rows]}
        made.setdefault("lr_label", made["hr_label"])
        return made

    def _unchanged(self, step, decision, sides):
        """Return the faces of each side, those that they are mixed with, and what was decided about them."""
        own = decision.own[self.rows]
        # A face that is not mixed is mixed with itself.
        partners = np.where(own < 1, (self.rows - 1) % len(decision.own), self.rows)
        rows = {"": self.rows} | ({"_other": partners} if self.policy.mixup else {})
        needed = np.concatenate(list(rows.values()))
        images = np.unique(np.concatenate([side.image[needed] for side in sides.values()]))
        faces, read = self._read(step, images)
        made = {"own": own} if self.policy.mixup else {}
        for name, side in sides.items():
            for suffix, shown in rows.items():
                made[name + suffix] = faces[np.searchsorted(images, side.image[shown])]
                change = np.stack([side.mirrored[shown], side.down[shown], side.across[shown]], axis=1)
                made[f"{name}{suffix}_change"] = change.astype(np.int32)
            decided = side.label[self.rows]
            shown_at = read[np.searchsorted(images, side.image[self.rows])]
            made[f"{name}_label"] = np.where(decided < 0, decided, self.source.labels[shown_at])
        return made

    def _read(self, step, images):
        """Return the faces at places in the source and these places, or those of faces that stand in for them."""
        if self.unreadable is None:
            faces, read = self.source.read(images, self.image_size), images
        else:
            faces, read = self.unreadable.read(step, images)
        if self.teacher is not None:
            self.teacher.check(read, faces)
        return faces, read
