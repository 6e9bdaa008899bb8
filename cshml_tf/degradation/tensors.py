"""The same bicubic resize for tensors of whichever backend Keras runs on, inside a graph or outside."""

import contextlib

import keras
from keras import ops

from cshml_tf.degradation.kernel import cubic_weights


def resize_tensor(pixels, height, width, antialias, whole_between):
    """Resize pictures, as `cshml_tf.degradation.bicubic.resize`; a size may be unknown until the graph runs."""
    sizes = (height, width, *ops.shape(pixels)[1:3])
    # Sizes known now make constants of NumPy; others are computed in the graph.
    known = {} if all(isinstance(size, int) for size in sizes) else {"backend": ops}
    with _double_precision():
        rows = cubic_weights(height, sizes[2], antialias, **known)
        columns = cubic_weights(width, sizes[3], antialias, **known)
    return resize_tensor_with(pixels, rows, columns, whole_between)


def resize_tensor_with(pixels, rows, columns, whole_between):
    """Resize pictures by given matrices: `cshml_tf.degradation.bicubic.resize_with`."""
    each = "b" if len(rows.shape) == 3 else ""
    with _double_precision():
        rows, columns = ops.convert_to_tensor(rows, "float64"), ops.convert_to_tensor(columns, "float64")
        narrow = ops.einsum(f"{each}wx,byxc->bywc", columns, ops.cast(pixels, "float64"))
        narrow = _whole(narrow) if whole_between else ops.clip(narrow, 0.0, 255.0)
        small = ops.einsum(f"{each}hy,bywc->bhwc", rows, ops.cast(narrow, "float64"))
        return ops.cast(_whole(small), "float32")


def matrices_of(matrices, choice):
    """Return the matrix that each picture chooses.

    Args:
        matrices: (resolutions, out, in) float64 array.
        choice: (batch,) integers, a tensor or an array.

    Returns:
        (batch, out, in) float32 tensor; weights of 22 binary places are exact in it.
    """
    return ops.take(ops.convert_to_tensor(matrices, "float32"), choice, axis=0)


def _double_precision():
    """Let JAX compute in float64 here, which it does nowhere by default."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def _whole(pixels):
    """Clip and round as PIL does, a half up."""
    # A cast, for `keras.ops.floor` on JAX would round these positive numbers to float32 first.
    return ops.cast(ops.clip(pixels, 0.0, 255.0) + 0.5, "int32")
