"""Keys' cubic kernel as the matrix of a one-dimensional resize, with weights rounded as PIL rounds them.

Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics,
Speech, and Signal Processing, 1981; a = -0.5.
"""

from typing import Any, TypeAlias

import numpy as np

# Keras has no type for the tensors of its backends, hence none in common with np.ndarray.
ArrayOrTensor: TypeAlias = Any

_KEYS_A = -0.5
_SUPPORT = 2.0
# PIL's weights are whole multiples of this.
_STEP = 2.0**-22


def cubic_weights(
    out_size: int | ArrayOrTensor, in_size: int | ArrayOrTensor, antialias: bool, backend: Any = np
) -> ArrayOrTensor:
    """Compute the matrix of a one-dimensional bicubic resize.

    Weights that fall outside the image are dropped, and the rest of the row is scaled to sum to 1, as PIL and
    TensorFlow do at borders. Antialiasing widens the kernel by the reduction factor; it has no effect
    on enlargements.

    Args:
        out_size: length of the result, a number or a scalar tensor.
        in_size: length of the input, a number or a scalar tensor.
        antialias: whether to antialias a reduction.
        backend: `numpy` for known sizes, `keras.ops` for sizes that are only known when a graph runs.

    Returns:
        (out_size, in_size) float64; each row sums to 1 apart from the rounding of its weights.
    """
    real = np.float64 if backend is np else "float64"
    out_positions = _positions(out_size, real, backend)
    in_positions = _positions(in_size, real, backend)
    ratio = _real(in_size, real, backend) / _real(out_size, real, backend)
    width = backend.maximum(ratio, 1.0) if antialias else 1.0
    centres = (out_positions + 0.5) * ratio - 0.5
    distance = backend.abs(centres[:, None] - in_positions[None, :]) / width
    weights = _keys_kernel(distance, backend)
    weights = weights / backend.sum(weights, axis=1, keepdims=True)
    return backend.sign(weights) * backend.floor(backend.abs(weights) / _STEP + 0.5) * _STEP


def _keys_kernel(distance: ArrayOrTensor, backend: Any) -> ArrayOrTensor:
    a = _KEYS_A
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return backend.where(distance < 1, near, backend.where(distance < _SUPPORT, far, 0.0 * distance))


def _positions(size: int | ArrayOrTensor, real: Any, backend: Any) -> ArrayOrTensor:
    return np.arange(size, dtype=real) if backend is np else backend.cast(backend.arange(size), real)


def _real(size: int | ArrayOrTensor, real: Any, backend: Any) -> float | ArrayOrTensor:
    return float(size) if backend is np or isinstance(size, int) else backend.cast(size, real)
