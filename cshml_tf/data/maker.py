"""Make the rows of a batch that a worker needs: faces read once, changed and mixed as decided."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from cshml_tf.data.changes import change, mix
from cshml_tf.data.decisions import Faces, Policy, decide
from cshml_tf.data.face_source import FaceSource
from cshml_tf.data.teacher_values import TeacherValues
from cshml_tf.data.unreadable import Unreadable
from cshml_tf.degradation.degrade import degrade_each
from cshml_tf.degradation.resolution import Resolution


@dataclasses.dataclass(frozen=True)
class Maker:
    """Makes the rows of a worker, before degradation.

    Attributes:
        source: where the faces are.
        image_size: (height, width).
        policy: what all batches have in common.
        rows: (n,) integers, the rows of the whole batch that the worker makes.
        unreadable: reads the faces, and passes over those that cannot be read; None passes over none.
        teacher: the HR network's values of the faces, which batches of pairs carry in place of "hr".
        is_labelled: False for faces without names, all of whose labels are -1.
    """

    source: FaceSource
    image_size: tuple[int, int]
    policy: Policy
    rows: np.ndarray
    unreadable: Unreadable | None
    teacher: TeacherValues | None = None
    is_labelled: bool = True

    def signature(self, sides: Sequence[str]) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return the shape and the dtype of each array in a batch that has these sides."""
        count = self.rows.shape
        pixels: dict[str, Any] = {side: ((*count, *self.image_size, 3), np.uint8) for side in sides}
        return pixels | {f"{side}_label": (count, np.int32) for side in sides}

    def pair_signature(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return the signature of `pair_batch`'s batches."""
        signature = self.signature(("hr", "lr")) | {"resolution": (self.rows.shape, np.int32)}
        if self.teacher is not None:
            del signature["hr"]
            signature |= self.teacher.signature(len(self.rows))
        return signature

    def hr_batch(self, step: int) -> dict[str, np.ndarray]:
        """Make a batch of HR faces."""
        decision = decide(self.policy, self.source, step)
        ((pixels, label, _),) = self._sides(step, decision, [decision.hr])
        return {"hr": pixels, "hr_label": label}

    def mixed_batch(self, step: int, resolutions: Sequence[Resolution], mode: str) -> dict[str, np.ndarray]:
        """Make a batch of HR faces, some of which are replaced by their LR copies."""
        decision = decide(self.policy, self.source, step)
        ((pixels, label, _),) = self._sides(step, decision, [decision.hr])
        mixed, rows = pixels.astype(np.float32), decision.reduced[self.rows]
        if rows.any():
            choice, seeds = (each[self.rows][rows] for each in (decision.resolution, decision.seed))
            mixed[rows] = degrade_each(pixels[rows], resolutions, choice, mode, seeds)
        return {"hr": mixed, "hr_label": label}

    def pair_batch(self, step: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Make a batch of pairs, both sides at full resolution; return also the seeds of a drawn degradation."""
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
            shown_at = read[places[at_rows]]
            made.append((pixels, self._labels(side, shown_at), shown_at))
        return made

    def unchanged_signature(self, sides: Sequence[str]) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return `signature` for batches whose faces are changed on the device."""
        count = self.rows.shape
        pictures = [*sides, *(f"{side}_other" for side in sides if self.policy.mixup)]
        pixels: dict[str, Any] = {name: ((*count, *self.image_size, 3), np.uint8) for name in pictures}
        pixels |= {f"{name}_change": ((*count, 3), np.int32) for name in pictures}
        pixels |= {"own": (count, np.float32)} if self.policy.mixup else {}
        return pixels | {f"{side}_label": (count, np.int32) for side in sides}

    def unchanged_hr_batch(self, step: int) -> dict[str, np.ndarray]:
        """Make a batch of HR faces to change on the device."""
        decision = decide(self.policy, self.source, step)
        return self._unchanged(step, decision, {"hr": decision.hr})

    def unchanged_pair_signature(self, one_side: bool) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return the signature of `unchanged_pair_batch`."""
        count = self.rows.shape
        sides = ("hr",) if one_side else ("hr", "lr")
        return self.unchanged_signature(sides) | {"lr_label": (count, np.int32), "resolution": (count, np.int32)}

    def unchanged_pair_batch(self, step: int, one_side: bool) -> dict[str, np.ndarray]:
        """Make a batch of pairs to change on the device.

        Args:
            step: int, counted from 0.
            one_side: whether to leave out "lr", where it would be "hr" again.
        """
        decision = decide(self.policy, self.source, step)
        sides = {"hr": decision.hr} if one_side else {"hr": decision.hr, "lr": decision.lr}
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
            made[f"{name}_label"] = self._labels(side, read[np.searchsorted(images, side.image[self.rows])])
        return made

    def _labels(self, side: Faces, shown_at: np.ndarray) -> np.ndarray:
        """Return the labels of a side; a face that stands in for another has its own."""
        if not self.is_labelled:
            return np.full(len(self.rows), -1, np.int32)
        decided = side.label[self.rows]
        return np.where(decided < 0, decided, self.source.labels[shown_at])

    def _read(self, step, images):
        """Return the faces at places in the source and these places, or those of faces that stand in for them."""
        if self.unreadable is None:
            faces, read = self.source.read(images, self.image_size), images
        else:
            faces, read = self.unreadable.read(step, images)
        if self.teacher is not None:
            self.teacher.check(read, faces)
        return faces, read
