"""The resize of `cshml_tf.degradation.bicubic` for tensors of Keras's backend, inside or outside a graph."""

# pyright: reportOptionalSubscript=false, reportOptionalOperand=false
# keras.ops has no annotations: pyright infers that some results may be None.

import contextlib

import keras
import numpy as np
from keras import ops

from cshml_tf.degradation.kernel import ArrayOrTensor, cubic_weights


def sides_of(pixels: ArrayOrTensor) -> tuple[ArrayOrTensor, ArrayOrTensor]:
    """Return (height, width) of pictures (batch, H, W, C): ints, or scalar tensors if unknown until run time."""
    height, width = ops.shape(pixels)[1:3]
    return height, width


def resize_tensor(
    pixels: ArrayOrTensor, height: ArrayOrTensor, width: ArrayOrTensor, antialias: bool, whole_between: bool
) -> ArrayOrTensor:
    """Resize pictures, as `cshml_tf.degradation.bicubic.resize`; sizes may be unknown until the graph runs."""
    sizes = (height, width, *sides_of(pixels))
    # Known sizes yield NumPy constants; unknown ones are computed in the graph.
    known = {} if all(isinstance(size, int) for size in sizes) else {"backend": ops}
    with _double_precision():
        rows = cubic_weights(height, sizes[2], antialias, **known)
        columns = cubic_weights(width, sizes[3], antialias, **known)
    return resize_tensor_with(pixels, rows, columns, whole_between)


def resize_tensor_with(
    pixels: ArrayOrTensor, rows: ArrayOrTensor, columns: ArrayOrTensor, whole_between: bool
) -> ArrayOrTensor:
    """Resize pictures by given matrices, as `cshml_tf.degradation.bicubic.resize_with`."""
    each = "b" if len(rows.shape) == 3 else ""
    with _double_precision():
        rows, columns = ops.convert_to_tensor(rows, "float64"), ops.convert_to_tensor(columns, "float64")
        narrow = ops.einsum(f"{each}wx,byxc->bywc", columns, ops.cast(pixels, "float64"))
        narrow = _whole(narrow) if whole_between else ops.clip(narrow, 0.0, 255.0)
        small = ops.einsum(f"{each}hy,bywc->bhwc", rows, ops.cast(narrow, "float64"))
        return ops.cast(_whole(small), "float32")


def matrices_of(matrices: np.ndarray, choice: ArrayOrTensor) -> ArrayOrTensor:
    """Return the matrix chosen for each picture.

    Args:
        matrices: (resolutions, out, in) float64 array.
        choice: (batch,) integers, a tensor or an array.

    Returns:
        (batch, out, in) float32 tensor, which represents weights of 22 binary places exactly.
    """
    return ops.take(ops.convert_to_tensor(matrices, "float32"), choice, axis=0)


def _double_precision() -> contextlib.AbstractContextManager:
    """Enable float64 within the context on JAX, which does not use it by default."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def _whole(pixels: ArrayOrTensor) -> ArrayOrTensor:
    """Clip and round as PIL does, with halves rounded up."""
    # A cast, because `keras.ops.floor` on JAX would first round these positive numbers to float32.
    return ops.cast(ops.clip(pixels, 0.0, 255.0) + 0.5, "int32")
