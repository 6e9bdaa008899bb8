"""Equation 6: the weights of its terms and their constants.

A term is a function in `cshml_tf.losses` or `cshml_tf.distillation`, an entry in `cshml_tf.terms` and a weight
here.
"""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.settings.checks import MOST, MOST_WEIGHT, POSITIVE, above, at_least, between
from cshml_tf.settings.option import Settings, option, options_of


def read_pool_size(word: str) -> int | None:
    """Read the side of a max-pool; "global", the whole map, is None."""
    if word == "global":
        return None
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"expected a whole number or 'global', got {word!r}") from None


def _idle_without_negatives(settings: Any) -> str | None:
    if getattr(settings, "negative_share", 0) > 0 or getattr(settings, "pairing", "") == "random":
        return None
    return "has no effect without pairs of two people; --negative_share makes some"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CosFaceOptions(Settings):
    """The constants of equation 2."""

    TITLE: ClassVar[str] = "loss"

    scale: float = option(30.0, "s of equation 2", check=above(0, up_to=MOST))
    margin: float = option(0.35, "m of equation 2", check=between(0, 2, "the width of a cosine"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightOptions(Settings):
    """The weights of equation 6, and the constants of its other terms."""

    TITLE: ClassVar[str] = "loss"

    classifier_weight: float = option(
        1.0,
        "weight of equation 2, the classifier loss; for every term, a weight of 0 switches it off",
        check=between(0, MOST_WEIGHT),
        term="classifier",
        equations=(2,),
    )
    contrastive_weight: float = option(
        1.0,
        "weight of equation 3, the contrastive loss",
        flag="lambda",
        check=between(0, MOST_WEIGHT),
        term="contrastive",
        equations=(3,),
    )
    multi_hierarchy_weight: float = option(
        1.0,
        "weight of equation 5, the multi-hierarchy loss",
        flag="beta",
        check=between(0, MOST_WEIGHT),
        term="multi_hierarchy",
        # Equation 4 is equation 5 without its pool.
        equations=(4, 5),
    )
    alpha: float = option(
        1.0,
        "smallest squared distance that equation 3 wants between two people, 0 to 4; acts on negative pairs only",
        check=between(0, 4, "the squared distances of unit vectors"),
        idle=_idle_without_negatives,
    )
    pool_size: int | None = option(
        2,
        "side of equation 5's max-pool; 1 gives equation 4; 'global' pools the whole map",
        metavar="N",
        parse=read_pool_size,
        check=at_least(1),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FurtherTermOptions(Settings):
    """The weights and constants of the terms from later work, see `cshml_tf.distillation`."""

    TITLE: ClassVar[str] = "further loss terms"

    bank_weight: float = option(
        0.0,
        "weight of finding a face's HR embedding among those of other training faces",
        check=between(0, MOST_WEIGHT),
        term="bank",
    )
    bank_size: int = option(
        16_384, "most faces in that bank, evenly spaced over the training faces", check=POSITIVE
    )
    bank_limit: float = option(
        0.5,
        "cosine to a pair's HR embedding above which a face in the bank is no negative, -1 to 1",
        check=between(-1, 1),
    )
    low_contrast_weight: float = option(
        0.0,
        "weight of finding a person's other LR faces in the batch, see --photographs_together",
        check=between(0, MOST_WEIGHT),
        term="low_contrast",
    )
    temperature: float = option(
        0.1,
        "divisor of the cosines in these two terms; smaller stresses hard negatives",
        check=above(0, up_to=MOST),
    )
    triplets_weight: float = option(
        0.0,
        "weight of batch-hard triplets between HR and LR and among LR faces",
        check=between(0, MOST_WEIGHT),
        term="triplets",
    )
    triplet_margin: float = option(
        1.0,
        "how much nearer than the nearest other person a person's farthest face must be, in 1 - cosine",
        check=between(0, 2, "the width of a cosine"),
    )
    map_cosine_weight: float = option(
        0.0,
        "weight of the cosine distance of the feature maps of all taps",
        check=between(0, MOST_WEIGHT),
        term="map_cosine",
    )
    sample_relations_weight: float = option(
        0.0,
        "weight of the relations between the faces of a batch: HR-HR cosines against HR-LR, LR-HR and LR-LR ones",
        check=between(0, MOST_WEIGHT),
        term="sample_relations",
    )
    relational_weight: float = option(
        0.0,
        "weight of relational distillation: distances and angles among LR faces as among HR faces",
        check=between(0, MOST_WEIGHT),
        term="relational",
    )
    mirror_target: bool = option(
        False, "aim at the HR embeddings of the face and its mirror image, averaged, not at that of the face"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TapOptions(Settings):
    """The feature map of equations 4 and 5."""

    TITLE: ClassVar[str] = "loss"

    tap: str | None = option(
        None,
        "feature map of equation 5: stem_pool, block_a, block_b, block_c, or the output of any layer that "
        "produces maps (default: block_c, or the last map of an imported network)",
        metavar="TAP",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossSettings(CosFaceOptions, WeightOptions, TapOptions, FurtherTermOptions):
    """Equation 6 and the constants of its terms; a weight of 0 switches a term off.

    Attributes:
        scale: s of equation 2.
        margin: m of equation 2.
        classifier_weight: weight of equation 2; 1 in the paper.
        contrastive_weight: lambda, weight of equation 3.
        multi_hierarchy_weight: beta, weight of equation 5.
        alpha: smallest squared distance of two people in equation 3, 0..4.
        pool_size: side of equation 5's max-pool; 1 is equation 4, None pools the whole map.
        tap: the feature map of equation 5; None is the recogniser's default.

    The others are the weights and constants of the terms in `cshml_tf.distillation`.
    """

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term of equation 6 that is switched on, by the term's name."""
        weights = {about.term: getattr(self, name) for name, about in options_of(type(self)).items() if about.term}
        return {term: weight for term, weight in weights.items() if weight != 0}


def weight_names() -> dict[int, str]:
    """Return the setting that weights each of the paper's equations, by the equation's number."""
    return {equation: name for name, about in options_of(WeightOptions).items() for equation in about.equations}


def further_weight_names() -> dict[str, str]:
    """Return the setting that weights each further term, by the term's name."""
    return {about.term: name for name, about in options_of(FurtherTermOptions).items() if about.term}
