"""Keys' cubic kernel as the matrix of a one-dimensional resize, with weights rounded as PIL rounds them.

Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics,
Speech, and Signal Processing, 1981; a = -0.5.
"""

from typing import Any, TypeAlias

import numpy as np

# Keras has no type for the tensors of its backends, hence none in common with np.ndarray.
ArrayOrTensor: TypeAlias = Any

# PIL's weights are whole multiples of 2 to the power of minus this.
WEIGHT_PLACES = 22

_KEYS_A = -0.5
_SUPPORT = 2.0


def cubic_weights(out_size: int, in_size: int, antialias: bool) -> np.ndarray:
    """Compute the matrix of a one-dimensional bicubic resize.

    Weights that fall outside the image are dropped, and the rest of the row is scaled to sum to 1, as PIL and
    TensorFlow do at borders. Antialiasing widens the kernel by the reduction factor; it has no effect
    on enlargements.

    Args:
        out_size: length of the result.
        in_size: length of the input.
        antialias: whether to antialias a reduction.

    Returns:
        (out_size, in_size) float64; each row sums to 1 apart from the rounding of its weights.
    """
    ratio = in_size / out_size
    width = max(ratio, 1.0) if antialias else 1.0
    centres = (np.arange(out_size, dtype=np.float64) + 0.5) * ratio - 0.5
    distance = np.abs(centres[:, None] - np.arange(in_size, dtype=np.float64)[None, :]) / width
    weights = _keys_kernel(distance)
    weights = weights / np.sum(weights, axis=1, keepdims=True)
    step = 2.0**-WEIGHT_PLACES
    return np.sign(weights) * np.floor(np.abs(weights) / step + 0.5) * step


def _keys_kernel(distance: np.ndarray) -> np.ndarray:
    a = _KEYS_A
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return np.where(distance < 1, near, np.where(distance < _SUPPORT, far, 0.0 * distance))
