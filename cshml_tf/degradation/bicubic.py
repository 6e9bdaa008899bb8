"""Bicubic resizing as two small matrices: the same picture on any device and backend.

Resizing is linear in the rows and in the columns of a picture. With Keys' kernel at a = -0.5 and an
antialiased reduction this is what MATLAB, PIL and `tf.image.resize(antialias=True)` compute; with weights of 22
binary places and 8 bits between the two passes it is PIL's picture to the last bit. Hence float64 within: the
30 bits of a product must not be rounded. NumPy arrays are resized by NumPy, tensors by their backend; the
pictures are the same. Keras is imported when the first tensor comes: settings and batches need NumPy alone.
"""

import numpy as np

from cshml_tf.degradation.kernel import cubic_weights

# Pictures resized together: their float64 copies stay within a processor's cache.
_AT_ONCE = 8


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
    if isinstance(pixels, np.ndarray):
        rows = cubic_weights(height, pixels.shape[1], antialias)
        columns = cubic_weights(width, pixels.shape[2], antialias)
        return _resize_array(pixels, rows, columns, whole_between)
    from cshml_tf.degradation.tensors import resize_tensor

    return resize_tensor(pixels, height, width, antialias, whole_between)


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
    from cshml_tf.degradation.tensors import resize_tensor_with

    return resize_tensor_with(pixels, rows, columns, whole_between)


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
