"""TensorFlow's start without its notes, so that a command's own lines are all that is read."""

import contextlib
import os
import sys


def import_tensorflow():
    """Import TensorFlow with standard error held back, as its first notes there obey no setting.

    Errors of the import are raised as ever. A user who has set TF_CPP_MIN_LOG_LEVEL sees every line.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        import tensorflow  # noqa: F401

        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with _no_stderr():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def _no_stderr():
    """Send the process's standard error, native code's included, nowhere."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
