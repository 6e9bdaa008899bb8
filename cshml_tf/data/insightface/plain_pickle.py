"""Reading pickles of plain values, from anyone: no name that a pickle uses leads to code that is not here.

A pickle is a program that calls what it names. The names that NumPy's arrays need stand here for functions that
check what they are given and keep bytes; every other name is refused.
"""

import math
import pickle

import numpy as np

_DTYPES = {"u1": np.uint8, "b1": np.bool_}


class PlainArray:
    """What is kept of a pickled array: its type, np.uint8 or np.bool_, and its bytes, in order."""

    __slots__ = ("dtype", "content")

    def __init__(self):
        self.dtype, self.content = None, b""

    def __setstate__(self, state):
        _, shape, dtype, _, content = state
        self.fill(content, dtype, shape)

    def fill(self, content, dtype, shape):
        """Take the content, checked against shape and type; both types have items of one byte."""
        if not isinstance(dtype, _Dtype) or not isinstance(content, (bytes, bytearray)):
            raise pickle.UnpicklingError("an array without its type or content")
        if math.prod(shape) != len(content):
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(content)} items")
        self.dtype, self.content = dtype.type, bytes(content)


class Refused(ValueError):
    """A pickle names something that plain values have no need of."""


def load_plain(path):
    """Read a pickle, of Python 2 or 3 and NumPy 1 or 2, of lists, tuples, bytes, bools, numbers and arrays.

    Args:
        path: the file.

    Returns:
        What was pickled; arrays of uint8 or bool as `PlainArray`; strings of Python 2 as bytes.

    Raises:
        OSError: the file can't be read.
        ValueError: the pickle is damaged or cut, or names anything else; nothing of that is imported or called.
    """
    with open(path, "rb") as file:
        try:
            return _PlainUnpickler(file, encoding="bytes").load()
        except Refused as error:
            raise ValueError(f"{path}: {error}") from None
        # A damaged pickle can raise nearly anything.
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path}: expected a pickle, got a damaged or cut one: {reason}") from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        found = _ADMITTED.get((module, name))
        if found is None:
            raise Refused(f"expected a pickle of images and of same or not, it names {module}.{name}")
        return found


class _Admitted:
    """A function that a pickle may call, in a form that a pickle cannot alter."""

    __slots__ = ("_function",)

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("it alters a function")


class _Dtype:
    """What stands for np.dtype: uint8 or bool alone."""

    __slots__ = ("type",)

    def __init__(self, name):
        text = name.decode("latin1") if isinstance(name, bytes) else str(name)
        if text.lstrip("|") not in _DTYPES:
            raise Refused(f"expected arrays of uint8 or bool, it names numpy.dtype({text!r})")
        self.type = _DTYPES[text.lstrip("|")]

    def __setstate__(self, state):
        """Byte order and fields: items of one byte have none."""


def _empty_array(*_):
    return PlainArray()


def _array(content, dtype, shape, _order):
    array = PlainArray()
    array.fill(content, dtype, shape)
    return array


def _scalar(dtype, content):
    array = _array(content, dtype, (1,), None)
    return array.dtype(array.content[0]).item()


def _encode(text, encoding="latin1"):
    # How Python 3 writes bytes for Python 2.
    if encoding not in ("latin1", b"latin1"):
        raise Refused(f"expected bytes, it names the encoding {encoding!r}")
    return text.encode("latin1")


def _admitted():
    """Map the names of NumPy 1 and 2 to what stands for them."""
    names = {
        ("_codecs", "encode"): _Admitted(_encode),
        ("numpy", "ndarray"): _Admitted(_empty_array),
        ("numpy", "dtype"): _Admitted(lambda name, *_: _Dtype(name)),
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = _Admitted(_empty_array)
        names[f"{core}.multiarray", "scalar"] = _Admitted(_scalar)
        names[f"{core}.numeric", "_frombuffer"] = _Admitted(_array)
    return names


_ADMITTED = _admitted()
