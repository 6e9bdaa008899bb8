"""Start the Keras backend without the messages of native libraries, so that only our own lines are printed."""

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any


def start_backend(tensorflow_only: bool = False) -> None:
    """Import Keras and its backend (TensorFlow, or the one that KERAS_BACKEND names) without native messages.

    If TF_CPP_MIN_LOG_LEVEL asks for more than errors (0 or 1), the messages are shown.

    Args:
        tensorflow_only: whether the command works only with TensorFlow.

    Raises:
        ValueError: the named backend, or the one that the command needs, cannot be imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with native_noise_silenced() if _is_quiet() else contextlib.nullcontext():
            import keras

            if tensorflow_only:
                import tensorflow  # noqa: F401
    except ImportError as error:
        asked = "tensorflow, which this command needs" if tensorflow_only else "an installed backend"
        raise ValueError(f"KERAS_BACKEND: expected {asked}; {error}") from error
    if tensorflow_only and keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"KERAS_BACKEND: expected tensorflow, which this command needs, got {keras.backend.backend()}"
        )


def native_noise_of_workers_silenced(strategy: str) -> contextlib.AbstractContextManager[None]:
    """Hide what backends print while several workers train: their connections, and stack traces when one is lost.

    If TF_CPP_MIN_LOG_LEVEL asks for more than errors (0 or 1), the messages are shown.

    Args:
        strategy: the strategy of training; nothing is hidden unless it is that of several workers.
    """
    quiet = strategy == "multi_worker" and _is_quiet()
    return native_noise_silenced() if quiet else contextlib.nullcontext()


def _is_quiet() -> bool:
    # Set to 2 or 3, it is meant to silence; yet TensorFlow's start-up prints at any level.
    return os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") not in ("0", "1")


@contextlib.contextmanager
def native_noise_silenced() -> Iterator[None]:
    """Hide what libjpeg, libpng and TensorFlow's start-up print; Python still prints.

    They write to file descriptor 2, bypassing `sys.stderr`. Descriptor 2 therefore leads nowhere until the block
    ends. What Python writes to it goes past that, whichever logging handler holds the stream and whenever it was
    made: no stream is replaced, and no descriptor is left open. Blocks may be nested, and may overlap in several
    threads: the noise is hidden until the last one ends.

    If the process was started without a standard error, descriptor 2 is the null device from now on. Otherwise
    the next file that anyone opens would receive the noise.
    """
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()


class _Silence:
    """The silence of the whole process: begun by the first block, ended by the last."""

    def __init__(self) -> None:
        # Reentrant: a signal handler may print while its own thread holds the lock.
        self._lock = threading.RLock()
        self._blocks = 0
        self._screen: int | None = None
        self._undo = contextlib.ExitStack()

    def begin(self) -> None:
        with self._lock:
            if not self._blocks:
                self._undo = self._redirect()
            self._blocks += 1

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self._undo.close()

    def _redirect(self) -> contextlib.ExitStack:
        with contextlib.ExitStack() as undo:
            if not _is_open(2):
                _open_null_device_as(2)
            elif sys.__stderr__ is not None:
                self._screen = os.dup(2)
                undo.callback(self._close_screen)
                for buffer in _buffers_on_descriptor():
                    vars(buffer)["write"] = self._route(buffer.write)
                    undo.callback(vars(buffer).pop, "write")
                    _let_writes_end(buffer)
                undo.callback(os.dup2, self._screen, 2)
                _open_null_device_as(2)
            return undo.pop_all()

    def _close_screen(self) -> None:
        assert self._screen is not None
        os.close(self._screen)
        self._screen = None

    def _route(self, write: Callable[[Any], int]) -> Callable[[Any], int]:
        """Return the method that stands for a buffer's own `write` during the silence."""

        def routed(data: Any) -> int:
            with self._lock:
                # Another thread may have fetched this method just before the silence ended.
                return write(data) if self._screen is None else _write_all(self._screen, data)

        return routed


_silence = _Silence()


def _buffers_on_descriptor() -> list[Any]:
    """Return the distinct buffers below Python's standard error that write to descriptor 2."""
    buffers = {}
    for stream in (sys.stderr, sys.__stderr__):
        buffer = getattr(stream, "buffer", None)
        if _descriptor(buffer) == 2 and hasattr(buffer, "__dict__"):
            buffers[id(buffer)] = buffer
    return list(buffers.values())


def _descriptor(stream: Any) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _let_writes_end(buffer: Any) -> None:
    """Let what was written before, perhaps by another thread, reach descriptor 2."""
    if isinstance(buffer, io.RawIOBase):
        # An unbuffered write that has begun takes no lock that one could wait for.
        if threading.active_count() > 1:
            time.sleep(0.001)
        return
    with contextlib.suppress(OSError):  # A full disk is reported when the owner writes again.
        buffer.flush()


def _write_all(descriptor: int, data: Any) -> int:
    content = memoryview(data).cast("B")
    done = 0
    while done < len(content):
        done += os.write(descriptor, content[done:])
    return done


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _open_null_device_as(descriptor: int) -> None:
    opened = os.open(os.devnull, os.O_WRONLY)
    if opened == descriptor:
        os.set_inheritable(opened, True)
    else:
        os.dup2(opened, descriptor)
        os.close(opened)
