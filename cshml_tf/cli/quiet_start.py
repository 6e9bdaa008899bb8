"""Start the Keras backend without the messages of native libraries, so that only our own lines are printed."""

import contextlib
import os
import sys
from collections.abc import Iterator


def start_backend(tensorflow_only: bool = False) -> None:
    """Import Keras and its backend (TensorFlow, or the one that KERAS_BACKEND names) without native messages.

    If TF_CPP_MIN_LOG_LEVEL is set, the messages are shown.

    Args:
        tensorflow_only: whether the command works only with TensorFlow.

    Raises:
        ValueError: the named backend, or the one that the command needs, cannot be imported.
    """
    quiet = "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with native_noise_silenced() if quiet else contextlib.nullcontext():
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


@contextlib.contextmanager
def native_noise_silenced() -> Iterator[None]:
    """Hide what libjpeg, libpng and TensorFlow's start-up print; Python still prints.

    They write to file descriptor 2, bypassing `sys.stderr`.
    """
    screen = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    stream = sys.stderr
    sys.stderr.flush()
    os.dup2(sink, 2)
    try:
        if _descriptor(stream) == 2:
            sys.stderr = os.fdopen(screen, "w", buffering=1, closefd=False)
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = stream
        os.dup2(screen, 2)
        os.close(screen)
        os.close(sink)


def _descriptor(stream):
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
