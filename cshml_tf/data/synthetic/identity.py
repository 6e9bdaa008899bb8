"""The identity of a synthetic person: everything that is the same in all pictures.

Lengths are millimetres on the frontal face. The origin lies midway between the eyes, x points to the
right of the image and y downwards. Averages are those of adult heads; spreads were tuned so that
people are similar but distinguishable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cshml_tf.data.synthetic.painter import Colour

HAIR_STYLES = ("bald", "cropped", "parted", "fringe", "long", "curly")
BEARD_STYLES = ("none", "stubble", "moustache", "goatee", "full")
GLASSES_SHAPES = ("none", "round", "square", "browline")

# A ramp along which skin colours are mixed, and base colours, all RGB 0..1.
_SKIN_RAMP = np.array(
    [
        (0.96, 0.82, 0.72),
        (0.90, 0.71, 0.58),
        (0.79, 0.57, 0.43),
        (0.60, 0.41, 0.29),
        (0.40, 0.27, 0.20),
    ]
)
_HAIR_COLOURS = np.array(
    [
        (0.08, 0.07, 0.07),
        (0.19, 0.12, 0.08),
        (0.36, 0.23, 0.14),
        (0.68, 0.52, 0.31),
        (0.52, 0.24, 0.11),
        (0.58, 0.57, 0.56),
    ]
)
_IRIS_COLOURS = np.array([(0.16, 0.09, 0.05), (0.30, 0.18, 0.09), (0.28, 0.38, 0.48), (0.32, 0.40, 0.26)])
_FRAME_COLOURS = np.array([(0.06, 0.06, 0.07), (0.12, 0.12, 0.2), (0.30, 0.16, 0.09), (0.42, 0.43, 0.46)])


@dataclass(frozen=True)
class Identity:
    """One synthetic person. Lengths in millimetres, angles in degrees, colours RGB 0..1."""

    skin: tuple[float, float, float]
    blush: float
    cheek_half_width: float
    temple_half_width: float
    jaw_half_width: float
    chin_half_width: float
    chin_y: float
    crown_y: float
    head_depth: float
    eye_x: float
    eye_half_length: float
    eye_half_opening: float
    eye_tilt: float
    eye_socket: float
    iris_radius: float
    iris: tuple[float, float, float]
    brow_y: float
    brow_half_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_gap: float
    nose_y: float
    nose_half_width: float
    nose_bridge: float
    nose_height: float
    mouth_y: float
    mouth_half_width: float
    upper_lip: float
    lower_lip: float
    lip: tuple[float, float, float]
    ear_y: float
    ear_size: float
    ear_width: float
    hair_style: str
    hair: tuple[float, float, float]
    hairline_y: float
    hair_volume: float
    parting_x: float
    beard_style: str
    beard_density: float
    glasses_shape: str
    glasses: tuple[float, float, float]
    glasses_half_width: float
    glasses_half_height: float
    glasses_rim: float
    wrinkles: float
    freckles: int
    moles: tuple[tuple[float, float, float], ...]
    texture_seed: int


def draw_identity(seed: int) -> Identity:
    """Draw a person from a seed.

    Args:
        seed: a whole number of at least 0; the same seed gives the same person.

    Returns:
        The person's `Identity`.
    """
    draw = _Draw(np.random.default_rng([0x1D, seed]))
    skin = draw.colour(_mix(_SKIN_RAMP, draw.rng.uniform(0.05, 0.95)), 0.03)
    hair = draw.colour(draw.one_of(_HAIR_COLOURS, (0.28, 0.28, 0.22, 0.09, 0.05, 0.08)), 0.12)
    # The order matters, because each group continues the random numbers of the previous one.
    features = _head(draw) | _eyes_and_brows(draw) | _nose_and_mouth(draw, skin)
    features |= _ears_hair_and_beard(draw) | _glasses(draw) | _marks(draw)
    return Identity(skin=skin, hair=hair, **features)


class _Draw:
    """Random draws of the features of one person."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def about(self, mean: float, spread: float) -> float:
        """Draw a normal value, limited to two and a half spreads from the mean."""
        return float(mean + spread * np.clip(self.rng.standard_normal(), -2.5, 2.5))

    def colour(self, base: np.ndarray, spread: float) -> tuple[float, float, float]:
        """Draw a colour that is lighter or darker than a base colour, with a slightly different hue."""
        hue = 1 + 0.25 * spread * self.rng.standard_normal(3)
        red, green, blue = np.clip(base * hue * (1 + spread * self.rng.standard_normal()), 0.03, 0.98).tolist()
        return red, green, blue

    def one_of(self, choices: Any, probabilities: Sequence[float]) -> Any:
        """Draw one of several choices."""
        return choices[self.rng.choice(len(choices), p=probabilities)]


def _head(draw: _Draw) -> dict[str, Any]:
    cheek = draw.about(68, 4)
    return dict(
        blush=float(draw.rng.uniform(0.0, 0.3)),
        cheek_half_width=cheek,
        temple_half_width=cheek * draw.about(0.94, 0.03),
        jaw_half_width=cheek * draw.about(0.82, 0.06),
        chin_half_width=draw.about(27, 6),
        chin_y=draw.about(113, 6),
        crown_y=draw.about(-108, 5),
        head_depth=draw.about(74, 5),
    )


def _eyes_and_brows(draw: _Draw) -> dict[str, Any]:
    return dict(
        eye_x=draw.about(31.5, 2.2),
        eye_half_length=draw.about(14.5, 1.3),
        eye_half_opening=draw.about(5.4, 1.0),
        eye_tilt=draw.about(3, 3.5),
        eye_socket=draw.about(5.0, 1.5),
        iris_radius=draw.about(6.0, 0.35),
        iris=draw.colour(_IRIS_COLOURS[draw.rng.integers(4)], 0.15),
        brow_y=draw.about(-19, 2.6),
        brow_half_length=draw.about(20, 2.2),
        brow_thickness=draw.about(5.2, 1.6),
        brow_arch=draw.about(4.0, 1.8),
        brow_tilt=draw.about(0, 5),
        brow_gap=draw.about(0, 2.2),
    )


def _nose_and_mouth(draw: _Draw, skin: Colour) -> dict[str, Any]:
    return dict(
        nose_y=draw.about(37, 3.6),
        nose_half_width=draw.about(16.5, 2.4),
        nose_bridge=draw.about(7.5, 1.6),
        nose_height=draw.about(20, 3),
        mouth_y=draw.about(72, 3.6),
        mouth_half_width=draw.about(25, 2.8),
        upper_lip=draw.about(5.0, 1.5),
        lower_lip=draw.about(7.5, 1.9),
        lip=draw.colour(np.asarray(skin) * 0.45 + np.array((0.3, 0.13, 0.13)), 0.1),
    )


def _ears_hair_and_beard(draw: _Draw) -> dict[str, Any]:
    return dict(
        ear_y=draw.about(12, 5),
        ear_size=draw.about(29, 4),
        ear_width=draw.about(13, 3),
        hair_style=draw.one_of(HAIR_STYLES, (0.06, 0.3, 0.26, 0.15, 0.15, 0.08)),
        hairline_y=draw.about(-68, 7),
        hair_volume=draw.about(13, 4),
        parting_x=draw.about(0, 18),
        beard_style=draw.one_of(BEARD_STYLES, (0.6, 0.14, 0.09, 0.08, 0.09)),
        beard_density=float(draw.rng.uniform(0.45, 0.9)),
    )


def _glasses(draw: _Draw) -> dict[str, Any]:
    return dict(
        glasses_shape=draw.one_of(GLASSES_SHAPES, (0.82, 0.06, 0.07, 0.05)),
        glasses=draw.colour(_FRAME_COLOURS[draw.rng.integers(4)], 0.1),
        glasses_half_width=draw.about(25, 2),
        glasses_half_height=draw.about(18, 2.5),
        glasses_rim=draw.about(2.6, 0.8),
    )


def _marks(draw: _Draw) -> dict[str, Any]:
    rng = draw.rng
    return dict(
        wrinkles=float(rng.uniform(0, 1) ** 2),
        freckles=int(rng.choice((0, 0, 0, 30, 70))),
        moles=tuple(
            (float(rng.uniform(-48, 48)), float(rng.uniform(10, 95)), float(rng.uniform(0.9, 2.0)))
            for _ in range(rng.choice((0, 0, 1, 1, 2)))
        ),
        texture_seed=int(rng.integers(2**31)),
    )


def _mix(ramp: np.ndarray, position: float) -> np.ndarray:
    """Return the colour at `position` 0..1 along a ramp of colours."""
    stops = np.linspace(0, 1, len(ramp))
    return np.array([np.interp(position, stops, channel) for channel in ramp.T])
