"""Bicubic resizing as two small matrices: the same picture on any device and backend.

Resizing is linear in the rows and in the columns of a picture. With Keys' kernel at a = -0.5 and an
antialiased reduction, this is what MATLAB, PIL and `tf.image.resize(antialias=True)` compute. With weights of 22
binary places, and rounding to 8 bits between the two passes, the result equals PIL's to the last bit. The
arithmetic is float64 because the 30 bits of a product must not be rounded; tensors of type uint8 are multiplied by
the weights' digits in float32 instead, as exactly. NumPy arrays are resized by NumPy,
tensors by their backend, with identical results. Keras is imported only when the first tensor arrives: settings
and batches need nothing but NumPy.
"""

import numpy as np

from cshml_tf.degradation.kernel import ArrayOrTensor, cubic_weights

# Number of pictures resized together, such that their float64 copies fit into the processor's cache.
_AT_ONCE = 8


def resize(
    pixels: ArrayOrTensor,
    height: int | ArrayOrTensor,
    width: int | ArrayOrTensor,
    antialias: bool = True,
    whole_between: bool = True,
) -> ArrayOrTensor:
    """Resize pictures bicubically, first horizontally, then vertically, and round to whole grey levels.

    Args:
        pixels: (batch, H, W, C), any real dtype, 0..255, array or tensor. H and W of a tensor may be unknown
            until the graph runs.
        height: rows of the result, a number or a scalar tensor.
        width: columns of the result, a number or a scalar tensor.
        antialias: whether to antialias reductions.
        whole_between: as in `resize_with`.

    Returns:
        (batch, height, width, C) float32, whole numbers 0..255; an array if `pixels` is an array,
        otherwise a tensor.
    """
    if isinstance(pixels, np.ndarray):
        rows = cubic_weights(height, pixels.shape[1], antialias)
        columns = cubic_weights(width, pixels.shape[2], antialias)
        return _resize_array(pixels, rows, columns, whole_between)
    from cshml_tf.degradation.tensors import resize_tensor

    return resize_tensor(pixels, height, width, antialias, whole_between)


def resize_with(
    pixels: ArrayOrTensor, rows: ArrayOrTensor, columns: ArrayOrTensor, whole_between: bool = True
) -> ArrayOrTensor:
    """Resize pictures by given matrices: columns first, then rows; clip after each pass and round the result.

    Args:
        pixels: (batch, H, W, C), any real dtype, array or tensor.
        rows: (h, H) for all pictures; for tensors also (batch, h, H), one matrix per picture.
        columns: (w, W), or (batch, w, W).
        whole_between: whether to round after the first pass too, as PIL does and TensorFlow does not.

    Returns:
        (batch, h, w, C) float32, whole numbers 0..255; an array if `pixels` is an array,
        otherwise a tensor.
    """
    if isinstance(pixels, np.ndarray):
        return _resize_array(pixels, rows, columns, whole_between)
    from cshml_tf.degradation.tensors import resize_tensor_with

    return resize_tensor_with(pixels, rows, columns, whole_between)


def _resize_array(pixels: np.ndarray, rows: np.ndarray, columns: np.ndarray, whole_between: bool) -> np.ndarray:
    resized = np.empty((len(pixels), len(rows), len(columns), pixels.shape[3]), np.float32)
    for start in range(0, len(pixels), _AT_ONCE):
        # One product per colour plane is too small for BLAS to split among threads, which would otherwise wait for
        # the threads that make other batches.
        planes = pixels[start : start + _AT_ONCE].transpose(0, 3, 1, 2).astype(np.float64, order="C")
        narrow = _clipped(planes @ columns.T)
        if whole_between:
            _round_in_place(narrow)
        small = _round_in_place(_clipped(rows @ narrow))
        resized[start : start + _AT_ONCE] = small.transpose(0, 2, 3, 1)
    return resized


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0.0, 255.0, out=values)


def _round_in_place(values: np.ndarray) -> np.ndarray:
    """Round non-negative values as PIL does, with halves rounded up."""
    values += 0.5
    return np.floor(values, out=values)
