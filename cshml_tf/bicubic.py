"""Bicubic resizing as two small matrices: the same picture on any device and backend.

Resizing is linear in the rows and in the columns of a picture. With Keys' kernel at a = -0.5 and an antialiased
reduction this is what MATLAB, PIL and `tf.image.resize(antialias=True)` compute.
"""

import numpy as np
from keras import ops

_KEYS_A = -0.5
_SUPPORT = 2.0


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
        (out_size, in_size) float32, each row of sum 1.
    """
    is_numpy = backend is np
    # Both ways in float64: weights that differ in the last place round some pixel to another grey level.
    real = np.float64 if is_numpy else "float64"
    out_positions = _positions(out_size, real, backend)
    in_positions = _positions(in_size, real, backend)
    ratio = _real(in_size, real, is_numpy) / _real(out_size, real, is_numpy)
    width = backend.maximum(ratio, 1.0) if antialias else 1.0
    centres = (out_positions + 0.5) * ratio - 0.5
    distance = backend.abs(centres[:, None] - in_positions[None, :]) / width
    weights = _keys_kernel(distance, backend)
    weights = weights / backend.sum(weights, axis=1, keepdims=True)
    return weights.astype(np.float32) if is_numpy else weights


def resize(pixels, height, width, antialias=True):
    """Resize pictures bicubically, horizontally and then vertically, and round to whole grey levels.

    Args:
        pixels: (batch, H, W, C), any real dtype, 0..255. H and W may be unknown until the graph runs.
        height: rows wanted.
        width: columns wanted.
        antialias: whether a reduction is antialiased.

    Returns:
        (batch, height, width, C) float32, whole numbers 0..255.
    """
    pixels = ops.cast(pixels, "float32")
    in_height, in_width = ops.shape(pixels)[1:3]
    known = isinstance(in_height, int) and isinstance(in_width, int)
    backend = np if known else ops
    return resize_with(
        pixels,
        ops.convert_to_tensor(cubic_weights(height, in_height, antialias, backend), "float32"),
        ops.convert_to_tensor(cubic_weights(width, in_width, antialias, backend), "float32"),
    )


def resize_with(pixels, rows, columns):
    """Resize pictures by given matrices: columns first, then rows; each pass clipped, the end rounded.

    Args:
        pixels: (batch, H, W, C) float32.
        rows: (h, H) for all pictures, or (batch, h, H), one for each.
        columns: (w, W), or (batch, w, W).
    """
    each = "b" if len(rows.shape) == 3 else ""
    narrow = ops.einsum(f"{each}wx,byxc->bywc", columns, pixels)
    narrow = ops.clip(narrow, 0.0, 255.0)
    small = ops.einsum(f"{each}hy,bywc->bhwc", rows, narrow)
    return ops.round(ops.clip(small, 0.0, 255.0))


def _keys_kernel(distance, backend):
    a = _KEYS_A
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return backend.where(distance < 1, near, backend.where(distance < _SUPPORT, far, 0.0 * distance))


def _positions(size, real, backend):
    return backend.cast(ops.arange(size), real) if backend is ops else np.arange(size, dtype=real)


def _real(size, real, is_numpy):
    return float(size) if is_numpy or isinstance(size, int) else ops.cast(size, real)
