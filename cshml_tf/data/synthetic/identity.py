"""Who is drawn: everything about a synthetic person that stays the same from picture to picture.

Lengths are millimetres on the frontal face. The origin lies midway between the eyes, x grows to the
right of the image and y downwards; averages are those of adult heads, spreads were tuned so that
people resemble each other without being confused.
"""

from dataclasses import dataclass

import numpy as np

HAIR_STYLES = ("bald", "cropped", "parted", "fringe", "long", "curly")
BEARD_STYLES = ("none", "stubble", "moustache", "goatee", "full")
GLASSES_SHAPES = ("none", "round", "square", "browline")

# Sides of the ramps between which colours are mixed, RGB 0..1.
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
        seed: Whole number of at least 0; the same seed is the same person.

    Returns:
        The person's lasting features.
    """
    rng = np.random.default_rng([0x1D, seed])

    def about(mean, spread):
        """A normal draw, held within two and a half spreads."""
        return float(mean + spread * np.clip(rng.standard_normal(), -2.5, 2.5))

    def colour(base, spread):
        """A base colour made lighter or darker, and a little off in hue."""
        hue = 1 + 0.25 * spread * rng.standard_normal(3)
        return tuple(np.clip(base * hue * (1 + spread * rng.standard_normal()), 0.03, 0.98).tolist())

    skin = colour(_mix(_SKIN_RAMP, rng.uniform(0.05, 0.95)), 0.03)
    hair = colour(_HAIR_COLOURS[rng.choice(6, p=(0.28, 0.28, 0.22, 0.09, 0.05, 0.08))], 0.12)
    cheek = about(68, 4)
    return Identity(
        skin=skin,
        blush=float(rng.uniform(0.0, 0.3)),
        cheek_half_width=cheek,
        temple_half_width=cheek * about(0.94, 0.03),
        jaw_half_width=cheek * about(0.82, 0.06),
        chin_half_width=about(27, 6),
        chin_y=about(113, 6),
        crown_y=about(-108, 5),
        head_depth=about(74, 5),
        eye_x=about(31.5, 2.2),
        eye_half_length=about(14.5, 1.3),
        eye_half_opening=about(5.4, 1.0),
        eye_tilt=about(3, 3.5),
        eye_socket=about(5.0, 1.5),
        iris_radius=about(6.0, 0.35),
        iris=colour(_IRIS_COLOURS[rng.integers(4)], 0.15),
        brow_y=about(-19, 2.6),
        brow_half_length=about(20, 2.2),
        brow_thickness=about(5.2, 1.6),
        brow_arch=about(4.0, 1.8),
        brow_tilt=about(0, 5),
        brow_gap=about(0, 2.2),
        nose_y=about(37, 3.6),
        nose_half_width=about(16.5, 2.4),
        nose_bridge=about(7.5, 1.6),
        nose_height=about(20, 3),
        mouth_y=about(72, 3.6),
        mouth_half_width=about(25, 2.8),
        upper_lip=about(5.0, 1.5),
        lower_lip=about(7.5, 1.9),
        lip=colour(np.asarray(skin) * 0.45 + np.array((0.3, 0.13, 0.13)), 0.1),
        ear_y=about(12, 5),
        ear_size=about(29, 4),
        ear_width=about(13, 3),
        hair_style=HAIR_STYLES[rng.choice(6, p=(0.06, 0.3, 0.26, 0.15, 0.15, 0.08))],
        hair=hair,
        hairline_y=about(-68, 7),
        hair_volume=about(13, 4),
        parting_x=about(0, 18),
        beard_style=BEARD_STYLES[rng.choice(5, p=(0.6, 0.14, 0.09, 0.08, 0.09))],
        beard_density=float(rng.uniform(0.45, 0.9)),
        glasses_shape=GLASSES_SHAPES[rng.choice(4, p=(0.82, 0.06, 0.07, 0.05))],
        glasses=colour(_FRAME_COLOURS[rng.integers(4)], 0.1),
        glasses_half_width=about(25, 2),
        glasses_half_height=about(18, 2.5),
        glasses_rim=about(2.6, 0.8),
        wrinkles=float(rng.uniform(0, 1) ** 2),
        freckles=int(rng.choice((0, 0, 0, 30, 70))),
        moles=tuple(
            (float(rng.uniform(-48, 48)), float(rng.uniform(10, 95)), float(rng.uniform(0.9, 2.0)))
            for _ in range(rng.choice((0, 0, 1, 1, 2)))
        ),
        texture_seed=int(rng.integers(2**31)),
    )


def _mix(ramp, position):
    """The colour at `position` 0..1 along a ramp of colours."""
    stops = np.linspace(0, 1, len(ramp))
    return np.array([np.interp(position, stops, channel) for channel in ramp.T])
