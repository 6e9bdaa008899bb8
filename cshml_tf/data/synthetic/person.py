"""What is the same in all pictures of a person: the identity, the head, and some of the sheets."""

import functools
from dataclasses import dataclass

import numpy as np

from cshml_tf.data.synthetic import head
from cshml_tf.data.synthetic.hair import draw_behind, draw_hair
from cshml_tf.data.synthetic.identity import Identity, draw_identity
from cshml_tf.data.synthetic.skin import draw_skin


@dataclass(frozen=True)
class Person:
    """An identity with everything that can be drawn before the picture is known.

    Attributes:
        identity: the person's `Identity`.
        surface: height field of the head.
        normals: unit normals of the surface.
        hollows: how much ambient light reaches each point of the surface.
        skin: sheet of the face without eyes, brows and mouth.
        hair: sheet of the hair in front of the face.
        behind: sheet of ears, neck and the hair behind them.
    """

    identity: Identity
    surface: np.ndarray
    normals: np.ndarray
    hollows: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    behind: np.ndarray


# Cached because pictures of one person are usually drawn in a row, and all start from the same sheets.
@functools.lru_cache(maxsize=8)
def person(identity_seed: int) -> Person:
    """Draw the parts of a person that are the same in all pictures; callers must not write to the arrays."""
    identity = draw_identity(identity_seed)
    surface = head.height_field(identity)
    return Person(
        identity=identity,
        surface=surface,
        normals=head.normals(surface),
        hollows=head.hollows(surface),
        skin=draw_skin(identity),
        hair=draw_hair(identity),
        behind=draw_behind(identity),
    )
