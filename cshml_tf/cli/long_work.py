"""What the commands have in common that work on a whole folder for hours: quiet progress, and an end in order."""

import contextlib
import signal
import sys
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from cshml_tf.cli.quiet_start import native_noise_silenced


def bar_interval() -> float:
    """Return the seconds between two states of a bar: a log file gets a line every half minute."""
    return 0.1 if sys.stderr.isatty() else 30.0


def silently(results: Iterable[Any]) -> Generator[Any, None, None]:
    """Yield results, each found while native output is silenced; the bar is drawn in between."""
    results = iter(results)
    while True:
        with native_noise_silenced():
            result = next(results, None)
        if result is None:
            return
        yield result


@contextlib.contextmanager
def terminate_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind as an interrupt does, so that what was done is left in order."""

    def stop(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
