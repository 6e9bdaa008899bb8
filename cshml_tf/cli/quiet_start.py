"""Native libraries' own words kept off the screen, so that a command's lines are all that is read."""

import contextlib
import os
import sys


def start_backend(tensorflow_only=False):
    """Import what Keras computes with, TensorFlow or what KERAS_BACKEND names, without native libraries' notes.

    A user who has set TF_CPP_MIN_LOG_LEVEL sees every line.

    Args:
        tensorflow_only: whether the command works with TensorFlow alone.

    Raises:
        ValueError: what is named, or what the command needs, cannot be imported.
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
def native_noise_silenced():
    """Keep what libjpeg, libpng and TensorFlow's start print off the screen; Python still prints.

    They write to file descriptor 2 past `sys.stderr`.
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
