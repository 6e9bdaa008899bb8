"""How every command ends: bad input is one line on standard error and exit code 2, a closed pipe is silent."""

import contextlib
import functools
import io
import os
import select
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from cshml_tf.files import ListWarning, printable

INTERRUPTED = 130
# What a shell reports of a program that SIGPIPE ended.
OUTPUT_CLOSED = 141


def one_line_errors(main: Callable[[Sequence[str] | None], int | None]) -> Callable[..., int]:
    """Decorate a command's `main(argv=None)` so that bad input ends in one line and exit code 2.

    The library raises `ValueError` and `OSError` for bad input; anything else is a bug and keeps its traceback.
    Whatever standard output or standard error cannot express is escaped, so that printing never ends a command.

    Args:
        main: function of the words of the command line; returns an exit code, or None for 0.

    Returns:
        The decorated function, which returns main's exit code, 2 for bad input or an output that cannot be
        written, 130 when interrupted, 141 when nobody reads the output any more.
    """

    @functools.wraps(main)
    def guarded(argv=None):
        _prepare_streams()
        with _warnings_in_one_line():
            try:
                code = main(argv) or 0
                # What cannot be written shows here, not when Python ends.
                print_lines()
                return code
            except KeyboardInterrupt:
                _print_error("interrupted")
                return INTERRUPTED
            except BrokenPipeError as error:
                if not (_is_closed(sys.stdout) or _is_closed(sys.stderr)):
                    return _bad_input(error)
                _drop_output()
                return OUTPUT_CLOSED
            except (ValueError, OSError) as error:
                return _bad_input(error)

    return guarded


def prints_utf8() -> bool:
    """Return whether standard output takes any character: JSON needs its own escapes where it does not."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def print_lines(*lines: str) -> None:
    """Print lines on standard output, with all that was printed before.

    Raises:
        BrokenPipeError: nobody reads them.
        OSError: they cannot be written; the error names the standard output.
    """
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def one_line(error: BaseException) -> str:
    """Return an error as one printable line; an error of the operating system names its file."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{printable(os.fsdecode(error.filename))}: {error.strerror}"
    return printable(" ".join(str(error).split()))


def _bad_input(error):
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    _print_error(f"error: {one_line(error)}")
    _drop_output()
    return 2


def _print_error(line):
    """Print to standard error, unless it is closed or full: there is nowhere else to say so."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _prepare_streams() -> None:
    """Make sure that there are standard streams, and that no name is an error to print."""
    if sys.stdout is None or sys.stderr is None:
        _fill_closed_descriptors()
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fill_closed_descriptors() -> None:
    """Keep the numbers of closed standard streams away from files, into which native code would print."""
    descriptor = 0
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print warnings about lists as this program's own lines; each once."""
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, ListWarning):
                _print_error(f"warning: {printable(str(message))}")
            else:
                shown(message, category, *where, **more)

        warnings.showwarning = show
        warnings.simplefilter("default", ListWarning)
        yield


def _is_closed(stream: IO[str]) -> bool:
    """Return whether a stream leads to a pipe that nobody reads."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # No `poll` on Windows, no descriptor in tests.
        return True


def _drop_output() -> None:
    """Send to nowhere what could not be written, which Python would try again when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(AttributeError, OSError, ValueError):
                sink = os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, stream.fileno())
                os.close(sink)
