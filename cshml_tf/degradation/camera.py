"""Simulate a real camera: what it does to a face on the way from the lens to the file, drawn from a seed.

In the order of a camera: the crop is inexact, the lens or the motion blurs, the sensor samples and adds noise,
the electronics set exposure, white balance and tone, and JPEG compresses at the low resolution. The strength of
each step is drawn anew for every picture; the largest grows with the severity. The picture is then enlarged to its
original size, as `cshml_tf.degradation.round_trip` does.

OpenCV and PIL do the work. Of the libraries that offer such steps ready-made, imgaug, imagecorruptions and
albumentations are no longer maintained; albumentationsx, which is, is under the AGPL.
"""

import dataclasses
import zlib
from collections.abc import Sequence

import numpy as np

from cshml_tf.degradation import lens, sensor
from cshml_tf.degradation.bicubic import resize
from cshml_tf.degradation.kernel import ArrayOrTensor
from cshml_tf.degradation.round_trip import bicubic_round_trip


@dataclasses.dataclass(frozen=True)
class Strengths:
    """The largest strength of every step at one severity.

    Attributes:
        displacement: standard deviation of the crop's error, as a share of the face's side; the face is also
            scaled by this much, and turned by this many radians.
        blur: standard deviation of a Gaussian, or radius of a disc, in pixels of the low resolution; lines of
            motion are twice as long.
        photons: the number that full brightness stands for.
        read: standard deviation of the read noise, of full brightness.
        exposure: standard deviation of the logarithm of the exposure.
        balance: of the logarithm of each colour's gain.
        gamma: of the logarithm of the tone curve's exponent.
        quality: the lowest and the highest of JPEG.
    """

    displacement: float
    blur: float
    photons: float
    read: float
    exposure: float
    balance: float
    gamma: float
    quality: tuple[int, int]


STRENGTHS = {
    1: Strengths(0.005, 0.3, 4000, 0.002, 0.05, 0.02, 0.03, (85, 98)),
    2: Strengths(0.010, 0.6, 2000, 0.004, 0.10, 0.04, 0.06, (70, 92)),
    3: Strengths(0.015, 0.9, 1000, 0.008, 0.15, 0.06, 0.10, (55, 85)),
    4: Strengths(0.022, 1.2, 500, 0.015, 0.22, 0.09, 0.14, (40, 75)),
    5: Strengths(0.030, 1.5, 250, 0.025, 0.30, 0.12, 0.20, (25, 65)),
}

# What is drawn from where no severity is given. 0, the antialiased bicubic reduction, is as likely as all others
# together, so that a network that learns from cameras also sees many faces clearly.
_DRAWN = (0,) * len(STRENGTHS) + tuple(STRENGTHS)


def camera_round_trip(
    pixels: ArrayOrTensor,
    sizes: Sequence[tuple[int, int]],
    choice: ArrayOrTensor,
    seeds: np.ndarray | None = None,
    severity: int | None = None,
) -> np.ndarray:
    """Show faces as a camera of a low resolution would have stored them, enlarged to their original size.

    Args:
        pixels: (batch, H, W, 3) array, RGB 0..255.
        sizes: one (h, w), the low resolution.
        choice: not used.
        seeds: (batch,) integers, from which everything is drawn; None for seeds made from the pixels, so that
            the same picture always comes out the same.
        severity: 1..5; None to draw for every picture: half of them are reduced by the antialiased bicubic, the
            others have severities 1 to 5, each as likely.

    Returns:
        (batch, H, W, 3) float32, whole numbers 0..255.

    Raises:
        ValueError: `pixels` is a tensor of a graph or of a device.
    """
    if not isinstance(pixels, np.ndarray):
        raise ValueError(
            f"pixels: the camera is simulated in NumPy: expected an array, got {type(pixels).__name__}"
        )
    (size,) = sizes
    faces = np.asarray(pixels, np.float32)
    if seeds is None:
        seeds = np.array([zlib.crc32(np.rint(face).astype(np.uint8).tobytes()) for face in faces])
    shown = np.empty(faces.shape, np.float32)
    for row, (face, seed) in enumerate(zip(faces, seeds, strict=True)):
        generator = np.random.default_rng([int(seed), *size])
        drawn = severity if severity is not None else _DRAWN[generator.integers(len(_DRAWN))]
        if drawn:
            low = photograph(face, size, STRENGTHS[drawn], generator)
            shown[row] = resize(low[None].astype(np.float32), *face.shape[:2])[0]
        else:
            shown[row] = bicubic_round_trip(face[None], sizes, None, antialias=True)[0]
    return shown


def photograph(
    face: np.ndarray, size: tuple[int, int], strengths: Strengths, generator: np.random.Generator
) -> np.ndarray:
    """Take a face with a simulated camera.

    Args:
        face: (H, W, 3) float32, RGB 0..255.
        size: (h, w), how large the camera sees it.
        strengths: the largest strength of each step.
        generator: what to draw from.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    light = lens.displace_at_random(sensor.to_light(face), strengths.displacement, generator)
    light = _blurred(light, size, generator.uniform(0, strengths.blur), generator)
    light = sensor.sample(light, size, sensor.KERNELS[generator.integers(len(sensor.KERNELS))])
    exposure = np.exp(generator.normal(0, strengths.exposure))
    photons = strengths.photons / generator.uniform(0.1, 1)
    read = strengths.read * generator.uniform(0, 1)
    # The gains come after the noise, and amplify it too.
    light = sensor.add_noise(light, 1 / photons, read, generator)
    gains = exposure * np.exp(generator.normal(0, strengths.balance, 3))
    gamma = np.exp(generator.normal(0, strengths.gamma))
    low = sensor.to_pixels(light * gains.astype(np.float32), gamma)
    quality = int(generator.integers(strengths.quality[0], strengths.quality[1] + 1))
    return sensor.compress(low, quality, *map(int, generator.integers(0, sensor.JPEG_BLOCK, 2)))


def _blurred(light: np.ndarray, size: tuple[int, int], blur: float, generator: np.random.Generator) -> np.ndarray:
    """Blur by a kernel of a drawn kind; `blur` is its extent in pixels of the low resolution."""
    down, across = (blur * side / low for side, low in zip(light.shape[:2], size, strict=True))
    kind, angle = generator.integers(3), generator.uniform(0, np.pi)
    if kind == 0:
        return lens.gaussian_blur(light, (down, across))
    if kind == 1:
        return lens.defocus_blur(light, (down, across))
    return lens.motion_blur(light, 2 * down * np.sin(angle), 2 * across * np.cos(angle))
