"""Keys' cubic kernel as the matrix of a one-dimensional resize, its weights rounded as PIL rounds them.

Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics,
Speech, and Signal Processing, 1981; a = -0.5.
"""

import numpy as np

_KEYS_A = -0.5
_SUPPORT = 2.0
# PIL's weights are whole multiples of this.
_STEP = 2.0**-22


def cubic_weights(out_size, in_size, antialias, backend=np):
    """Give the matrix of a one-dimensional bicubic resize.

    Weights that fall outside the image are dropped and the rest of the row is scaled to sum 1, as PIL and
    TensorFlow do at borders. Antialiasing widens the kernel by the reduction factor; it changes nothing
    where the image grows.

    Args:
        out_size: length after, a number or a scalar tensor.
        in_size: length before, likewise.
        antialias: bool.
        backend: `numpy` for known sizes, `keras.ops` for sizes known only as a graph runs.

    Returns:
        (out_size, in_size) float64, each row of sum 1 but for the rounding of its weights.
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


def _keys_kernel(distance, backend):
    a = _KEYS_A
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return backend.where(distance < 1, near, backend.where(distance < _SUPPORT, far, 0.0 * distance))


def _positions(size, real, backend):
    return np.arange(size, dtype=real) if backend is np else backend.cast(backend.arange(size), real)


def _real(size, real, backend):
    return float(size) if backend is np or isinstance(size, int) else backend.cast(size, real)
