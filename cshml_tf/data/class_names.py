"""The one rule for the names of classes, which are listed one per line in text files."""

from collections.abc import Iterable

from cshml_tf.files import printable


def check_class_names(names: Iterable[str], where: object) -> None:
    r"""Refuse names that a list with one name per line cannot hold.

    Args:
        names: the names of classes.
        where: the folder or file that has them, for the error message.

    Raises:
        ValueError: a name is empty, is not UTF-8, begins with a byte order mark, or contains a line end, such as
            `\n`, `\r`, `\x85` (NEL) or `\u2028`.
    """
    for name in names:
        if not name or name.splitlines() != [name] or name.startswith("\ufeff") or not _is_utf8(name):
            raise ValueError(
                f"{printable(str(where))}: expected names of people in UTF-8 without line ends, got "
                f"'{printable(name)}'"
            )


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
