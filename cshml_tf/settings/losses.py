"""Equation 6: the weights of its terms and their constants.

A term is a function in `cshml_tf.losses`, an entry in `cshml_tf.network` and a weight here.
"""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.settings.checks import POSITIVE, at_least, between
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

    scale: float = option(30.0, "s of equation 2", check=POSITIVE)
    margin: float = option(0.35, "m of equation 2", check=between(0, 2, "the width of a cosine"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightOptions(Settings):
    """The weights of equation 6, and the constants of its other terms."""

    TITLE: ClassVar[str] = "loss"

    classifier_weight: float = option(
        1.0,
        "weight of equation 2, the classifier loss; for every term, a weight of 0 switches it off",
        check=at_least(0),
        term="classifier",
        equations=(2,),
    )
    contrastive_weight: float = option(
        1.0,
        "weight of equation 3, the contrastive loss",
        flag="lambda",
        check=at_least(0),
        term="contrastive",
        equations=(3,),
    )
    multi_hierarchy_weight: float = option(
        1.0,
        "weight of equation 5, the multi-hierarchy loss",
        flag="beta",
        check=at_least(0),
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
class LossSettings(CosFaceOptions, WeightOptions, TapOptions):
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
    """

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term of equation 6 that is switched on, by the term's name."""
        weights = {about.term: getattr(self, name) for name, about in options_of(type(self)).items() if about.term}
        return {term: weight for term, weight in weights.items() if weight != 0}


def weight_names() -> dict[int, str]:
    """Return the setting that weights each of the paper's equations, by the equation's number."""
    return {equation: name for name, about in options_of(WeightOptions).items() for equation in about.equations}
