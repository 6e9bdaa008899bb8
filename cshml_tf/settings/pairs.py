"""How HR and LR faces become pairs."""

import dataclasses
from typing import Any, ClassVar

from cshml_tf.settings.checks import POSITIVE, SHARE
from cshml_tf.settings.choices import PAIRINGS
from cshml_tf.settings.option import Settings, option, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairOptions(Settings):
    """How HR and LR faces become pairs."""

    TITLE: ClassVar[str] = "pairs"

    pairing: str = option(
        "same_image",
        "the LR face of each HR face: a copy of the same image, of another image of the same person, or of any "
        "image",
        choices=PAIRINGS,
        batch="pairing",
    )
    photographs_together: int = option(
        1,
        "photographs of a person that follow each other, and so come into one batch, where there are so many; for "
        "the terms that compare the faces of a batch",
        metavar="N",
        check=POSITIVE,
        batch="together",
    )
    negative_share: float = option(
        0.0, "share of pairs that show two people, 0 to 1", metavar="SHARE", check=SHARE, batch="negative_share"
    )
    mixup: float = option(
        0.0,
        "share of pairs, 0 to 1, whose two faces are both mixed with those of another pair; equations 3 and 5 "
        "learn from mixed pairs, equation 2 skips them",
        metavar="SHARE",
        check=SHARE,
        batch="mixup",
        changes_hr=True,
    )


def check_pairs(settings: Any) -> None:
    """Refuse ways to pair faces that cannot be combined.

    Raises:
        OptionError: two of them cannot be combined; the message names both.
    """
    for name in ("negative_share", "mixup"):
        share, batch = getattr(settings, name), settings.batch_size
        require(not share or batch >= 2, f"{{{name}}}: expected {{batch_size}} 2 or more, got %s", batch)
    require(
        not settings.mixup or not (settings.negative_share or settings.pairing == "random"),
        "{mixup}: cannot be combined with {negative_share} or {pairing} random, because both faces of a mixed "
        "pair must show the same mixture of people",
    )
