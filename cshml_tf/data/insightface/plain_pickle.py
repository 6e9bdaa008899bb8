"""Read pickles of plain values from untrusted sources, without running any code outside this module.

A pickle is a program that calls the functions it names. Here, the names that NumPy's arrays require lead to
functions that check their arguments and keep bytes; every other name is refused.
"""

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_DTYPES = {"u1": np.uint8, "b1": np.bool_}


class PlainArray:
    """The contents of a pickled array: its type, np.uint8 or np.bool_, and its bytes in order.

    Attributes:
        dtype: np.uint8 or np.bool_; None for an array that was never filled.
        content: one byte per item.
    """

    __slots__ = ("dtype", "content")

    def __init__(self) -> None:
        self.dtype: type[np.generic] | None = None
        self.content = b""

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, _, content = state
        self.fill(content, dtype, shape)

    def fill(self, content: Any, dtype: Any, shape: Any) -> None:
        """Set the content after checking it against shape and type; items of either type have one byte.

        Raises:
            pickle.UnpicklingError: the type, the content or the shape is wrong.
        """
        if not isinstance(dtype, _Dtype) or not isinstance(content, (bytes, bytearray)):
            raise pickle.UnpicklingError("an array without its type or content")
        if math.prod(shape) != len(content):
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(content)} items")
        self.dtype, self.content = dtype.type, bytes(content)


class Refused(ValueError):
    """A pickle uses a name that plain values do not need."""


def load_plain(path: str | Path) -> Any:
    """Read a pickle of lists, tuples, bytes, bools, numbers and arrays, from Python 2 or 3 and NumPy 1 or 2.

    Args:
        path: the file.

    Returns:
        The pickled value, with arrays of uint8 or bool as `PlainArray` and strings of Python 2 as bytes.

    Raises:
        OSError: the file cannot be read.
        ValueError: the pickle is damaged or truncated, or uses any other name, which is then not imported.
    """
    with open(path, "rb") as file:
        try:
            return _PlainUnpickler(file, encoding="bytes").load()
        except Refused as error:
            raise ValueError(f"{path}: {error}") from None
        # A damaged pickle can raise nearly any type.
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise ValueError(f"{path}: expected a pickle, got a damaged or truncated one: {reason}") from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> "_Admitted":
        found = _ADMITTED.get((module, name))
        if found is None:
            raise Refused(f"expected a pickle of images and labels, got one that names {module}.{name}")
        return found


class _Admitted:
    """A function that a pickle may call, in a form that a pickle cannot alter."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it alters a function")


class _Dtype:
    """Replacement for np.dtype that admits only uint8 and bool."""

    __slots__ = ("type",)

    def __init__(self, name: Any) -> None:
        text = name.decode("latin1") if isinstance(name, bytes) else str(name)
        if text.lstrip("|") not in _DTYPES:
            raise Refused(f"expected arrays of uint8 or bool, got one of numpy.dtype({text!r})")
        self.type = _DTYPES[text.lstrip("|")]

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and fields, which items of one byte do not have."""


def _empty_array(*_: Any) -> PlainArray:
    return PlainArray()


def _array(content: Any, dtype: Any, shape: Any, _order: Any) -> PlainArray:
    array = PlainArray()
    array.fill(content, dtype, shape)
    return array


def _scalar(dtype: Any, content: Any) -> int | bool:
    array = _array(content, dtype, (1,), None)
    return dtype.type(array.content[0]).item()


def _encode(text: str, encoding: str | bytes = "latin1") -> bytes:
    # Python 3 writes bytes for Python 2 in this way.
    if encoding not in ("latin1", b"latin1"):
        raise Refused(f"expected bytes, got the encoding {encoding!r}")
    return text.encode("latin1")


def _admitted() -> dict[tuple[str, str], _Admitted]:
    """Map the names of NumPy 1 and 2 to their replacements."""
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
