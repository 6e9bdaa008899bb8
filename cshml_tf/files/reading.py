"""Read files that anyone may have written or damaged: regular ones, of a stated size, whose content is checked.

Every error names the file, what was expected and what came. A file that cannot be opened raises the `OSError` of
the operating system, which names it too.
"""

import codecs
import errno
import hashlib
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from cshml_tf.files.names import printable

# Lists, cards and reports stay far below this size; a larger file is not one of them.
MAX_TEXT_BYTES = 2**28
# A sparse file beyond this would be read for ever.
_MAX_DIGESTED_BYTES = 2**40
_NOT_REGULAR = "expected a regular file, got a pipe, a socket or a device"


def open_regular(path: str | os.PathLike[str], max_bytes: int) -> BinaryIO:
    """Open a regular file for reading.

    A pipe or a device would block the caller, or never end.

    Args:
        path: the file; links are followed.
        max_bytes: the size above which the file is refused.

    Raises:
        ValueError: it is not a regular file, or is too large.
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        # What the system says of a socket, "No such device or address", reads like a missing file.
        if error.errno == errno.ENXIO:
            raise ValueError(f"{printable(path)}: {_NOT_REGULAR}") from None
        raise
    try:
        status = os.fstat(number)
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{printable(path)}: expected a file, got a folder")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{printable(path)}: {_NOT_REGULAR}")
        if status.st_size > max_bytes:
            raise ValueError(
                f"{printable(path)}: expected a file of at most {max_bytes} bytes, got {status.st_size} bytes"
            )
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_bytes(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes` bytes.

    Raises:
        ValueError: it is not a regular file, or is too large.
        OSError: it cannot be read.
    """
    with open_regular(path, max_bytes) as file:
        # A read of n bytes allocates n bytes first, however short the file is.
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1)
        if len(content) > size:
            content += file.read(max_bytes + 1 - len(content))
    if len(content) > max_bytes:
        raise ValueError(f"{printable(path)}: expected a file of at most {max_bytes} bytes, got a growing one")
    return content


def read_text(path: str | os.PathLike[str], max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Read a UTF-8 text file, with or without a byte order mark; line ends stay as they are.

    Raises:
        ValueError: it is not UTF-8, not a regular file, or is too large.
        OSError: it cannot be read.
    """
    content = read_bytes(path, max_bytes)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{printable(path)}: expected UTF-8 text, got byte {content[error.start]:#04x} at offset {error.start}"
        ) from None


def read_lines(path: str | os.PathLike[str], max_bytes: int = MAX_TEXT_BYTES) -> list[str]:
    r"""Read the lines of a list, which end in `\n` or `\r\n` and in nothing else.

    Other characters that Unicode counts as line ends (NEL, U+2028, form feed) may stand in a name.

    Args:
        path: the file, UTF-8 with or without a byte order mark, or UTF-16 with one, as Windows editors save it.
        max_bytes: the size above which the file is refused.

    Returns:
        The lines in order, without their ends; the first is line 1.

    Raises:
        ValueError: it is not such a text, contains a carriage return or NUL inside a line, is not a regular file,
            or is too large.
        OSError: it cannot be read.
    """
    content = read_bytes(path, max_bytes)
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{printable(path)}: expected a text file in UTF-8, got byte {content[error.start]:#04x} in line "
            f"{line} ({error.reason})"
        ) from None
    lines = text.split("\n")
    # What follows the last line end is no line.
    lines = [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
    for number, line in enumerate(lines, start=1):
        for character, name in (("\r", "a carriage return"), ("\0", "a NUL character")):
            if character in line:
                raise ValueError(
                    f"{printable(path)}, line {number}: expected lines of text that end in \\n or \\r\\n, got "
                    f"{name} inside a line"
                )
    return lines


def read_json(path: str | os.PathLike[str], expected: Any = Any, max_bytes: int = MAX_TEXT_BYTES) -> Any:
    """Read a JSON file strictly, and check its content against a type.

    Refused besides what is not JSON: NaN and infinities, numbers beyond the range of float64, repeated keys, and
    nesting too deep for the parser.

    Args:
        path: the file.
        expected: what the content must match, as `msgspec` understands types: a `TypedDict`, `dict[str, float]`,
            `Annotated[float, msgspec.Meta(ge=-1, le=1)]` and so on. Keys that a `TypedDict` lacks are allowed.
        max_bytes: the size above which the file is refused.

    Returns:
        The content, of plain dicts, lists, strings, numbers, booleans and None.

    Raises:
        ValueError: the file or its content is not as expected.
        OSError: it cannot be read.
    """
    text = read_text(path, max_bytes)
    try:
        content = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except RecursionError:
        raise ValueError(f"{printable(path)}: expected JSON, got JSON that is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{printable(path)}: expected JSON, got a file that cannot be parsed: {error}") from None
    check_content(path, content, expected)
    return content


def check_content(where: str | os.PathLike[str], content: Any, expected: Any) -> None:
    """Check parsed JSON against a type.

    Args:
        where: the file, or another name for the content, in the error message.
        content: what was parsed.
        expected: a type, as for `read_json`.

    Raises:
        ValueError: it does not match; the message names the first field that differs.
    """
    try:
        msgspec.convert(content, expected)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(f"{printable(where)}: {_as_ours(str(error))}") from None
    except UnicodeEncodeError:
        # JSON's escapes can express halves of letters, which msgspec cannot read in the name of a field.
        raise ValueError(f"{printable(where)}: expected text, got an escape that is not a letter") from None


def _as_ours(message):
    """Turn msgspec's "Expected `float`, got `str` - at `$.a`" into our order: where, expected, got."""
    what, _, where = message.partition(" - at ")
    what = (what[:1].lower() + what[1:]).replace("`", "")
    where = where.strip("`").removeprefix("$").lstrip(".")
    return f"{where}: {what}" if where else what


def _without_repeats(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def _finite_float(text):
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is out of range")
    return value


def digest_of_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal.

    Raises:
        ValueError: it is not a regular file.
        OSError: it cannot be read.
    """
    with open_regular(path, _MAX_DIGESTED_BYTES) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]


def is_regular(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads, perhaps through links, to a regular file that can be seen."""
    try:
        return stat.S_ISREG(os.stat(Path(path)).st_mode)
    except (OSError, ValueError):
        return False
