"""The ways to train the toy's LR network: with either equation 2 or 3, and the HR network's batch or a random one.

Source: tables 1 and 2 of the paper.
"""

from typing import Any, NamedTuple

RESOLUTION = 3
SCALE, MARGIN = 15.0, 0.1


class Way(NamedTuple):
    """One way to train the LR network.

    Attributes:
        words: its description, for a table.
        settings: fields of `LrSettings`.
        published: the paper's accuracy on LR digits in %, or None if the paper does not report it.
    """

    words: str
    settings: dict[str, Any]
    published: float | None


_EQ2: dict[str, Any] = {"contrastive_weight": 0.0, "multi_hierarchy_weight": 0.0}
_EQ3: dict[str, Any] = {"classifier_weight": 0.0, "multi_hierarchy_weight": 0.0}
WAYS = {
    "eq3_same": Way("Eq. 3, the HR network's batch", _EQ3, 66.92),
    "eq3_random": Way("Eq. 3, random batch", _EQ3 | {"pairing": "random"}, None),
    "eq2_random": Way("Eq. 2, random batch", _EQ2 | {"pairing": "random"}, 75.77),
    "eq2_same": Way("Eq. 2, the HR network's batch", _EQ2, 75.88),
}
