"""How every command reports bad input: one line on standard error, and exit code 2."""

import functools
import sys


def one_line_errors(main):
    """Decorate `main(argv=None) -> int` so that bad input ends in one line and exit code 2.

    `ValueError` and `OSError` are what the library raises for bad input; anything else is a defect of
    ours and keeps its traceback.

    Returns:
        The decorated function: returns main's exit code, 2 for bad input, 130 when interrupted.
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
