"""The networks to train: the HR network under equation 2, and the two branches under equation 6.

Source: Sun et al., "Classifier shared deep network with multi-hierarchy loss for low resolution face
recognition", 2019, figure 1.
"""

# pyright: reportOptionalOperand=false, reportOptionalSubscript=false
# keras.ops has no annotations: pyright infers that some results may be None.

from collections.abc import Callable, Mapping

import keras
from keras import ops

from cshml_tf import losses
from cshml_tf.data.on_device import change_on_device
from cshml_tf.data.teacher_values import OF_TEACHER
from cshml_tf.layers import Bank, CosFace, Degrade
from cshml_tf.losses import Tensor, l2_normalise
from cshml_tf.recogniser import backbone_of, default_tap_of, features
from cshml_tf.settings.losses import CosFaceOptions, LossSettings
from cshml_tf.terms import TERMS, Views, hr_values

__all__ = ["HrNetwork", "LossSettings", "TwoBranchNetwork"]


class HrNetwork(keras.Model):
    """A recogniser and its classifier, trained on HR faces with only equation 2.

    Args:
        recogniser: the network to train.
        classifier: `cshml_tf.layers.CosFace`.
        settings: scale and margin of CosFace.
    """

    def __init__(self, recogniser: keras.Model, classifier: CosFace, settings: CosFaceOptions) -> None:
        super().__init__(name="hr_network")
        self.recogniser = recogniser
        self.classifier = classifier
        self.settings = settings
        _build_for(classifier, recogniser)

    def terms(
        self, batch: Mapping[str, Tensor], sum_over_replicas: Callable[[Tensor], Tensor] = lambda value: value
    ) -> dict[str, Tensor]:
        """Compute this replica's share of each loss term.

        Args:
            batch: dict of "hr" (n, H, W, 3), pixels 0..255, and "hr_label" (n,) integers; or faces still to be
                changed, as `cshml_tf.data.on_device` takes them.
            sum_over_replicas: sums a scalar over the replicas of the global batch.

        Returns:
            dict of scalars; each, summed over the replicas, is the term over the global batch.
        """
        batch = change_on_device(batch)
        embedding = features(self.recogniser, batch["hr"], training=True)["embedding"]
        values = losses.cosface(
            self.classifier(embedding), batch["hr_label"], self.settings.scale, self.settings.margin
        )
        return {"classifier": ops.sum(values) / sum_over_replicas(_count(values))}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return equation 2, the only term."""
        return terms["classifier"]


class TwoBranchNetwork(keras.Model):
    """CS-MHL-Net: a frozen HR network, an LR network that starts as its clone, and one shared classifier.

    Args:
        teacher: the HR network; frozen here, including its batch norm.
        student: the LR network, the only one of the two that learns.
        classifier: `cshml_tf.layers.CosFace`, shared by both.
        settings: weights and parameters of the loss terms.
        degrade: `cshml_tf.layers.Degrade` to degrade pictures on the device; None if the batch's "lr" is already
            degraded.
        bank: `cshml_tf.layers.Bank` for the term of that name; None without it.

    Raises:
        ValueError: `settings` names an unknown tap, or a pool that does not fit its map; or the term "bank" is
            switched on without a bank.
    """

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        classifier: CosFace,
        settings: LossSettings,
        degrade: Degrade | None = None,
        bank: Bank | None = None,
    ) -> None:
        super().__init__(name="cs_mhl_net")
        self.tap = default_tap_of(student) if settings.tap is None else settings.tap
        outputs: dict[str, Tensor] = backbone_of(student).output  # pyright: ignore[reportAssignmentType]
        taps = [tap for tap in outputs if tap != "embedding"]
        if self.tap not in taps:
            raise ValueError(f"tap: expected one of {', '.join(taps)}, got {self.tap!r}")
        losses.check_pool_size(outputs[self.tap].shape, settings.pool_size)
        if "bank" in settings.weights and bank is None:
            raise ValueError("bank: expected a bank of HR embeddings for the term bank, got none")
        self.teacher = teacher
        self.student = student
        self.classifier = classifier
        self.settings = settings
        self.degrade = degrade
        self.bank = bank
        teacher.trainable = False
        _build_for(classifier, student)

    def terms(
        self, batch: Mapping[str, Tensor], sum_over_replicas: Callable[[Tensor], Tensor] = lambda value: value
    ) -> dict[str, Tensor]:
        """Compute this replica's share of each term of equation 6 that is switched on, unweighted.

        Args:
            batch: dict of "hr" and "lr" (n, H, W, 3), pixels 0..255, row i of one paired with row i of the
                other, or, in place of "hr", what `hr_values` makes of it, as "teacher_embedding" and so on;
                "hr_label" and "lr_label" (n,) integers, both -1 for a mixture of people or a face without a name,
                which equation 2 skips; with a `degrade` layer also "resolution" (n,) integers, the index of each
                LR picture's resolution. Or faces still to be changed, as `cshml_tf.data.on_device` takes them.
            sum_over_replicas: sums a scalar over the replicas of the global batch.

        Returns:
            dict of scalars; each, summed over the replicas, is the term over the global batch.
        """
        batch = change_on_device(batch)
        lr_pixels = batch["lr"]
        if self.degrade is not None:
            lr_pixels = self.degrade(lr_pixels, batch["resolution"])
        views = Views(
            hr=_given_values(batch) or self.hr_values(batch["hr"]),
            lr=features(self.student, lr_pixels, training=True),
            hr_label=ops.convert_to_tensor(batch["hr_label"]),
            lr_label=ops.convert_to_tensor(batch["lr_label"]),
            settings=self.settings,
            tap=self.tap,
            classifier=self.classifier,
            bank=None if self.bank is None else self.bank.contents,
            sum_over_replicas=sum_over_replicas,
        )
        return {name: TERMS[name](views) for name in self.settings.weights}

    def hr_values(self, pixels: Tensor) -> dict[str, Tensor]:
        """Run the HR network for what the terms need of it; nothing else depends on the HR faces.

        Args:
            pixels: array or tensor (n, H, W, 3), 0..255.

        Returns:
            As `cshml_tf.terms.hr_values`, the embedding averaged with the mirror image's if the settings say so.
        """
        outputs = features(self.teacher, pixels, training=False)
        if self.settings.mirror_target:
            mirrored = features(self.teacher, pixels[:, :, ::-1], training=False)["embedding"]
            outputs = outputs | {"embedding": l2_normalise(outputs["embedding"]) + l2_normalise(mirrored)}
        return hr_values(outputs, self.settings, self.tap)

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Compute equation 6, the weighted sum of its terms."""
        return sum(weight * terms[name] for name, weight in self.settings.weights.items())


def _given_values(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the HR network's values that a batch carries, as float32, under the names of `hr_values`."""
    names = [name for name in batch if name.startswith(OF_TEACHER)]
    return {name.removeprefix(OF_TEACHER): ops.cast(batch[name], "float32") for name in names}


def _count(values: Tensor) -> Tensor:
    return ops.cast(ops.shape(values)[0], "float32")


def _build_for(classifier: CosFace, recogniser: keras.Model) -> None:
    """Create W now unless it exists, so that it can be initialised from an HR network's W."""
    if not classifier.built:
        classifier.build((None, recogniser.output_shape[-1]))
