"""How every command reports bad input: one line on standard error, and exit code 2."""

import functools
import sys
from collections.abc import Callable, Sequence


def one_line_errors(main: Callable[[Sequence[str] | None], int | None]) -> Callable[..., int]:
    """Decorate a command's `main(argv=None)` so that bad input ends in one line and exit code 2.

    The library raises `ValueError` and `OSError` for bad input; anything else is a bug and keeps its traceback.

    Args:
        main: function of the words of the command line; returns an exit code, or None for 0.

    Returns:
        The decorated function, which returns main's exit code, 2 for bad input, 130 when interrupted.
    """

    @functools.wraps(main)
    def guarded(argv=None):
        try:
            return main(argv) or 0
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        except (ValueError, OSError) as error:
            print(f"error: {_one_line(error)}", file=sys.stderr)
            return 2

    return guarded


def _one_line(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())
