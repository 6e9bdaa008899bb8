"""Native libraries' own words kept off the screen, so that a command's lines are all that is read."""

import contextlib
import importlib.util
import os
import sys


def start_backend():
    """Import what Keras computes with, TensorFlow or what KERAS_BACKEND names, without native libraries' notes.

    Errors of the import are raised as ever. A user who has set TF_CPP_MIN_LOG_LEVEL sees every line.

    Raises:
        ValueError: TensorFlow is not installed, and nothing else is named.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        import keras  # noqa: F401

        return
    if importlib.util.find_spec("tensorflow") is None:
        raise ValueError("KERAS_BACKEND: expected jax where TensorFlow is not installed, it is not set")
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        import tensorflow  # noqa: F401

        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with native_noise_silenced():
        import tensorflow  # noqa: F401


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
