"""The terms of equation 6 by name: how each is computed from what the two branches make of a batch.

A term is the sum over this replica's examples divided by their number over all replicas, so that the terms summed
over the replicas are those of the global batch. Terms that compare the faces of a batch with one another see the
faces of their own replica.
"""

# pyright: reportOptionalOperand=false, reportOptionalSubscript=false
# keras.ops has no annotations: pyright infers that some results may be None.

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from cshml_tf import distillation, losses
from cshml_tf.layers import CosFace
from cshml_tf.losses import Tensor, l2_normalise
from cshml_tf.settings.losses import LossSettings


@dataclasses.dataclass(frozen=True)
class Views:
    """What the two branches make of a batch, and what the terms need besides.

    Attributes:
        hr: what the frozen HR network makes of the HR faces, as `hr_values` returns it.
        lr: taps and "embedding" of the LR faces, by the LR network.
        hr_label: (n,) integers, -1 for faces that show no single person or have no name.
        lr_label: (n,) integers.
        settings: the constants of the terms.
        tap: the feature map of equation 5.
        classifier: shared by both branches.
        bank: HR embeddings (faces, E) and labels (faces,) of training faces; None unless a term needs them.
        sum_over_replicas: sums a scalar over the replicas of the global batch.
    """

    hr: Mapping[str, Tensor]
    lr: Mapping[str, Tensor]
    hr_label: Tensor
    lr_label: Tensor
    settings: LossSettings
    tap: str
    classifier: CosFace
    bank: tuple[Tensor, Tensor] | None
    sum_over_replicas: Callable[[Tensor], Tensor]

    @property
    def same(self) -> Tensor:
        """Which pairs show one person: (n,) float32."""
        return ops.cast(ops.equal(self.hr_label, self.lr_label), "float32")

    def mean(self, values: Tensor, counted: Tensor | None = None) -> Tensor:
        """Return this replica's share of the mean; 0, not 0 / 0, if nothing in the whole batch is counted."""
        count = ops.cast(ops.shape(values)[0], "float32") if counted is None else ops.sum(counted)
        return ops.sum(values) / ops.maximum(self.sum_over_replicas(count), 1.0)


def classifier(views: Views) -> Tensor:
    """Compute equation 2 over the 2N embeddings; the HR half updates only W, as its network is frozen."""
    embeddings = ops.concatenate([views.hr["embedding"], views.lr["embedding"]], axis=0)
    labels = ops.concatenate([views.hr_label, views.lr_label], axis=0)
    values = losses.cosface(views.classifier(embeddings), labels, views.settings.scale, views.settings.margin)
    has_class = ops.cast(labels >= 0, values.dtype)
    return views.mean(has_class * values, has_class)


def contrastive(views: Views) -> Tensor:
    """Compute equation 3."""
    return views.mean(
        losses.contrastive(views.hr["embedding"], views.lr["embedding"], views.same, views.settings.alpha)
    )


def multi_hierarchy(views: Views) -> Tensor:
    """Compute equation 5, or 4 without its pool, over the pairs of one person."""
    # Equation 5 is equation 4 on pooled maps, and the HR network's map is pooled already.
    lr_pooled = losses.max_pool(views.lr[views.tap], views.settings.pool_size)
    values = losses.intermediate(views.hr["pooled"], lr_pooled, views.same)
    return views.mean(values, views.same)


def bank(views: Views) -> Tensor:
    """Compute the contrast with the bank, over the pairs of one person.

    A face in the bank is no negative if it has the pair's label, or if the HR network finds it similar: it may
    show the same person, and without labels nothing else tells.
    """
    assert views.bank is not None, "the network was built without a bank"
    embeddings, labels = views.bank
    settings, same = views.settings, views.same
    hr = l2_normalise(views.hr["embedding"])
    alike = ops.matmul(hr, ops.transpose(l2_normalise(embeddings))) > settings.bank_limit
    of_label = ops.equal(ops.expand_dims(views.lr_label, 1), ops.expand_dims(labels, 0))
    values = distillation.bank_contrast(
        hr, views.lr["embedding"], embeddings, ops.logical_or(alike, of_label), settings.temperature
    )
    return views.mean(same * values, same)


def low_contrast(views: Views) -> Tensor:
    """Compute the contrast among the LR faces of the batch."""
    return views.mean(
        *distillation.low_contrast(views.lr["embedding"], views.lr_label, views.settings.temperature)
    )


def triplets(views: Views) -> Tensor:
    """Compute the batch-hard triplets of HR to LR, LR to HR, and LR to LR faces, added up.

    Those of HR to HR faces, the fourth kind, have no gradient: the HR network is frozen.
    """
    label, margin = views.lr_label, views.settings.triplet_margin
    # Rows whose two faces show two people are left out.
    label = ops.where(views.same > 0, label, -1)
    hr, lr = views.hr["embedding"], views.lr["embedding"]
    kinds = ((hr, lr, False), (lr, hr, False), (lr, lr, True))
    return sum(
        views.mean(*distillation.batch_hard_triplets(anchor, others, label, margin, themselves))
        for anchor, others, themselves in kinds
    )


def map_cosine(views: Views) -> Tensor:
    """Compute the cosine distance of feature maps, averaged over all taps, over the pairs of one person."""
    taps = [name for name, value in views.lr.items() if len(value.shape) == 4]
    values: Any = sum(
        distillation.map_cosine(views.hr[f"map-{name}"], views.lr[name], views.same) for name in taps
    )
    return views.mean(values / len(taps), views.same)


def sample_relations(views: Views) -> Tensor:
    """Compute the relations between the samples of the batch, over the pairs of one person."""
    same = views.same
    values = distillation.sample_relations(views.hr["embedding"], views.lr["embedding"])
    return views.mean(same * values, same)


def relational(views: Views) -> Tensor:
    """Compute relational distillation, over the pairs of one person."""
    same = views.same
    values = distillation.relational(views.hr["embedding"], views.lr["embedding"])
    return views.mean(same * values, same)


TERMS: dict[str, Callable[[Views], Tensor]] = {
    "classifier": classifier,
    "contrastive": contrastive,
    "multi_hierarchy": multi_hierarchy,
    "bank": bank,
    "low_contrast": low_contrast,
    "triplets": triplets,
    "map_cosine": map_cosine,
    "sample_relations": sample_relations,
    "relational": relational,
}


def hr_values(outputs: Mapping[str, Tensor], settings: LossSettings, tap: str) -> dict[str, Tensor]:
    """Select what the terms that are switched on need of the HR network's outputs.

    Args:
        outputs: taps and "embedding" of HR faces.
        settings: the weights and constants of the terms.
        tap: the feature map of equation 5.

    Returns:
        dict of "embedding" (n, E); "pooled" (n, h, w, channels), the max-pooled tap, for equation 5; "map-TAP" of
        every tap, for the term "map_cosine".
    """
    values = {"embedding": outputs["embedding"]}
    if "multi_hierarchy" in settings.weights:
        values["pooled"] = losses.max_pool(outputs[tap], settings.pool_size)
    if "map_cosine" in settings.weights:
        values |= {f"map-{name}": value for name, value in outputs.items() if len(value.shape) == 4}
    return values


def decisive_settings(name: str, settings: LossSettings, tap: str) -> dict[str, Any]:
    """Return the settings that decide a value of `hr_values`, besides the HR network and the faces."""
    if name == "pooled":
        return {"tap": tap, "pool_size": settings.pool_size}
    return {"mirror_target": True} if name == "embedding" and settings.mirror_target else {}
