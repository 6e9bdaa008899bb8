"""The circumstances of one picture of a synthetic person: pose, expression, light, camera, background."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """Everything that changes from picture to picture.

    Angles are in degrees: positive `yaw` turns the face to the right of the image, positive `pitch`
    raises the chin, positive `roll` rotates the picture clockwise. `scale` multiplies the size of the face;
    `shift` is (x, y) as a fraction of the picture's side. Colours are RGB 0..1, and light levels are
    multiples of a colour; `hat` is the colour of the hat, or None without a hat.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    shift: tuple[float, float]
    smile: float
    mouth_open: float
    brow_raise: float
    eye_opening: float
    gaze: tuple[float, float]
    hair_lift: float
    glasses_on: bool
    hat: tuple[float, float, float] | None
    light_azimuth: float
    light_elevation: float
    light_strength: float
    ambient: float
    warmth: float
    tint: float
    exposure: float
    contrast: float
    blur: float
    noise: float
    clothes: tuple[float, float, float]
    scene_seed: int


def draw_view(identity_seed: int, picture_seed: int) -> View:
    """Draw the circumstances of one picture of one person.

    Args:
        identity_seed: the person's seed, so that no two people have the same series of views.
        picture_seed: the picture's seed, a whole number of at least 0.

    Returns:
        The `View`; the same seeds give the same view.
    """
    rng = np.random.default_rng([0x51, identity_seed, picture_seed])

    def about(mean: float, spread: float) -> float:
        return float(mean + spread * np.clip(rng.standard_normal(), -2.2, 2.2))

    def colour() -> tuple[float, float, float]:
        red, green, blue = rng.uniform(0.05, 0.85, 3).tolist()
        return red, green, blue

    return View(
        yaw=about(0, 12),
        pitch=about(0, 6),
        roll=about(0, 6),
        scale=float(rng.uniform(0.88, 1.14)),
        shift=(about(0, 0.02), about(0, 0.02)),
        smile=float(np.clip(about(0.25, 0.45), -0.4, 1)),
        mouth_open=max(0.0, about(-0.15, 0.4)),
        brow_raise=about(0, 1.8),
        eye_opening=float(rng.uniform(0.72, 1.15)),
        gaze=(about(0, 1.1), about(0, 0.5)),
        hair_lift=about(0, 5),
        glasses_on=bool(rng.uniform() < 0.8),
        hat=colour() if rng.uniform() < 0.16 else None,
        light_azimuth=about(0, 50),
        light_elevation=about(28, 18),
        light_strength=float(rng.uniform(0.25, 0.8)),
        ambient=float(rng.uniform(0.32, 0.58)),
        warmth=about(0.01, 0.065),
        tint=about(0, 0.02),
        exposure=about(1.0, 0.13),
        contrast=float(rng.uniform(0.8, 1.2)),
        blur=float(rng.uniform(0.4, 1.1)),
        noise=float(rng.uniform(0.004, 0.025)),
        clothes=colour(),
        scene_seed=int(rng.integers(2**31)),
    )
