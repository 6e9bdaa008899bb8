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
from cshml_tf.layers import CosFace, Degrade
from cshml_tf.losses import Tensor
from cshml_tf.recogniser import backbone_of, default_tap_of, features
from cshml_tf.settings.losses import CosFaceOptions, LossSettings

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
            batch: dict of "hr" (n, H, W, 3), pixels 0..255, and "hr_label" (n,) integers.
            sum_over_replicas: sums a scalar over the replicas of the global batch.

        Returns:
            dict of scalars; each, summed over the replicas, is the term over the global batch.
        """
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

    Raises:
        ValueError: `settings` names an unknown tap, or a pool that does not fit its map.
    """

    def __init__(
        self,
        teacher: keras.Model,
        student: keras.Model,
        classifier: CosFace,
        settings: LossSettings,
        degrade: Degrade | None = None,
    ) -> None:
        super().__init__(name="cs_mhl_net")
        self.tap = default_tap_of(student) if settings.tap is None else settings.tap
        outputs: dict[str, Tensor] = backbone_of(student).output  # pyright: ignore[reportAssignmentType]
        taps = [tap for tap in outputs if tap != "embedding"]
        if self.tap not in taps:
            raise ValueError(f"tap: expected one of {', '.join(taps)}, got {self.tap!r}")
        losses.check_pool_size(outputs[self.tap].shape, settings.pool_size)
        self.teacher = teacher
        self.student = student
        self.classifier = classifier
        self.settings = settings
        self.degrade = degrade
        teacher.trainable = False
        _build_for(classifier, student)

    def terms(
        self, batch: Mapping[str, Tensor], sum_over_replicas: Callable[[Tensor], Tensor] = lambda value: value
    ) -> dict[str, Tensor]:
        """Compute this replica's share of each term of equation 6 that is switched on, unweighted.

        Args:
            batch: dict of "hr" and "lr" (n, H, W, 3), pixels 0..255, row i of one paired with row i of the
                other; "hr_label" and "lr_label" (n,) integers, both -1 for a mixture of people, which equation 2
                skips; with a `degrade` layer also "resolution" (n,) integers, the index of each
                LR picture's resolution.
            sum_over_replicas: sums a scalar over the replicas of the global batch.

        Returns:
            dict of scalars; each, summed over the replicas, is the term over the global batch.
        """
        settings, weights = self.settings, self.settings.weights
        lr_pixels = batch["lr"]
        if self.degrade is not None:
            lr_pixels = self.degrade(lr_pixels, batch["resolution"])
        hr = features(self.teacher, batch["hr"], training=False)
        lr = features(self.student, lr_pixels, training=True)
        same = ops.cast(ops.equal(batch["hr_label"], batch["lr_label"]), "float32")
        terms = {}
        if "classifier" in weights:
            # Equation 2 over the 2N embeddings; the HR half updates only W, as its network is frozen.
            embeddings = ops.concatenate([hr["embedding"], lr["embedding"]], axis=0)
            labels = ops.concatenate([batch["hr_label"], batch["lr_label"]], axis=0)
            values = losses.cosface(self.classifier(embeddings), labels, settings.scale, settings.margin)
            has_class = ops.cast(labels >= 0, values.dtype)
            # If no row of the whole batch has a class, the term is 0, not 0 / 0. So is equation 5 below if no pair
            # shows one person.
            count = ops.maximum(sum_over_replicas(ops.sum(has_class)), 1.0)
            terms["classifier"] = ops.sum(has_class * values) / count
        if "contrastive" in weights:
            values = losses.contrastive(hr["embedding"], lr["embedding"], same, settings.alpha)
            terms["contrastive"] = ops.sum(values) / sum_over_replicas(_count(values))
        if "multi_hierarchy" in weights:
            values = losses.multi_hierarchy(hr[self.tap], lr[self.tap], same, settings.pool_size)
            pairs_of_one_person = ops.maximum(sum_over_replicas(ops.sum(same)), 1.0)
            terms["multi_hierarchy"] = ops.sum(values) / pairs_of_one_person
        return terms

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Compute equation 6, the weighted sum of its terms."""
        return sum(weight * terms[name] for name, weight in self.settings.weights.items())


def _count(values: Tensor) -> Tensor:
    return ops.cast(ops.shape(values)[0], "float32")


def _build_for(classifier: CosFace, recogniser: keras.Model) -> None:
    """Create W now unless it exists, so that it can be initialised from an HR network's W."""
    if not classifier.built:
        classifier.build((None, recogniser.output_shape[-1]))
