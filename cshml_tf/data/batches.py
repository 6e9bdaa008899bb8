"""Make batches from any source of faces, on any backend.

`cshml_tf.data.decisions` determines what a step's batch contains, the source supplies pixels, and the functions
here change them. The same images give the same batches, bit for bit, from class folders, packed faces and records,
on TensorFlow and on JAX. A worker makes its slice of the batch and reads only the faces of that slice.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from cshml_tf.data.carriers import Stream, carry
from cshml_tf.data.decisions import APART, JITTER, Policy
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.maker import Maker
from cshml_tf.data.teacher_values import TeacherValues
from cshml_tf.data.unlabelled import Unlabelled
from cshml_tf.data.unreadable import REPLACE, Unreadable
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
    maker = Maker(source, image_size, policy, _rows_of(worker, workers, batch_size), unreadable)
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
    unlabelled: Unlabelled | None = None,
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
        unlabelled: faces without names, of which each batch contains some after its own pairs: each with its own
            LR copy, changed as the others are, with the label -1; None for none.

    Returns:
        Stream of dicts: "hr" (batch, height, width, 3) uint8 RGB, or the values of `teacher`; "lr" (batch, height,
        width, 3) float32 (uint8 if not reduced here); "hr_label" and "lr_label" (batch,) int32; "resolution"
        (batch,) int32, an index of `resolutions`. `batch` is `batch_size / workers`, or the sum of both batch
        sizes / workers. A face that is unreadable, wrongly sized or not the one that `teacher` knows raises
        ValueError, as in `hr_batches`.

    Raises:
        ValueError: an unknown pairing or degradation, a share that the batch cannot have, workers that cannot
            share the batch evenly, a teacher whose values do not apply to shifted, mixed or unlabelled faces, or
            what only the host can do with `change_here` False.
    """
    check_mode(mode)
    if teacher is not None and (shift or mixup or unlabelled):
        others = "some" if unlabelled else "none"
        raise ValueError(
            f"teacher: cannot be combined with shift, mixup or unlabelled, got {shift}, {mixup} and {others}"
        )
    policy = Policy(batch_size, seed, flip, shift, len(resolutions), pairing, negative_share, mixup, together)
    rows = _rows_of(worker, workers, batch_size)
    makers = [Maker(source, image_size, policy, rows, unreadable, teacher)]
    if unlabelled is not None:
        makers.append(_nameless_maker(unlabelled, image_size, policy, worker, workers))
    if not change_here:
        if jitter or teacher is not None or mode in DRAWN:
            raise ValueError("change_here: expected True with jitter, a teacher or a simulated camera, got False")
        one_side = policy.one_side
        signature = _join_signatures([maker.unchanged_pair_signature(one_side) for maker in makers])

        def unchanged(step):
            return _join([maker.unchanged_pair_batch(step, one_side) for maker in makers])

        return carry(unchanged, signature, start_step)

    def batch(step, maker):
        made, seeds = maker.pair_batch(step)
        if jitter:
            made["lr"] = np.stack(list(map(functools.partial(_jittered, jitter), made["lr"], seeds)))
        if degrade_here:
            made["lr"] = degrade_each(made["lr"], resolutions, made["resolution"], mode, seeds)
        return made

    signature = _join_signatures([maker.pair_signature() for maker in makers])
    if degrade_here:
        signature |= {"lr": (signature["lr"][0], np.float32)}
    return carry(lambda step: _join([batch(step, maker) for maker in makers]), signature, start_step)


def _nameless_maker(unlabelled, image_size, named, worker, workers):
    """Make the rows of faces without names, each paired with itself, as the named ones are changed otherwise."""
    size, seed = unlabelled.batch_size, named.seed + APART
    policy = dataclasses.replace(
        named, batch_size=size, seed=seed, pairing="same_image", negative_share=0.0, together=1
    )
    rows = _rows_of(worker, workers, size, "unlabelled_batch_size")
    unreadable = Unreadable(unlabelled.source, image_size, seed, advice=REPLACE)
    return Maker(unlabelled.source, image_size, policy, rows, unreadable, is_labelled=False)


def _join(batches):
    """Put the rows of one batch after those of another."""
    if len(batches) == 1:
        return batches[0]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _join_signatures(signatures):
    """Return the signature of batches joined by `_join`."""
    return {
        name: ((sum(each[name][0][0] for each in signatures), *shape[1:]), dtype)
        for name, (shape, dtype) in signatures[0].items()
    }


def _jittered(share, face, seed):
    generator = np.random.default_rng([int(seed), JITTER])
    return np.rint(displace_at_random(face.astype(np.float32), share, generator)).astype(np.uint8)


def _rows_of(worker, workers, batch_size, name="batch_size"):
    """Return the rows of the global batch that a worker makes."""
    if not 0 <= worker < workers:
        raise ValueError(f"worker: expected 0 to {workers - 1}, got {worker}")
    if batch_size % workers:
        raise ValueError(f"{name}: expected a multiple of {workers} workers, got {batch_size}")
    share = batch_size // workers
    return np.arange(worker * share, (worker + 1) * share)
