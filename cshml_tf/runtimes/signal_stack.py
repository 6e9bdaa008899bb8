"""Undo what OpenVINO does to the handling of signals.

It gives the thread that first uses it an alternate stack for signal handlers, of some 11 kB. On processors with
AMX the registers that the kernel saves there leave almost nothing of it, and Python's handlers run on it: the next
Ctrl-C may crash the process.
"""

import contextlib
import ctypes
import sys
from collections.abc import Iterator


class _Stack(ctypes.Structure):
    """`stack_t` of Linux."""

    _fields_ = (("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextlib.contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give this thread its alternate signal stack back at the end, or none if it had none."""
    if sys.platform != "linux":
        yield
        return
    system, before = ctypes.CDLL(None), _Stack()
    system.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        system.sigaltstack(ctypes.byref(before), None)
