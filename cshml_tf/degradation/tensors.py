"""The resize of `cshml_tf.degradation.bicubic` for tensors of Keras's backend, inside or outside a graph."""

# pyright: reportOptionalSubscript=false, reportOptionalOperand=false, reportOperatorIssue=false
# keras.ops has no annotations: pyright infers that some results may be None.

import contextlib

import keras
import numpy as np
from keras import ops

from cshml_tf.degradation.kernel import WEIGHT_PLACES, ArrayOrTensor, cubic_weights


def sides_of(pixels: ArrayOrTensor) -> tuple[ArrayOrTensor, ArrayOrTensor]:
    """Return (height, width) of pictures (batch, H, W, C): ints, or scalar tensors if unknown until run time."""
    height, width = ops.shape(pixels)[1:3]
    return height, width


def resize_tensor(
    pixels: ArrayOrTensor, height: ArrayOrTensor, width: ArrayOrTensor, antialias: bool, whole_between: bool
) -> ArrayOrTensor:
    """Resize pictures, as `cshml_tf.degradation.bicubic.resize`; sizes may be unknown until the graph runs."""
    sizes = sides_of(pixels)
    rows, columns = (
        # Known sizes yield NumPy constants; unknown ones are computed in the graph.
        cubic_weights(out, size, antialias)
        if isinstance(out, int) and isinstance(size, int)
        else graph_weights(out, size, antialias)
        for out, size in zip((height, width), sizes, strict=True)
    )
    return resize_tensor_with(pixels, rows, columns, whole_between)


def resize_tensor_with(
    pixels: ArrayOrTensor, rows: ArrayOrTensor, columns: ArrayOrTensor, whole_between: bool
) -> ArrayOrTensor:
    """Resize pictures by given matrices, as `cshml_tf.degradation.bicubic.resize_with`.

    Pictures of type uint8 with rounding between the passes need no float64, which other formats of networks and
    many devices lack.
    """
    each = "b" if len(rows.shape) == 3 else ""
    first, second = f"{each}wx,byxc->bywc", f"{each}hy,bywc->bhwc"
    if whole_between and keras.backend.standardize_dtype(pixels.dtype) == "uint8":
        return _exact_pass(second, rows, _exact_pass(first, columns, ops.cast(pixels, "float32")))
    with _double_precision():
        rows, columns = ops.convert_to_tensor(rows, "float64"), ops.convert_to_tensor(columns, "float64")
        narrow = ops.einsum(first, columns, ops.cast(pixels, "float64"))
        narrow = _whole(narrow) if whole_between else ops.clip(narrow, 0.0, 255.0)
        small = ops.einsum(second, rows, ops.cast(narrow, "float64"))
        return ops.cast(_whole(small), "float32")


def graph_weights(out_size: ArrayOrTensor, in_size: ArrayOrTensor, antialias: bool) -> ArrayOrTensor:
    """Compute `cubic_weights` in a graph, for sizes that are only known when it runs.

    Whole numbers of 64 bits replace float64. With D / q the distance in units of the kernel's width, both D and q
    whole, the kernel times 2 q^3 is 3 D^3 - 5 D^2 q + 2 q^3 nearby, and -D^3 + 5 D^2 q - 8 D q^2 + 4 q^3 farther
    out.
    Results are exact for sides up to 23,000 pixels, and up to 32,766 if `out_size` is at least 5.

    Args:
        out_size: length of the result, a number or a scalar tensor.
        in_size: length of the input, a number or a scalar tensor.
        antialias: whether to antialias a reduction.

    Returns:
        (out_size, in_size) float32, which represents the weights exactly.
    """
    out_size, in_size = ops.cast(out_size, "int64"), ops.cast(in_size, "int64")
    centres = (2 * ops.cast(ops.arange(out_size), "int64") + 1) * in_size
    positions = (2 * ops.cast(ops.arange(in_size), "int64") + 1) * out_size
    distance = ops.abs(centres[:, None] - positions[None, :])
    q = 2 * (ops.maximum(in_size, out_size) if antialias else out_size)
    near = (3 * distance - 5 * q) * distance * distance + 2 * q * q * q
    far = ((5 * q - distance) * distance - 8 * q * q) * distance + 4 * q * q * q
    kernel = ops.where(distance < q, near, ops.where(distance < 2 * q, far, 0 * distance))
    total = ops.sum(kernel, axis=1, keepdims=True)
    # A long division, bit by bit: the numerator with 23 more places would not fit into 64 bits, and other formats
    # of networks cannot divide numbers of 64 bits.
    rest = ops.abs(kernel)
    quotient = ops.cast(rest >= total, "int64")
    rest = rest - quotient * total
    for _ in range(WEIGHT_PLACES + 1):
        rest = 2 * rest
        bit = ops.cast(rest >= total, "int64")
        rest, quotient = rest - bit * total, 2 * quotient + bit
    rounded = ops.floor((ops.cast(quotient, "float32") + 1) / 2)
    return ops.cast(ops.sign(kernel), "float32") * rounded * 2.0**-WEIGHT_PLACES


def matrices_of(matrices: np.ndarray, choice: ArrayOrTensor) -> ArrayOrTensor:
    """Return the matrix chosen for each picture.

    Args:
        matrices: (resolutions, out, in) float64 array.
        choice: (batch,) integers, a tensor or an array.

    Returns:
        (batch, out, in) float32 tensor, which represents weights of 22 binary places exactly.
    """
    return ops.take(ops.convert_to_tensor(matrices, "float32"), choice, axis=0)


def _exact_pass(equation: str, matrix: ArrayOrTensor, pixels: ArrayOrTensor) -> ArrayOrTensor:
    """Multiply whole numbers 0..255 by a matrix of weights, clip and round as PIL does, exactly and in float32.

    A weight of 22 binary places is a whole number of three digits to the base 256. A product of one digit and one
    grey level has 16 bits: float32 sums 512 of them without rounding.

    Args:
        equation: of `keras.ops.einsum`, for the matrix and the pixels.
        matrix: weights, multiples of 2**-22.
        pixels: float32.

    Returns:
        float32, whole numbers 0..255.
    """
    rest = ops.cast(ops.convert_to_tensor(matrix, "float32"), "float32") * 2.0**WEIGHT_PLACES
    sums = []
    for _ in range(2):
        shifted = ops.floor((rest + 128) / 256)
        sums.append(ops.einsum(equation, rest - 256 * shifted, pixels))
        rest = shifted
    low, middle = sums
    high = ops.einsum(equation, rest, pixels)
    # Below the highest digits, only what carries over matters: half of 2**22 is 32 of their units.
    carried = ops.floor((middle + ops.floor(low / 256)) / 256)
    return ops.clip(ops.floor((high + carried + 32) / 64), 0.0, 255.0)


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
