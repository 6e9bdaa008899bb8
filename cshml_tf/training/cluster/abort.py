"""Backends that lose a worker may end the process by abort(), from a thread of their own, within milliseconds."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def catching_aborts(before_abort: Callable[[], None]) -> Iterator[None]:
    """Call a function when native code aborts the process, before it dies.

    Python's own handlers of signals run only on the main thread, which may be waiting in native code. The C
    library calls this one on the thread that aborts, and returning from it continues the abort.

    Args:
        before_abort: may end the process in a better way.
    """
    if os.name != "posix":
        yield
        return

    def on_signal(number: int) -> None:
        before_abort()
        print(
            "error: the backend has ended this process; under TF_CPP_MIN_LOG_LEVEL=0 it says why",
            file=sys.stderr,
            flush=True,
        )

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(on_signal)
    install = ctypes.CDLL(None).signal
    install.restype, install.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
    before = install(signal.SIGABRT, ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield
    finally:
        install(signal.SIGABRT, before)
