"""Read pickles of plain values from untrusted sources, without running any code outside this module.

A pickle is a program that calls the functions it names. Here, the names that NumPy's arrays require lead to
functions that check their arguments and keep bytes; every other name is refused. The steps are checked before any
runs, since a step of a few bytes can ask for gigabytes.
"""

import io
import math
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cshml_tf.files import printable, read_bytes

# InsightFace's sets have up to 14,000 images, 100 MB and half a million steps.
MAX_BYTES = 2**30
MAX_STEPS = 2**21
# Values can be chosen so that a dict of n of them takes n^2 steps to build. A pair set has none.
_MAX_STEPS_WITH_DICTS = 10_000
_DTYPES = {"u1": np.uint8, "b1": np.bool_}
_STEPS = {step.code.encode("latin1"): step for step in pickletools.opcodes}
_DICT_STEPS = {"DICT", "SETITEM", "SETITEMS", "ADDITEMS", "FROZENSET"}
# How many bytes before the content of a step state its length.
_COUNTED = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


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
        if not isinstance(content, bytes):
            raise pickle.UnpicklingError("an array without its content")
        self.fill(content, dtype, shape)

    def fill(self, content: Any, dtype: Any, shape: Any) -> None:
        """Set the content after checking it against shape and type; items of either type have one byte.

        Raises:
            pickle.UnpicklingError: the type, the content or the shape is wrong.
        """
        if not isinstance(dtype, _Dtype) or not isinstance(content, (bytes, bytearray)):
            raise pickle.UnpicklingError("an array without its type or content")
        if len(shape) > 4 or not all(type(side) is int and 0 <= side <= MAX_BYTES for side in shape):
            raise pickle.UnpicklingError("an array without a shape of up to 4 sizes")
        if math.prod(shape) != len(content):
            raise pickle.UnpicklingError(f"an array of shape {shape} with {len(content)} items")
        self.dtype, self.content = dtype.type, bytes(content)


class Refused(ValueError):
    """A pickle uses a name that plain values do not need."""


def load_plain(path: str | Path) -> Any:
    """Read a pickle of lists, tuples, bytes, bools, numbers and arrays, from Python 2 or 3 and NumPy 1 or 2.

    Args:
        path: the file, of up to `MAX_BYTES` bytes and `MAX_STEPS` steps.

    Returns:
        The pickled value, with arrays of uint8 or bool as `PlainArray` and strings of Python 2 as bytes.

    Raises:
        OSError: the file cannot be read.
        ValueError: the pickle is damaged, truncated or too large, or uses any other name, which is then not
            imported.
    """
    data = read_bytes(path, MAX_BYTES)
    try:
        _check_steps(data)
        return _PlainUnpickler(data).load()
    except Refused as error:
        raise ValueError(f"{printable(path)}: {error}") from None
    # A damaged pickle can raise nearly any type.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(
            f"{printable(path)}: expected a pickle, got a damaged or truncated one: {reason}"
        ) from error


def _check_steps(data: bytes) -> None:
    """Check every step of a pickle against the bytes that are there, without running any."""
    at, count, has_dicts = 0, 0, False
    while True:
        step = _STEPS.get(data[at : at + 1])
        if step is None:
            raise pickle.UnpicklingError(f"no step at byte {at}")
        start, at = at + 1, _end_of(step, data, at + 1)
        count += 1
        has_dicts |= step.name in _DICT_STEPS
        if count > (_MAX_STEPS_WITH_DICTS if has_dicts else MAX_STEPS):
            raise Refused(
                f"expected a pickle of images and labels in at most {MAX_STEPS} steps, got "
                + ("a large dict or set" if has_dicts else "a longer one")
            )
        # The places of remembered values are allocated up to the highest number.
        if step.name.endswith("PUT") and _number(step, data[start:at]) > MAX_STEPS:
            raise pickle.UnpicklingError(f"a value is remembered under a number above {MAX_STEPS}")
        if step.name == "STOP":
            return


def _end_of(step: pickletools.OpcodeInfo, data: bytes, at: int) -> int:
    """Return where the argument of a step, which begins at a byte, ends."""
    if step.arg is None:
        return at
    length = step.arg.n
    if length == pickletools.UP_TO_NEWLINE:
        for _ in range(2 if step.arg.name.endswith("_pair") else 1):
            at = data.find(b"\n", at) + 1
            if not at:
                raise pickle.UnpicklingError("its last line does not end")
        return at
    if length in _COUNTED:
        size = _COUNTED[length]
        length = size + int.from_bytes(data[at : at + size], "little")
    if length > len(data) - at:
        raise pickle.UnpicklingError(f"{length} bytes expected at byte {at}, {len(data) - at} are there")
    return at + length


def _number(step: pickletools.OpcodeInfo, argument: bytes) -> int:
    return int(argument) if step.name == "PUT" else int.from_bytes(argument, "little")


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="bytes")
        # A value can be remembered once and converted any number of times.
        self._names = _admitted(_Converter(2 * len(data)))

    def find_class(self, module: str, name: str) -> "_Admitted":
        found = self._names.get((module, name))
        if found is None:
            raise Refused(f"expected a pickle of images and labels, got one that names {module}.{name}"[:200])
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
        text = name.decode("latin1") if isinstance(name, bytes) else name
        if not isinstance(text, str) or text.lstrip("|") not in _DTYPES:
            got = repr(text[:20]) if isinstance(text, str) else type(text).__name__
            raise Refused(f"expected arrays of uint8 or bool, got one of numpy.dtype({got})")
        self.type = _DTYPES[text.lstrip("|")]

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and fields, which items of one byte do not have."""


def _empty_array(*_: Any) -> PlainArray:
    return PlainArray()


class _Converter:
    """Makes arrays and bytes out of what a pickle contains, up to a total number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def array(self, content: Any, dtype: Any, shape: Any, _order: Any) -> PlainArray:
        array = PlainArray()
        self._count(content)
        array.fill(content, dtype, shape)
        return array

    def scalar(self, dtype: Any, content: Any) -> int | bool:
        array = self.array(content, dtype, (1,), None)
        return dtype.type(array.content[0]).item()

    def encode(self, text: str, encoding: str | bytes = "latin1") -> bytes:
        # Python 3 writes bytes for Python 2 in this way.
        if encoding not in ("latin1", b"latin1"):
            got = repr(encoding[:20]) if isinstance(encoding, (str, bytes)) else type(encoding).__name__
            raise Refused(f"expected bytes, got the encoding {got}")
        self._count(text)
        return text.encode("latin1")

    def _count(self, content: str | bytes) -> None:
        self._left -= len(content)
        if self._left < 0:
            raise Refused("expected a pickle of images and labels, got one that multiplies its content")


def _admitted(converter: _Converter) -> dict[tuple[str, str], _Admitted]:
    """Map the names of NumPy 1 and 2 to their replacements."""
    names = {
        ("_codecs", "encode"): _Admitted(converter.encode),
        ("numpy", "ndarray"): _Admitted(_empty_array),
        ("numpy", "dtype"): _Admitted(lambda name, *_: _Dtype(name)),
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = _Admitted(_empty_array)
        names[f"{core}.multiarray", "scalar"] = _Admitted(converter.scalar)
        names[f"{core}.numeric", "_frombuffer"] = _Admitted(converter.array)
    return names
