"""Bicubic resizing as two small matrices: the same picture on any device and backend.

Resizing is linear in the rows and in the columns of a picture. With Keys' kernel at a = -0.5 and an
antialiased reduction this is what MATLAB, PIL and `tf.image.resize(antialias=True)` compute; with weights of 22
binary places and 8 bits between the two passes it is PIL's picture to the last bit. Hence float64 within: the
30 bits of a product must not be rounded. NumPy arrays are resized by NumPy, tensors by their backend; the
pictures are the same.
"""

import contextlib

import keras
import numpy as np
from keras import ops

_KEYS_A = -0.5
_SUPPORT = 2.0
# PIL's weights are whole multiples of this.
_STEP = 2.0**-22
# Pictures resized together: their float64 copies stay within a processor's cache.
_AT_ONCE = 8


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
    is_numpy = backend is np
    real = np.float64 if is_numpy else "float64"
    out_positions = _positions(out_size, real, backend)
    in_positions = _positions(in_size, real, backend)
    ratio = _real(in_size, real, is_numpy) / _real(out_size, real, is_numpy)
    width = backend.maximum(ratio, 1.0) if antialias else 1.0
    centres = (out_positions + 0.5) * ratio - 0.5
    distance = backend.abs(centres[:, None] - in_positions[None, :]) / width
    weights = _keys_kernel(distance, backend)
    weights = weights / backend.sum(weights, axis=1, keepdims=True)
    return backend.sign(weights) * backend.floor(backend.abs(weights) / _STEP + 0.5) * _STEP


def resize(pixels, height, width, antialias=True, whole_between=True):
    """Resize pictures bicubically, horizontally and then vertically, and round to whole grey levels.

    Args:
        pixels: (batch, H, W, C), any real dtype, 0..255, array or tensor. H and W of a tensor may be unknown
            until the graph runs.
        height: rows wanted, a number or a scalar tensor.
        width: columns wanted, likewise.
        antialias: whether a reduction is antialiased.
        whole_between: as for `resize_with`.

    Returns:
        (batch, height, width, C) float32, whole numbers 0..255; an array for an array.
    """
    sizes = (height, width, *ops.shape(pixels)[1:3])
    backend = np if all(isinstance(size, int) for size in sizes) else ops
    with _double_precision():
        rows = cubic_weights(height, sizes[2], antialias, backend)
        columns = cubic_weights(width, sizes[3], antialias, backend)
    return resize_with(pixels, rows, columns, whole_between)


def resize_with(pixels, rows, columns, whole_between=True):
    """Resize pictures by given matrices: columns first, then rows; each pass clipped, the end rounded.

    Args:
        pixels: (batch, H, W, C), any real dtype, array or tensor.
        rows: (h, H) for all pictures; for tensors also (batch, h, H), one for each.
        columns: (w, W), or (batch, w, W).
        whole_between: whether the first pass is rounded too, as PIL does and TensorFlow does not.

    Returns:
        (batch, h, w, C) float32, whole numbers 0..255; an array for an array.
    """
    if isinstance(pixels, np.ndarray):
        return _resize_array(pixels, rows, columns, whole_between)
    each = "b" if len(rows.shape) == 3 else ""
    with _double_precision():
        rows, columns = ops.convert_to_tensor(rows, "float64"), ops.convert_to_tensor(columns, "float64")
        narrow = ops.einsum(f"{each}wx,byxc->bywc", columns, ops.cast(pixels, "float64"))
        narrow = _whole(narrow) if whole_between else ops.clip(narrow, 0.0, 255.0)
        small = ops.einsum(f"{each}hy,bywc->bhwc", rows, ops.cast(narrow, "float64"))
        return ops.cast(_whole(small), "float32")


def _resize_array(pixels, rows, columns, whole_between):
    resized = np.empty((len(pixels), len(rows), len(columns), pixels.shape[3]), np.float32)
    for start in range(0, len(pixels), _AT_ONCE):
        # A product for each plane of colour is too small for BLAS to share it among threads, which would wait for
        # the threads that make other batches.
        planes = pixels[start : start + _AT_ONCE].transpose(0, 3, 1, 2).astype(np.float64, order="C")
        narrow = _clipped(planes @ columns.T)
        if whole_between:
            _round_in_place(narrow)
        small = _round_in_place(_clipped(rows @ narrow))
        resized[start : start + _AT_ONCE] = small.transpose(0, 2, 3, 1)
    return resized


def _clipped(values):
    return np.clip(values, 0.0, 255.0, out=values)


def _round_in_place(values):
    """Round values that are not negative as PIL does, a half up."""
    values += 0.5
    return np.floor(values, out=values)


def _double_precision():
    """Let JAX compute in float64 here, which it does nowhere by default."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def _whole(pixels):
    """Clip and round tensors as PIL does, a half up."""
    # Of positive numbers. `keras.ops.floor` on JAX would round them to float32 first.
    return ops.cast(ops.clip(pixels, 0.0, 255.0) + 0.5, "int32")


def _keys_kernel(distance, backend):
    a = _KEYS_A
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return backend.where(distance < 1, near, backend.where(distance < _SUPPORT, far, 0.0 * distance))


def _positions(size, real, backend):
    return backend.cast(ops.arange(size), real) if backend is ops else np.arange(size, dtype=real)


def _real(size, real, is_numpy):
    return float(size) if is_numpy or isinstance(size, int) else ops.cast(size, real)
